from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app.space.building import Push, build, hardware_for
from tests.app.hub import Hub
from vision import Settings, SettingsError


def front_matter(folder: Path) -> dict[str, object]:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "charts"
    build(folder, Settings())
    return folder


def test_a_built_space_has_what_a_space_needs(built: Path) -> None:
    front = front_matter(built)
    pins = dict(line.split("==") for line in (built / "requirements.txt").read_text().splitlines() if "==" in line)
    assert front["sdk"] == "gradio" and front["sdk_version"] == pins["gradio"] and (built / str(front["app_file"])).is_file()
    assert front["suggested_hardware"] == "cpu-basic" and len(str(front["short_description"])) <= 60
    assert (built / "vision" / "nano" / "model.safetensors").is_file() and (built / "examples" / "harvest.png").is_file()
    compile((built / "space.py").read_text(), "space.py", "exec")
    assert not list(built.rglob("__pycache__")) and "Apache-2.0" in (built / "README.md").read_text()


def test_a_large_model_is_named_not_copied_and_borrows_a_gpu(tmp_path: Path) -> None:
    build(tmp_path / "s", Settings(model="google/gemma-3-27b-it", precision="4bit"))
    entry = (tmp_path / "s" / "space.py").read_text()
    compile(entry, "space.py", "exec")
    assert not (tmp_path / "s" / "vision" / "nano").exists()
    assert "spaces.GPU" in entry and entry.index("import spaces") < entry.index("from vision") and "google/gemma-3-27b-it" in entry
    assert front_matter(tmp_path / "s")["models"] == ["google/gemma-3-27b-it"]
    assert "bitsandbytes==" in (tmp_path / "s" / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("model", "precision", "name", "size"),
    [
        ("google/gemma-3-4b-it", "auto", "zero-a10g", "large"),
        ("google/gemma-3-12b-it", "auto", "zero-a10g", "large"),
        ("google/gemma-3-27b-it", "auto", "zero-a10g", "xlarge"),
        ("google/gemma-3-27b-it", "4bit", "zero-a10g", "large"),
    ],
)
def test_hardware_follows_the_model(model: str, precision: str, name: str, size: str) -> None:
    hardware = hardware_for(Settings(model=model, precision=precision))  # type: ignore[arg-type]
    assert (hardware.name, hardware.size) == (name, size)


def test_a_build_takes_no_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(SettingsError, match="not empty"):
        build(tmp_path, Settings())
    assert (tmp_path / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize("inside", ["space.py", ".git/HEAD"])
def test_a_build_replaces_nothing_of_somebody_else(tmp_path: Path, inside: str) -> None:
    (tmp_path / "mine" / inside).parent.mkdir(parents=True)
    (tmp_path / "mine" / inside).write_text("print('mine')")
    with pytest.raises(SettingsError, match="choose another folder"):
        build(tmp_path / "mine", Settings())
    assert (tmp_path / "mine" / inside).read_text() == "print('mine')"


def test_a_space_is_built_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(Path("."), Settings(users="people.txt", seed=7), title='Charts: "a" story')
    assert front_matter(tmp_path)["title"] == 'Charts: "a" story'
    entry = (tmp_path / "space.py").read_text()
    assert "LOGICFLOW_SEED" in entry and "people.txt" not in entry


def test_a_build_can_be_built_again(built: Path) -> None:
    (built / "stale.txt").write_text("old")
    build(built, Settings(), title="Again")
    assert not (built / "stale.txt").exists() and front_matter(built)["title"] == "Again"


def test_a_model_of_this_machine_must_be_uploaded_first(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(SettingsError, match="upload it to the Hub"):
        build(tmp_path / "s", Settings(model=str(tmp_path / "m")))


@pytest.fixture
def hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    made = Hub(fail_commits=getattr(request, "param", 0))
    yield made
    made.close()


def push(hub: Hub, built: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", "space", "push", "me/charts", "--from", str(built), *more]
    env = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_TOKEN": "hf_local",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "KEY": "hidden",
    }
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def test_a_dry_run_sends_nothing_and_shows_no_secret(hub: Hub, built: Path) -> None:
    done = push(hub, built, "--dry-run", "--secret", "KEY", "--variable", "LOGICFLOW_SEED=3")
    assert done.returncode == 0 and "cpu-basic" in done.stdout and "LOGICFLOW_SEED to '3'" in done.stdout
    assert "hidden" not in done.stdout and "secret KEY" in done.stdout and not hub.calls


@pytest.mark.parametrize("hub", [1], indirect=True)
def test_a_broken_push_goes_on_where_it_ended(hub: Hub, built: Path) -> None:
    broken = push(hub, built, "--secret", "KEY", "--variable", "LOGICFLOW_SEED=3")
    assert broken.returncode == 2 and "again" in broken.stderr and "Traceback" not in broken.stderr and not hub.files
    sent = hub.uploads
    assert sent > 0
    done = push(hub, built, "--secret", "KEY", "--variable", "LOGICFLOW_SEED=3", "--private")
    assert done.returncode == 0, done.stderr
    assert hub.uploads == sent  # weights and pictures were there already
    there = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert there <= set(hub.files) and hub.files["space.py"] == (built / "space.py").read_bytes()
    said = {path.rsplit("/", 1)[1]: value for _, path, value in hub.calls}
    assert said["secrets"]["value"] == "hidden" and said["variables"] == {"key": "LOGICFLOW_SEED", "value": "3"}
    assert said["settings"] == {"visibility": "private"}
    assert said["create"]["sdk"] == "gradio" and said["hardware"]["flavor"] == "cpu-basic"
    assert all(token == "Bearer hf_local" for token, path, _ in hub.calls if path.startswith("/api/spaces"))


def test_a_hub_that_is_not_there_gives_a_sentence(hub: Hub, built: Path) -> None:
    hub.close()
    done = push(hub, built)
    assert done.returncode == 2 and "cannot be reached" in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_name_gives_a_sentence(built: Path) -> None:
    with pytest.raises(SettingsError, match="OWNER/NAME"):
        Push(repo="charts", folder=built, hardware="cpu-basic", private=False, secrets={}, variables={})
