"""The page: the conversation, the evidence (answer, pictures, values), and the checked steps, side by side where the window allows it.

    logicflow serve

Layout and wiring only: what events do is in :mod:`app.page.events`, what is shown is made in :mod:`app.page.render`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from app.page.downloads import Downloads
from app.page.events import EXAMPLES, Desk
from app.page.taken import FILE_TYPES
from app.page.wishes import Wishes
from app.serving.accounts import Accounts, Pace, caller
from app.serving.endpoint import Endpoint
from app.talks.feedback import REASONS
from app.talks.history import History
from app.talks.values import Conversation
from vision.as_json import ballot_as_json, reply_as_json
from vision.ask import ask as ask_engine
from vision.ask import limits_of, sampling_of, spread
from vision.ask import table as table_of_engine
from vision.ask import vote as vote_engine
from vision.engines.checkpoints import display_name
from vision.engines.engine import Engine
from vision.engines.opening import open_engine, rival_of
from vision.errors import LogicFlowError, SettingsError
from vision.pictures.lines import GiveWriting
from vision.settings import Settings

CSS, SCRIPT = Path(__file__).with_name("page.css"), Path(__file__).with_name("page.js")
MANY = 256
"""Questions at once where the engine is a server, each with a thread that waits for it."""
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
LATEX = [{"left": a, "right": b, "display": c} for a, b, c in (("$$", "$$", True), ("\\(", "\\)", False), ("\\[", "\\]", True))]

FOLD_WHEN_NARROW = "() => { if (window.innerWidth < 640) document.querySelector('#lf-fold > button')?.click() }"
NAME_PICTURES = """() => {
  const name = () => document.querySelectorAll(".image-container > button:not([aria-label])").forEach(
    button => button.setAttribute("aria-label", "Show the picture large"))
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true})
}"""
"""Gradio leaves the pictures of a chat without a name for screen readers."""
WHOLE_ADDRESS = "query => query && window.location.origin + window.location.pathname + query"

QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Events that need no engine."""


def about(engine: Engine) -> str:
    """The honest line: which model is loaded and what it can do."""
    if engine.name.startswith("nano"):
        return (
            f"**{engine.name}** is loaded: a tiny model of our own that reads drawn charts in large print and gets a "
            "question in six wrong, mostly by misreading. For real work load a large one: `logicflow serve --model google/gemma-3-4b-it`."
        )
    blind = "" if engine.sees else " It reads text only, so of a picture it is given the text that was read in it."
    return f"**{engine.name}** is loaded.{blind} Models make mistakes: look at the steps, and at the marks beside their arithmetic."


def build(engine: Engine, settings: Settings, history: History, pace: Pace, *, compare: bool = True) -> gr.Blocks:
    """The page around an ``engine``; ``settings`` give the limits and defaults, and the second model where there is to be one."""
    compared = rival_of(settings) if compare else None
    rival = None if compared is None else cache(lambda: open_engine(compared))  # loaded when it is first asked
    desk = Desk(engine, settings, history, pace, rival)
    with gr.Blocks(title="LogicFlow", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as page:
        state = gr.BrowserState(None, storage_key="logicflow", secret=history.secret)
        conversation = gr.State(Conversation(), time_to_live=86400)
        side = _sidebar()
        gr.Markdown(f"# LogicFlow\n{about(engine)}", elem_id="lf-head")
        with gr.Row(elem_id="lf-panes"):
            with gr.Column(scale=5, min_width=320, elem_id="lf-talk"):
                talking = _conversation()
                chosen = _settings(settings, display_name(compared) if compared is not None else "")
            with gr.Column(scale=7, min_width=360, elem_id="lf-sight"):
                verdict = gr.HTML("", container=False, elem_id="lf-verdict")
                evidence = gr.HTML("", container=False, elem_id="lf-read")
                values = gr.HTML("", container=False, elem_id="lf-values")
                saw = gr.Gallery(
                    visible=False, columns=3, fit_columns=False, object_fit="contain", height=300, interactive=False, elem_id="lf-saw"
                )
            with gr.Column(scale=5, min_width=320, elem_id="lf-chain"), gr.Accordion("Steps", elem_id="lf-fold"):
                steps = gr.HTML("", container=False, elem_id="lf-steps")
        wish, again = gr.Textbox(visible="hidden", elem_id="lf-wish"), gr.Textbox(visible="hidden", elem_id="lf-again")
        buttons = [talking["stop"], talking["now"], talking["on"]]
        shown = [state, conversation, talking["chat"], steps, side["kept"], *buttons, saw, evidence, verdict, values]
        wishes = Wishes(desk, len(shown))
        wish.change(wishes.wish, [wish, talking["box"], conversation, state], [talking["box"], *shown], **QUICK)
        answering = {**_turns(engine), "show_progress": "hidden", "api_visibility": "private"}
        again.change(wishes.again, [again, conversation, state], shown, **answering)
        _wire_conversation(desk, talking, chosen, conversation, state, shown, steps)
        _wire_history(desk, Downloads(history), side, conversation, state, shown)
        _endpoints(engine, settings, desk.pace)
        page.load(desk.arrive, [state], shown, **QUICK)
        page.load(desk.follow_link, [state], [talking["box"], *chosen], **QUICK)
        page.load(None, js=FOLD_WHEN_NARROW)
        page.load(None, js=NAME_PICTURES)
        page.unload(desk.stop)
    return page


def _sidebar() -> dict[str, Any]:
    with gr.Sidebar(label="Conversations", open=False, elem_id="lf-side"):
        made = {"new": gr.Button("New conversation", variant="primary", elem_id="lf-new")}
        made["search"] = gr.Textbox(placeholder="Search", show_label=False, container=False, elem_id="lf-search")
        made["kept"] = gr.Radio([], label="Kept here", elem_id="lf-kept")
        made["link"] = gr.Textbox(show_label=False, container=False, interactive=False, visible=False, buttons=["copy"], elem_id="lf-link")
        made["name"] = gr.Textbox(placeholder="Rename to …", show_label=False, container=False, elem_id="lf-name")
        with gr.Row():
            made["branch"] = gr.Button("Branch", size="sm", elem_id="lf-branch")
            made["address"] = gr.Button("Link", size="sm", elem_id="lf-address")
            made["delete"] = gr.Button("Delete", size="sm", elem_id="lf-delete")
        with gr.Accordion("Export and import", open=False):
            made["form"] = gr.Radio(["Markdown", "HTML", "JSON"], value="Markdown", label="Format", elem_id="lf-form")
            made["thoughts"] = gr.Checkbox(True, label="With thoughts")
            made["make"] = gr.Button("Make the file", size="sm", elem_id="lf-make")
            made["file"] = gr.File(label="Export", interactive=False, visible=False, elem_id="lf-file")
            made["feedback"] = gr.Button("My feedback as preference rows", size="sm", elem_id="lf-feedback")
            made["upload"] = gr.UploadButton("Import JSON", file_types=[".json"], size="sm", elem_id="lf-upload")
        made["everything"] = gr.Button("Delete everything", variant="stop", size="sm", elem_id="lf-everything")
    return made


def _conversation() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["chat"] = gr.Chatbot(
        label="Conversation",
        elem_id="lf-chat",
        height=400,
        editable="user",
        group_consecutive_messages=False,
        latex_delimiters=LATEX,
        allow_tags=False,
        buttons=["copy"],
        feedback_options=["Like", "Dislike", *REASONS],
        placeholder="Drop a chart anywhere on the page and ask about it.",
    )
    made["box"] = gr.MultimodalTextbox(
        placeholder="Ask about a picture; drop, paste or choose one or several",
        file_types=FILE_TYPES,
        file_count="multiple",
        max_lines=6,
        show_label=False,
        elem_id="lf-box",
    )
    made["pages"] = gr.Textbox(
        "1", label="Pages of the PDF", info="numbers with commas, as in 1 or 2-4,7", visible=False, max_lines=1, elem_id="lf-pages"
    )
    with gr.Row(elem_id="lf-buttons"):
        made["now"] = gr.Button("Answer now", visible=False, size="sm", min_width=90, elem_id="lf-now")
        made["stop"] = gr.Button("Stop", variant="stop", visible=False, size="sm", min_width=90, elem_id="lf-stop")
        made["on"] = gr.Button("Continue", visible=False, size="sm", min_width=90, elem_id="lf-continue")
    with gr.Accordion("Camera", open=False, elem_id="lf-camera"):
        made["camera"] = gr.Image(sources=["webcam"], type="filepath", format="png", show_label=False, height=260)
    return made


def _settings(settings: Settings, rival: str) -> list[Any]:
    """A field for each of :class:`app.talks.values.Options`, in their order."""
    with gr.Accordion("Settings", open=False, elem_id="lf-settings"):
        return [
            gr.Checkbox(True, label="Think before answering", elem_id="lf-thinking"),
            gr.Slider(0.0, 2.0, settings.temperature, step=0.1, label="Temperature"),
            gr.Slider(0.05, 1.0, settings.top_p, step=0.05, label="Top-p"),
            gr.Number(settings.seed, label="Seed", precision=0, minimum=0),
            gr.Slider(0, 4096, settings.max_thought_tokens, step=16, label="Thought budget, tokens"),
            gr.Radio(
                ["auto", "on", "off"],
                value=settings.pan_and_scan,
                label="Show long pictures in crops too",
                info="auto: where a crop shows more than the whole, for models made for it",
                elem_id="lf-crops",
            ),
            gr.Radio(
                ["auto", "on", "off"],
                value=settings.writing,
                label="Give the model the text of the picture",
                info="auto: where it is too small for the model to read",
                elem_id="lf-writing",
            ),
            gr.Slider(1, 15, 1, step=1, label="Traces that vote", info="1 answers once, at the temperature above", elem_id="lf-traces"),
            gr.Checkbox(False, label=f"Compare with {rival}", visible=bool(rival), elem_id="lf-compare"),
        ]


def _turns(engine: Engine) -> dict[str, Any]:
    """For events that need the engine: as many at once as it takes, the others wait in line."""
    return {"concurrency_limit": engine.concurrent, "concurrency_id": "engine"}


def _wire_conversation(
    desk: Desk, talking: dict[str, Any], chosen: list[Any], conversation: Any, state: Any, shown: list[Any], steps: Any
) -> None:
    chat, box = talking["chat"], talking["box"]
    # who waits for a turn sees the place in the queue where the steps will be
    answering = {**_turns(desk.engine), "show_progress": "minimal", "show_progress_on": steps, "api_visibility": "private"}
    kept = [conversation, state]
    box.submit(desk.submit, [box, talking["pages"], *kept, *chosen], [box, *shown], **answering)
    talking["camera"].change(desk.add_picture, [talking["camera"], box], [talking["camera"], box], **QUICK)
    box.change(desk.pages, [box], [talking["pages"]], **QUICK)
    chat.retry(desk.retry, [*kept, *chosen], shown, **answering)
    chat.edit(desk.edit, [*kept, *chosen], shown, **answering)
    talking["on"].click(desk.go_on, kept, shown, **answering)
    chat.undo(desk.undo, kept, [box, *shown], **QUICK)
    chat.clear(desk.begin, [state], shown, **QUICK)
    chat.select(desk.look, kept, [steps, *shown[-3:-1]], **QUICK)
    chat.like(desk.like, kept, [conversation], **QUICK)
    talking["stop"].click(desk.stop, None, None, **QUICK)
    talking["now"].click(desk.answer_now, None, None, **QUICK)


def _wire_history(desk: Desk, downloads: Downloads, side: dict[str, Any], conversation: Any, state: Any, shown: list[Any]) -> None:
    kept = [conversation, state]
    side["new"].click(desk.begin, [state], shown, **QUICK)
    side["kept"].input(desk.open, [side["kept"], state], shown, **QUICK)
    side["branch"].click(desk.branch, kept, shown, **QUICK)
    side["address"].click(
        lambda conversation: gr.Textbox(desk.link(conversation), visible=True, placeholder="Ask something first"),
        [conversation],
        [side["link"]],
        **QUICK,
    ).then(None, [side["link"]], [side["link"]], js=WHOLE_ADDRESS, show_progress="hidden")
    side["delete"].click(desk.delete, kept, shown, **QUICK)
    side["everything"].click(desk.delete_everything, [state], shown, **QUICK)
    side["name"].submit(desk.rename, [side["name"], *kept], [side["name"], *shown], **QUICK)
    side["upload"].upload(desk.upload, [side["upload"], *kept], shown, **QUICK)
    side["search"].input(
        lambda search, conversation, state: desk.kept(state, conversation, search), [side["search"], *kept], [side["kept"]], **QUICK
    )
    side["feedback"].click(lambda state: gr.File(downloads.feedback(state["key"]), visible=True), [state], [side["file"]], **QUICK)
    side["make"].click(
        lambda form, thoughts, *kept: gr.File(downloads.conversation(form, thoughts, kept[0], kept[1]["key"]), visible=True),
        [side["form"], side["thoughts"], *kept],
        [side["file"]],
        **QUICK,
    )


def _endpoints(engine: Engine, settings: Settings, pace: Pace) -> None:
    """What programs and agents call, as endpoints and MCP tools: ``ask``, ``vote`` and ``table``, with a picture in and JSON out."""
    with gr.Row(visible=False):
        picture, question = gr.File(type="filepath", label="picture"), gr.Textbox(label="question")
        thinking, temperature = gr.Checkbox(True, label="thinking"), gr.Number(settings.temperature, label="temperature")
        seed, traces, result = gr.Number(settings.seed, label="seed"), gr.Number(5, label="traces"), gr.JSON(label="result")
        writing = gr.Radio(["auto", "on", "off"], value=settings.writing, label="writing")
        given = [picture, question, thinking, temperature, seed, writing]
        gr.Button().click(_asking(engine, settings, pace), given, result, api_name="ask", **_turns(engine))
        given = [picture, question, traces, seed, writing]
        gr.Button().click(_voting(engine, settings, pace), given, result, api_name="vote", **_turns(engine))
        gr.Button().click(_tabulating(engine, settings, pace), [picture, writing], result, api_name="table", **_turns(engine))


def _asking(engine: Engine, settings: Settings, pace: Pace) -> Callable[..., dict[str, Any]]:
    usual, shown = (
        sampling_of(settings),
        {"limits": limits_of(settings), "pan_and_scan": settings.pan_and_scan, "abstain": settings.abstain},
    )

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
    usual, shown = (
        sampling_of(settings),
        {"limits": limits_of(settings), "pan_and_scan": settings.pan_and_scan, "abstain": settings.abstain},
    )

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


def theme() -> gr.themes.Base:
    """Gradio's soft theme with text as dark as WCAG AA asks for."""
    return gr.themes.Soft(font=FONT, font_mono=MONO).set(
        block_label_text_color="*primary_700", block_title_text_color="*primary_700", body_text_color_subdued="*neutral_600"
    )


def launch(
    settings: Settings,
    *,
    host: str,
    port: int,
    open_browser: bool = False,
    block: bool = True,
    engine: Engine | None = None,
    compare: bool = True,
) -> gr.Blocks:
    """Load the model unless an ``engine`` is given, then serve the page until Ctrl-C (or, with ``block`` off, in the background).

    With ``compare`` off no second model is offered, for an engine beside which none could be loaded.
    """
    accounts = Accounts(Path(settings.users)) if settings.users else None
    engine = engine or open_engine(settings)
    history, pace = History(Path(settings.data_dir)), Pace(settings.questions_per_minute)
    page = build(engine, settings, history, pace, compare=compare)
    page.queue(max_size=64)
    page.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        prevent_thread_lock=not block,
        share=False,
        quiet=not block,
        max_threads=40 if engine.concurrent else MANY,
        max_file_size=int(settings.max_image_mb * 1024 * 1024),
        allowed_paths=[str((history.folder / "pictures").resolve()), *(str(path.resolve()) for path in EXAMPLES.glob("*.png"))],
        footer_links=["api"],
        ssr_mode=False,
        auth=accounts.admits if accounts is not None else None,
        mcp_server=accounts is None,  # MCP clients cannot sign in
        app_kwargs={"routes": list(Endpoint(engine, settings, accounts, pace).router.routes)},
        theme=theme(),
        css_paths=[str(CSS)],
        js=f"() => {{ {SCRIPT.read_text(encoding='utf-8')} }}",
    )
    return page
