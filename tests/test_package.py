"""What is published: a source distribution, and the wheel that is built from it, used outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=os.environ | environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution of the files that git knows or would take."""
    folder = tmp_path_factory.mktemp("built")
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    run(sys.executable, "-m", "build", "--sdist", "--outdir", str(folder), "source", cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder / "sdist", filter="data")
    (unpacked,) = (folder / "sdist").iterdir()
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(unpacked), cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_works_outside_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    bin = tmp_path / "venv" / "bin"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    run(str(bin / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel), cwd=tmp_path)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))  # what it depends on is here already
    assert run(str(bin / "logicflow"), "--version", cwd=tmp_path).strip() == f"logicflow {wheel.name.split('-')[1]}"
    place = run(str(bin / "python"), "-c", "import vision; print(vision.__file__)", cwd=tmp_path)
    assert str(tmp_path) in place, "it is the wheel that is used"
    examples = run(str(bin / "python"), "-c", "from app.page.examples import EXAMPLES; print(EXAMPLES)", cwd=tmp_path).strip()
    assert len(list(Path(examples).glob("*.png"))) == 5
    said = run(str(bin / "logicflow"), "ask", f"{examples}/harvest.png", "How much is Apple?", cwd=tmp_path)
    assert said.strip() == "The answer is 39."
    recipe = site / "finetune" / "grpo_nano.yaml"
    assert recipe.is_file() and (site / "finetune" / "synthesize" / "prices.yaml").is_file()
    assert (site / "app" / "space" / "templates" / "space.py.txt").is_file() and (site / "vision" / "nano" / "README.md").is_file()
