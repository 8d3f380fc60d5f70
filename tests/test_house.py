"""The README and the house: the map is true, arrows point one way, nothing speaks of a single machine."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for room in ("vision", "app", "finetune") for path in (ROOT / room).rglob("*.py"))


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """CPython 3.11 fails in ``ast.parse`` where the collector ends one of Playwright's greenlets in the middle of it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_the_arrows_between_the_rooms_point_one_way() -> None:
    for path in SOURCES:
        room = path.relative_to(ROOT).parts[0]
        allowed = {"vision": {"vision"}, "app": {"app", "vision"}, "finetune": {"finetune", "vision"}}[room]
        assert imports(path) & {"vision", "app", "finetune", "tests"} <= allowed, path


def test_every_module_says_what_it_is() -> None:
    for path in SOURCES:
        if path.name != "__init__.py" or path.read_text().strip():
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_readmes_map_names_what_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    above: list[str] = []
    named = set()
    for line in text[text.index("## Map") : text.index("## Limits")].splitlines():
        if match := re.match(r"( *)([\w.]+/?)(?:\s|$)", line):
            above = above[: len(match[1]) // 2]
            named.add("/".join([*above, match[2].rstrip("/")]))
            above.append(match[2].rstrip("/"))
    missing = [name for name in named if not (ROOT / name).exists()]
    assert named and not missing
    for path in (*(ROOT / "vision").glob("*.py"), *(ROOT / "vision").glob("*/*.py"), *(ROOT / "app").glob("*.py")):
        if path.name != "__init__.py":
            assert str(path.relative_to(ROOT)) in named, f"{path} is missing from the README's map"


def test_the_rooms_of_vision_use_only_those_that_they_may() -> None:
    barred = {"pictures": {"engines", "thoughts", "answers", "prompts", "settings"}, "thoughts": {"engines"}, "answers": {"engines"}}
    barred["engines"] = {"answers"}
    for path in sorted((ROOT / "vision").glob("*/**/*.py")):
        room = path.relative_to(ROOT / "vision").parts[0]
        used = {name.split(".")[1] for name in re.findall(r"(?:from|import) (vision\.\w+)", path.read_text())}
        assert not used & barred.get(room, set()), path


def test_a_bare_make_explains_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("app", "test", "check", "bench", "train-nano"):
        assert f"make {target} " in shown


def test_no_code_is_evaluated_and_nothing_is_unpickled() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert not called & {"eval", "exec"} and "pickle" not in imports(path), path


def test_the_readmes_shell_example_is_what_the_command_prints() -> None:
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```\n\$ (logicflow ask [^\n]+)\n(.*?)```", text, re.DOTALL)
    assert block, "the README shows one example with its real output"
    import shlex

    arguments = shlex.split(block.group(1))[1:]
    done = subprocess.run([sys.executable, "-m", "app.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert (done.stderr + done.stdout).strip() == block.group(2).strip()


@pytest.mark.parametrize("name", ["ask.py", "draw.py"])
def test_an_example_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    arguments = [str(tmp_path)] if name == "draw.py" else []
    done = subprocess.run([sys.executable, f"examples/{name}", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    if name == "draw.py":
        for drawn in tmp_path.glob("*.png"):
            sides = [np.asarray(Image.open(path).convert("RGB"), float) for path in (drawn, ROOT / "examples" / drawn.name)]
            assert sides[0].shape == sides[1].shape and np.abs(sides[0] - sides[1]).mean() < 2, "the generator draws the examples"


def test_the_checking_example_finds_the_mistake() -> None:
    done = subprocess.run([sys.executable, "examples/check.py"], input="39 + 31 = 71", cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "it is 70" in done.stdout
