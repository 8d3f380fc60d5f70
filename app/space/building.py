"""A Hugging Face Space that serves the page: written to a folder, looked at, pushed.

logicflow space build my-space
logicflow space push me/my-space --dry-run
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from app.page.examples import EXAMPLE_QUESTIONS, EXAMPLES
from vision.engines.checkpoints import adapter_of, display_name
from vision.engines.loading import SMALL_BYTES
from vision.errors import SettingsError, first_line
from vision.settings import NANO, PREFIX, Settings

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = Path(__file__).parent / "templates"
SERVING = (
    "accelerate argon2-cffi cachetools font-roboto gradio httpx lark latex2mathml limits markdown-it-py math-verify mcp onnxruntime "
    "opencv-python-headless peft pillow pillow-heif pydantic-settings pypdfium2 rapidocr resvg-py safetensors sqlalchemy transformers"
)
"""What serving needs of the project's dependencies, besides torch."""
ZERO_TORCH = "2.11.0"
"""The newest torch that ZeroGPU runs."""
OF_A_MACHINE = ("data_dir", "device", "users")
"""Settings that say nothing on another machine."""
BUILT = '"""The Space: the model is loaded at import, then the page is served."""'
"""How ``space.py`` begins, by which an earlier build is known."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a model needs on a Space.

    Attributes:
        name: as the Hub calls it.
        size: of the GPU that ZeroGPU lends: ``large``, ``xlarge``, or "" on a CPU.
        why: one sentence for a person.
    """

    name: str
    size: str
    why: str


def hardware_for(settings: Settings) -> Hardware:
    """The cheapest hardware that ``settings`` run well on.

    >>> hardware_for(Settings(model="google/gemma-3-27b-it", precision="4bit")).size
    'large'
    """
    billions = _billions(settings.model)
    if billions < 1:
        return Hardware(name="cpu-basic", size="", why="small enough for the free CPU")
    gigabytes = billions * {"8bit": 1.1, "4bit": 0.7}.get(settings.precision, 2.0)
    if gigabytes < 40:
        return Hardware(name="zero-a10g", size="large", why=f"about {gigabytes:.0f} GB of weights; ZeroGPU lends 48 GB")
    if gigabytes < 85:
        return Hardware(name="zero-a10g", size="xlarge", why=f"about {gigabytes:.0f} GB of weights; ZeroGPU lends 96 GB as xlarge")
    raise SettingsError(f"{settings.model} has about {gigabytes:.0f} GB of weights and fits no ZeroGPU; add --precision 4bit")


def _billions(model: str) -> float:
    """Parameters of ``model`` in billions: by its files where it is a folder, else by its name; 4 where it does not say."""
    path = Path(model).expanduser()
    if path.is_dir():
        size = sum(file.stat().st_size for file in path.glob("*.safetensors"))
        return size / 2e9 if size > SMALL_BYTES else 0.0
    named = re.search(r"(\d+(?:\.\d+)?)\s*b(?![a-z])", model.lower())
    return float(named[1]) if named else 4.0


def build(folder: Path, settings: Settings, title: str = "LogicFlow") -> list[Path]:
    """Write the whole Space for ``settings`` into ``folder``, which must be new or an earlier build; its files.

    Raises:
        SettingsError: when ``folder`` holds something else, or the model lies in a folder of this machine.
    """
    folder = folder.resolve()
    if folder.exists() and not _may_be_replaced(folder):
        raise SettingsError(f"{folder} is not empty and no Space that was built here; choose another folder")
    bundled = Path(settings.model) == NANO
    for name in ("" if bundled else settings.model, settings.adapter, settings.compare):
        if name not in ("", "none") and Path(name).expanduser().is_dir():
            raise SettingsError(f"{name} is a folder of this machine; upload it to the Hub ('hf upload') and name it by its Hub id")
    hardware = hardware_for(settings)
    half = folder.with_name(f".{folder.name}.logicflow-half")
    shutil.rmtree(half, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", "*.pyi", *([] if bundled else ["nano"]))
    for package in ("app", "vision"):
        shutil.copytree(ROOT / package, half / package, ignore=skip)
    (half / "examples").mkdir()
    for name, _ in EXAMPLE_QUESTIONS:
        shutil.copy(EXAMPLES / name, half / "examples")
    for name in ("README.md", "space.py", "requirements.txt"):
        filled = Template((TEMPLATES / f"{name}.txt").read_text()).substitute(_words(settings, hardware, title, bundled=bundled))
        (half / name).write_text(filled)
    if (ROOT / "LICENSE").is_file():  # a wheel keeps it elsewhere
        shutil.copy(ROOT / "LICENSE", half / "LICENSE")
    folder.mkdir(exist_ok=True, parents=True)  # it stays the same folder: somebody may stand in it
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for new in half.iterdir():
        new.rename(folder / new.name)
    half.rmdir()
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _may_be_replaced(folder: Path) -> bool:
    """Whether ``folder`` is empty, or was built here and is no clone with a history of its own."""
    if not folder.is_dir() or (folder / ".git").exists():
        return False
    entry = folder / "space.py"
    return not any(folder.iterdir()) or (entry.is_file() and entry.read_text(errors="replace").startswith(BUILT))


def _words(settings: Settings, hardware: Hardware, title: str, *, bundled: bool) -> dict[str, str]:
    """What the templates' names stand for."""
    torch = ZERO_TORCH if hardware.size else version("torch").split("+")[0]
    needed = [f"{name}=={version(name)}" for name in SERVING.split()] + [f"torch=={torch}"]
    needed += ["spaces"] if hardware.size else []
    needed += [f"{name}=={version(name)}" for name in ("gguf", "sentencepiece")] if settings.gguf else []
    needed += [f"bitsandbytes=={version('bitsandbytes')}"] if settings.precision in ("8bit", "4bit") else []
    adapter = adapter_of(settings)
    named = ("" if bundled else settings.model, "" if bundled and not settings.adapter else adapter, settings.compare)
    models = [name for name in named if name]
    left_out = (*OF_A_MACHINE, *(("model",) if bundled else ()))
    changed = {name: value for name, value in settings.model_dump(exclude_unset=True).items() if name not in left_out and value != ""}
    lines = [f'os.environ.setdefault("{PREFIX}{name.upper()}", {str(value)!r})' for name, value in changed.items()]
    terms = (
        "The bundled model was trained from scratch by this project and comes under Apache-2.0, as the code does."
        if bundled
        else "The code comes under Apache-2.0; the model under its own terms (Gemma's are at https://ai.google.dev/gemma/terms)."
    )
    return {
        "title": title,
        "quoted": json.dumps(title),
        "compare": str(not hardware.size),
        "name": display_name(settings),
        "gradio": version("gradio"),
        "hardware": hardware.name,
        "why": hardware.why,
        "models": "".join(f"\n  - {model}" for model in models) or " []",
        "requirements": "\n".join(sorted(needed, key=str.casefold)).replace("math-verify==", "math-verify[antlr4_13_2]=="),
        "settings": "\n".join(lines),
        "spaces": "import spaces  # before torch\n" if hardware.size else "",
        "engine": f'BorrowingEngine(open_engine(settings), spaces.GPU, "{hardware.size}")' if hardware.size else "open_engine(settings)",
        "borrowing": "from app.space.zero import BorrowingEngine\n" if hardware.size else "",
        "terms": terms,
    }


def hardware_of(folder: Path) -> str:
    """The hardware that the Space in ``folder`` asks for in its README.

    Raises:
        SettingsError: when there is none.
    """
    readme = folder / "README.md"
    found = re.search(r"^suggested_hardware: (\S+)$", readme.read_text(), re.MULTILINE) if readme.is_file() else None
    if found is None:
        raise SettingsError(f"{folder} holds no Space; write one with: logicflow space build {folder}")
    return found[1]


@dataclass(frozen=True, kw_only=True)
class Push:
    """What a push does.

    Attributes:
        repo: ``owner/name``.
        folder: a built Space.
        hardware: as the Hub calls it.
        private: whether only the owner sees it; None leaves an existing Space as it is and makes a new one public.
        secrets, variables: name to value; a secret's value is never shown.
    """

    repo: str
    folder: Path
    hardware: str
    private: bool | None
    secrets: Mapping[str, str]
    variables: Mapping[str, str]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", self.repo):
            raise SettingsError(f"the Space is {self.repo!r}; expected OWNER/NAME")
        if not (self.folder / "space.py").is_file():
            raise SettingsError(f"{self.folder} holds no Space; write one with: logicflow space build {self.folder}")

    def plan(self) -> list[str]:
        """What will be done, a line each."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
        size = sum(path.stat().st_size for path in files)
        seen = {True: "private ", False: "public ", None: ""}[self.private]
        lines = [f"create or update the {seen}Space {self.repo} on {self.hardware}"]
        lines += [f"set the variable {name} to {value!r}" for name, value in self.variables.items()]
        lines += [f"set the secret {name} ({len(value)} characters)" for name, value in self.secrets.items()]
        return [*lines, f"upload {len(files)} files, {size / 1e6:.1f} MB, from {self.folder}; what is there already is not sent again"]

    def run(self, token: str | None = None) -> str:
        """Do it; the address of the Space. Run again after a failure, it goes on where it ended.

        Raises:
            SettingsError: when the Hub refuses or cannot be reached, with the remedy.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

        api: Any = HfApi(token=token or os.environ.get("HF_TOKEN"))
        try:
            url = api.create_repo(
                self.repo, repo_type="space", space_sdk="gradio", space_hardware=self.hardware, private=self.private, exist_ok=True
            )
            if self.private is not None:
                api.update_repo_settings(self.repo, repo_type="space", private=self.private)
            for name, value in self.variables.items():
                api.add_space_variable(self.repo, name, value)
            for name, value in self.secrets.items():
                api.add_space_secret(self.repo, name, value)
            api.upload_folder(
                repo_id=self.repo,
                repo_type="space",
                folder_path=self.folder,
                commit_message="Update the page",
                delete_patterns=["app/**", "vision/**", "examples/**"],
            )
            api.request_space_hardware(self.repo, self.hardware)
        except LocalTokenNotFoundError as exc:
            raise SettingsError("the Hub does not know you; run 'hf auth login' or set HF_TOKEN") from exc
        except HfHubHTTPError as exc:
            raise SettingsError(f"the Hub refused: {first_line(exc)}; run the same command again to go on") from exc
        except Exception as exc:  # of the HTTP library that the Hub's client uses, which changes with its versions
            raise SettingsError(f"the Hub cannot be reached ({type(exc).__name__}); run the same command again to go on") from exc
        return str(url)
