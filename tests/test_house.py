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


def mapped(readme: Path, title: str) -> set[str]:
    """Paths in the map that follows ``title``, seen from the folder of the ``readme``; indented names lie in the folder above them."""
    block = readme.read_text().split(title, 1)[1].split("```")[1]
    above: list[str] = []
    named = set()
    for line in block.splitlines():
        indent, text = len(line) - len(line.lstrip()), line.strip()
        for name in re.findall(r"[\w*.]+\.\w+|[\w/]+/(?=\s)", re.split(r"\s{2,}", text)[0] + " ") if indent < 4 else []:
            above = above[: indent // 2]
            named.add("/".join([*above, name.rstrip("/")]))
            if name.endswith("/"):
                above.append(name.rstrip("/"))
    return named


@pytest.mark.parametrize("room", ["app", "vision", "finetune"])
def test_a_rooms_map_names_what_is_there(room: str) -> None:
    named = mapped(ROOT / room / "README.md", "## Files")
    missing = [name for name in named if not list((ROOT / room).glob(name))]
    assert len(named) > 8 and not missing
    text = (ROOT / room / "README.md").read_text()
    for path in (ROOT / room).rglob("*.py"):
        if path.name not in ("__init__.py", "__main__.py") and "environment" not in path.parts:
            known = path.name in text or re.search(rf"\b{path.stem}\b", text.split("```")[1])
            assert known, f"{path.relative_to(ROOT)} is missing from the map of {room}/README.md"


def test_the_readme_maps_the_rooms_and_is_one_that_one_reads() -> None:
    assert {"app", "vision", "finetune", "tests", "examples"} <= mapped(ROOT / "README.md", "## Map")
    assert (ROOT / "README.md").read_text().count("\n") <= 150
    for room in ("app", "vision", "finetune"):
        assert (ROOT / room / "README.md").read_text().count("\n") <= 250


def test_no_file_is_longer_than_400_lines_and_no_function_than_60() -> None:
    for path in (*SOURCES, *(ROOT / "tests").rglob("*.py")):
        text = path.read_text()
        assert text.count("\n") <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


def test_the_rooms_of_vision_use_only_those_that_they_may() -> None:
    barred = {"pictures": {"engines", "thoughts", "answers", "prompts", "settings"}, "thoughts": {"engines"}, "answers": {"engines"}}
    barred["engines"] = {"answers"}
    for path in sorted((ROOT / "vision").glob("*/**/*.py")):
        room = path.relative_to(ROOT / "vision").parts[0]
        used = {name.split(".")[1] for name in re.findall(r"(?:from|import) (vision\.\w+)", path.read_text())}
        assert not used & barred.get(room, set()), path


def test_a_bare_make_explains_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("app", "test", "quick", "check", "bench", "train-nano", "proof"):
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
