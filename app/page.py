"""The page: a picture and a question on the left, the answer and its checked steps on the right.

    logicflow serve

Layout and wiring only; what is shown is made in :mod:`app.render`, what is answered in :mod:`vision.ask`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# Nothing is fetched or reported from this page; gradio reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr  # noqa: E402

from app.render import answer_html, error_html, reasoning_html  # noqa: E402
from app.session import Running  # noqa: E402
from vision.ask import Reply, ask_live, limits_of, open_engine, sampling_of  # noqa: E402
from vision.engine import Engine  # noqa: E402
from vision.errors import LogicFlowError  # noqa: E402
from vision.settings import Settings  # noqa: E402

CSS = Path(__file__).with_name("page.css")
EXAMPLES = Path(__file__).parent.parent / "examples"
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]

PACE_S = 0.05

EXAMPLE_QUESTIONS = (
    ("harvest.png", "What is the total of all values?"),
    ("visitors.png", "How much higher is Museum than Library?"),
    ("budget.png", "What is the sum of Rent and Food?"),
    ("bakery.png", "What comes after Mix?"),
    ("garden.png", "What is the perimeter?"),
)


class Picture(gr.Image):
    """An image upload whose file reaches :mod:`vision.images` as it came, so that one place opens pictures."""

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return None if payload is None else str(payload.path)


def paced(replies: Iterator[Reply]) -> Iterator[Reply]:
    """``replies`` at most every :data:`PACE_S` seconds, the last one always: a browser gains nothing from more."""
    shown = 0.0
    for reply in replies:
        now = time.monotonic()
        if reply.usage is not None or now - shown >= PACE_S:
            shown = now
            yield reply


def about(engine: Engine) -> str:
    """The honest line: which model is loaded and what it can do."""
    if engine.name.startswith("nano"):
        return (
            f"**{engine.name}** is loaded: a tiny model of our own that is still learning to read drawn charts. Its steps are well formed, "
            "its readings mostly wrong. For real work load a large one: `logicflow serve --model google/gemma-3-4b-it`."
        )
    return f"**{engine.name}** is loaded. Models make mistakes: look at the steps, and at the marks beside their arithmetic."


def build(engine: Engine, settings: Settings) -> gr.Blocks:
    """The page around an ``engine``; ``settings`` give the limits and defaults."""
    running = Running()
    sampling, limits = sampling_of(settings), limits_of(settings)

    def answer(picture: str | None, question: str, thinking: bool, temperature: float, request: gr.Request) -> Iterator[Any]:
        session = str(request.session_hash)
        control = running.begin(session)
        busy = (gr.Button(interactive=False), gr.Button(interactive=True), gr.Button(interactive=True))
        ready = (gr.Button(interactive=True), gr.Button(interactive=False), gr.Button(interactive=False))
        try:
            if picture is None:
                raise LogicFlowError("there is no picture yet; drop one on the left or choose an example")
            yield (answer_html(Reply(question=question)), reasoning_html(Reply(question=question)), *busy)
            drawn = replace(sampling, temperature=temperature)
            replies = ask_live(picture, question, engine, sampling=drawn, thinking=thinking, limits=limits, control=control)
            for reply in paced(replies):
                yield (answer_html(reply), reasoning_html(reply), *(busy if reply.usage is None else ready))
        except LogicFlowError as exc:
            yield (error_html(str(exc)), "", *ready)
        finally:
            running.end(session, control)

    def stop(request: gr.Request) -> None:
        running.stop(str(request.session_hash))

    def answer_now(request: gr.Request) -> None:
        running.answer_now(str(request.session_hash))

    with gr.Blocks(title="LogicFlow", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as page:
        gr.Markdown(f"# LogicFlow\n{about(engine)}", elem_id="lf-head")
        with gr.Row():
            with gr.Column(scale=5):
                picture = Picture(
                    type="filepath", image_mode=None, sources=["upload", "clipboard"], label="Picture", height=320, elem_id="lf-picture"
                )
                question = gr.Textbox(
                    label="Question", placeholder="What is the total of all values?", lines=1, max_lines=4, elem_id="lf-question"
                )
                with gr.Row():
                    send = gr.Button("Ask", variant="primary", elem_id="lf-ask")
                    now = gr.Button("Answer now", interactive=False, elem_id="lf-now")
                    halt = gr.Button("Stop", variant="stop", interactive=False, elem_id="lf-stop")
                with gr.Accordion("Settings", open=False):
                    thinking = gr.Checkbox(True, label="Think before answering")
                    temperature = gr.Slider(0.0, 1.5, settings.temperature, step=0.1, label="Temperature")
                shown = [[str(EXAMPLES / name), text] for name, text in EXAMPLE_QUESTIONS if (EXAMPLES / name).is_file()]
                if shown:
                    gr.Examples(shown, [picture, question], cache_examples=False, label="Examples")
            with gr.Column(scale=6):
                answered = gr.HTML("", label="Answer", show_label=True, container=True, elem_id="lf-answer")
                reasoned = gr.HTML("", label="Steps", show_label=True, container=True, elem_id="lf-steps")
        outputs = [answered, reasoned, send, now, halt]
        gr.on(
            [send.click, question.submit],
            answer,
            [picture, question, thinking, temperature],
            outputs,
            concurrency_limit=1,
            show_progress="hidden",
            api_name="ask",
        )
        halt.click(stop, None, None, queue=False, show_progress="hidden", api_visibility="private")
        now.click(answer_now, None, None, queue=False, show_progress="hidden", api_visibility="private")
        page.unload(stop)
    return page


def launch(settings: Settings, *, host: str, port: int, open_browser: bool, block: bool = True) -> gr.Blocks:
    """Load the model, then serve the page until Ctrl-C (or, with ``block`` off, in the background)."""
    engine = open_engine(settings)
    page = build(engine, settings)
    page.queue(max_size=64)
    page.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        prevent_thread_lock=not block,
        share=False,
        quiet=not block,
        max_file_size=int(settings.max_image_mb * 1024 * 1024),
        footer_links=["api"],
        ssr_mode=False,
        theme=gr.themes.Soft(font=FONT, font_mono=MONO),
        css_paths=[str(CSS)],
    )
    return page
