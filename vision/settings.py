"""Typed settings, read from ``LOGICFLOW_*`` variables and overridden by the command line.

An unknown ``LOGICFLOW_*`` variable is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vision.errors import SettingsError
from vision.pictures.crops import PanAndScan
from vision.pictures.lines import GiveWriting

NANO = Path(__file__).parent / "nano"
"""The bundled model; its thinking adapter lies in ``thinking`` below it."""

Precision = Literal["auto", "fp32", "bf16", "8bit", "4bit"]

Compiling = Literal["auto", "off", "on"]

PREFIX = "LOGICFLOW_"


class Settings(BaseSettings):
    """Everything that a user may set, with its unit."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    model: str = Field(str(NANO), description="checkpoint directory, GGUF file or Hub id; with engine_url, the model of that server")
    gguf: str = Field("", description="GGUF file in the model's directory or Hub repository that holds its weights; empty for safetensors")
    adapter: str = Field("", description="LoRA adapter directory or Hub id; empty for the one that comes with the model, 'none' for none")
    compare: str = Field(
        "", description="second model for side-by-side answers, a checkpoint directory or Hub id; empty for the base of an adapter"
    )
    precision: Precision = Field(
        "auto", description="weights: auto is bf16, or fp32 where a CPU is faster in it; 8bit and 4bit need bitsandbytes"
    )
    device: str = Field("auto", description="device map for accelerate, or a device such as cpu or cuda:0")
    compile: Compiling = Field("auto", description="decode steps: on compiles them, auto records them on a GPU, off does neither")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 takes the likeliest token every time")
    top_p: float = Field(0.95, gt=0.0, le=1.0, description="share of probability that sampling draws from")
    seed: int = Field(0, ge=0, lt=2**63, description="of sampling")
    max_thought_tokens: int = Field(1024, ge=0, le=65536, description="tokens after which a thought is closed; 0 for no thought")
    max_answer_tokens: int = Field(512, ge=1, le=16384, description="tokens of the answer after its thought")
    max_image_mb: float = Field(20.0, gt=0, le=200, description="size of a picture file, megabytes")
    max_megapixels: float = Field(50.0, gt=0, le=200, description="size of a picture, millions of pixels")
    data_dir: str = Field(
        "", description="folder for kept conversations; by default logicflow in the user's data folder", validate_default=True
    )
    pan_and_scan: PanAndScan = Field("auto", description="whether long pictures are also shown in crops: auto, on or off")
    writing: GiveWriting = Field("auto", description="whether the model is given the text of pictures: auto, on or off")
    abstain: bool = Field(False, description="answer 'I cannot tell' where the answer is not traced to the picture")
    users: str = Field("", description="file of users who may sign in to the page; empty lets everybody in")
    questions_per_minute: int = Field(0, ge=0, le=10_000, description="limit for each user of the page; 0 for none")
    engine_url: str = Field("", description="server that answers instead of a model in this process: OpenAI's protocol, up to and with /v1")
    engine_key: SecretStr = Field(SecretStr(""), description="key for that server")
    engine_model: str = Field("", description="model as that server names it; empty for the only one that it serves")
    engine_quiet_s: float = Field(120.0, gt=0, le=3600, description="seconds without a token after which that server is given up")
    reuse_mb: int = Field(1024, ge=0, le=1_000_000, description="memory for pictures and prompts that need not be read twice, megabytes")
    allow_urls: bool = Field(False, description="whether pictures are fetched from http(s) addresses")

    @field_validator("engine_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("expected an address such as http://localhost:8000/v1")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_engine(cls, values: dict[str, object]) -> dict[str, object]:
        """A model beside a server is that server's model."""
        if not values.get("engine_url") or not values.get("model"):
            return values
        here = {name: value for name, value in values.items() if name != "model"}
        if values.get("engine_model") not in (None, "", values["model"]):
            raise ValueError(f"model is {values['model']!r} and engine_model {values['engine_model']!r}; give one of them to engine_url")
        return here | {"engine_model": values["model"]}

    @field_validator("data_dir")
    @classmethod
    def _found(cls, value: str) -> str:
        home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
        return value or str(Path(home) / "logicflow")


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment with ``overrides`` that are not None on top.

    Raises:
        SettingsError: naming the setting, its value and what is expected.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise SettingsError(
                f"unknown setting {name}" + (f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}")
            )
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as exc:
        first = exc.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # of several settings together
            raise SettingsError(said) from exc
        name = str(first["loc"][0])
        near = difflib.get_close_matches(name, Settings.model_fields, 1)
        hint = f"; did you mean {near[0]}?" if first["type"] == "extra_forbidden" and near else ""
        raise SettingsError(f"{name} is {first['input']!r}: {said[:1].lower()}{said[1:]}{hint}") from exc
