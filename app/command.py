"""What all commands share: options by their names, settings, and how a mistake is told in one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from vision.settings import Settings

Model = Annotated[str | None, typer.Option(help="Checkpoint directory, GGUF file or Hub id; the bundled nano when left out.")]
Adapter = Annotated[str | None, typer.Option(help="LoRA adapter directory or Hub id; 'none' for the bare model.")]
Gguf = Annotated[str | None, typer.Option(help="GGUF file in the model's directory or Hub repository that holds its weights.")]
EngineUrl = Annotated[str | None, typer.Option(help="Server that answers instead, such as vLLM: http://localhost:8000/v1.")]
EngineModel = Annotated[str | None, typer.Option(help="Model as that server names it; its only one when left out.")]
Precision = Annotated[str | None, typer.Option(help="auto, fp32, bf16, 8bit or 4bit.")]
Words = Annotated[
    list[str],
    typer.Argument(metavar="PICTURE... QUESTION", help="Pictures, SVG or PDF, then the question; of a PDF page 1, or chart.pdf#page=2-3."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object with steps, claims and usage.")]
ThoughtTokens = Annotated[int | None, typer.Option(help="Tokens after which the thought is closed.")]
PanAndScan = Annotated[str | None, typer.Option(help="Show long pictures in crops too: auto, on or off.")]
GiveWriting = Annotated[str | None, typer.Option("--writing", help="Give the model the text of the pictures: auto, on or off.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the sampling.")]


def settings_of(**overrides: Any) -> Settings:
    """The settings with what was given on the command line on top."""
    from vision.settings import load_settings

    return load_settings(**overrides)


def fail(sentence: str, code: int = 2) -> NoReturn:
    """One sentence and an exit code."""
    print(f"logicflow: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


class Commands(TyperGroup):
    """Commands whose mistakes and whose Ctrl-C are told in one place."""

    def invoke(self, ctx: Any) -> Any:
        with sentences():
            return super().invoke(ctx)


@contextmanager
def sentences(cannot: str = "", remedy: str = "") -> Iterator[None]:
    """What goes wrong is one sentence and an exit code (1 where a model failed, else 2); Ctrl-C ends at once.

    Args:
        cannot: what cannot be done where the system says no, "" where it is not expected to.
        remedy: what to do about it.
    """
    try:
        yield
    except OSError as exc:
        if not cannot:
            raise
        fail(f"{cannot} ({exc.strerror or exc}); {remedy}")
    except typer.Exit:  # also the end of --help, for which nothing heavy is to be imported
        raise
    except Exception as exc:
        from vision.errors import GenerationError, LogicFlowError

        if not isinstance(exc, LogicFlowError):
            raise
        fail(str(exc), 1 if isinstance(exc, GenerationError) else 2)
    except KeyboardInterrupt:
        with suppress(OSError):
            print(file=sys.stderr, flush=True)
            sys.stdout.flush()
        os._exit(130)  # another thread is in the middle of a step: it would abort where the interpreter ends under it
