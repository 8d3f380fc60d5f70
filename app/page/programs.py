"""What programs and agents call: ``ask``, ``vote`` and ``table`` as endpoints and MCP tools, with a picture in and JSON out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gradio as gr

from app.serving.accounts import Pace, caller
from vision.as_json import ballot_as_json, reply_as_json
from vision.ask import ask as ask_engine
from vision.ask import limits_of, sampling_of, spread
from vision.ask import table as table_of_engine
from vision.ask import vote as vote_engine
from vision.engines.engine import Engine
from vision.errors import LogicFlowError, SettingsError
from vision.pictures.lines import GiveWriting
from vision.settings import Settings


def add_endpoints(engine: Engine, settings: Settings, pace: Pace, turns: dict[str, Any]) -> None:
    """Offer them on the page that is being built; ``turns`` tells Gradio how many may run at once."""
    with gr.Row(visible=False):
        picture, question = gr.File(type="filepath", label="picture"), gr.Textbox(label="question")
        thinking, temperature = gr.Checkbox(True, label="thinking"), gr.Number(settings.temperature, label="temperature")
        seed, traces, result = gr.Number(settings.seed, label="seed"), gr.Number(5, label="traces"), gr.JSON(label="result")
        writing = gr.Radio(["auto", "on", "off"], value=settings.writing, label="writing")
        given = [picture, question, thinking, temperature, seed, writing]
        gr.Button().click(_asking(engine, settings, pace), given, result, api_name="ask", **turns)
        given = [picture, question, traces, seed, writing]
        gr.Button().click(_voting(engine, settings, pace), given, result, api_name="vote", **turns)
        gr.Button().click(_tabulating(engine, settings, pace), [picture, writing], result, api_name="table", **turns)


def _asking(engine: Engine, settings: Settings, pace: Pace) -> Callable[..., dict[str, Any]]:
    usual = sampling_of(settings)
    shown: dict[str, Any] = {"limits": limits_of(settings), "pan_and_scan": settings.pan_and_scan, "abstain": settings.abstain}

    def ask(
        picture: str,
        question: str,
        request: gr.Request,
        thinking: bool = True,
        temperature: float = 0.0,
        seed: float = 0,
        writing: GiveWriting = settings.writing,
    ) -> dict[str, Any]:
        """Ask a question about a picture; the thought comes back as steps whose arithmetic was checked.

        Args:
            picture: JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF or SVG, or a PDF, whose first page is read.
            question: what to find out about it.
            thinking: whether to reason before answering.
            temperature: 0 for the likeliest answer, up to 2.
            seed: of the sampling.
            writing: whether the model is given the text of the picture: auto, on or off.
        """
        with _refusals():
            pace.check(caller(request))
            drawn = replace(usual, temperature=temperature, seed=int(seed))
            return reply_as_json(ask_engine(picture, question, engine, sampling=drawn, thinking=thinking, writing=writing, **shown))

    return ask


def _voting(engine: Engine, settings: Settings, pace: Pace) -> Callable[..., dict[str, Any]]:
    usual = sampling_of(settings)
    shown: dict[str, Any] = {"limits": limits_of(settings), "pan_and_scan": settings.pan_and_scan, "abstain": settings.abstain}

    def vote(
        picture: str, question: str, request: gr.Request, traces: float = 5, seed: float = 0, writing: GiveWriting = settings.writing
    ) -> dict[str, Any]:
        """Ask several times and let the answers vote; the winner comes back with its share and every trace.

        Args:
            picture: JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF or SVG, or a PDF, whose first page is read.
            question: what to find out about it.
            traces: at most so many, 1 to 64; those that still run when the vote is settled are ended.
            seed: of the first trace.
            writing: whether the model is given the text of the picture: auto, on or off.
        """
        with _refusals():
            pace.check(caller(request))
            if not 1 <= traces <= 64:
                raise SettingsError(f"traces is {traces}; expected 1 to 64")
            drawn, temperatures = replace(usual, seed=int(seed)), spread(int(traces))
            ballot = vote_engine(picture, question, engine, sampling=drawn, temperatures=temperatures, writing=writing, **shown)
            return ballot_as_json(ballot)

    return vote


def _tabulating(engine: Engine, settings: Settings, pace: Pace) -> Callable[..., dict[str, Any]]:
    usual, limits = sampling_of(settings), limits_of(settings)

    def table(picture: str, request: gr.Request, writing: GiveWriting = settings.writing) -> dict[str, Any]:
        """The values that a chart or a table shows, each with where it comes from: printed, measured, or read by the model alone.

        Args:
            picture: JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF or SVG, or a PDF, whose first page is read.
            writing: whether the model is given the text of the picture: auto, on or off.
        """
        with _refusals():
            pace.check(caller(request))
            return table_of_engine(picture, engine, sampling=usual, limits=limits, writing=writing).as_json()

    return table


@contextmanager
def _refusals() -> Iterator[None]:
    """What goes wrong reaches a program as one sentence."""
    try:
        yield
    except LogicFlowError as exc:
        raise gr.Error(str(exc), print_exception=False) from exc
