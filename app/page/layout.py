"""The page: the conversation, the evidence (answer, pictures, values), and the checked steps, side by side where the window allows it.

    logicflow serve

Layout and wiring only: what events do is in :mod:`app.page.events`, what is shown is made in :mod:`app.page.render`.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import wraps
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from app.page.downloads import Downloads
from app.page.events import Desk
from app.page.examples import EXAMPLES
from app.page.programs import add_endpoints
from app.page.taken import FILE_TYPES
from app.page.views import View
from app.page.wishes import Wishes
from app.serving.accounts import Accounts, Pace
from app.serving.endpoint import Endpoint
from app.serving.headers import Headers
from app.serving.waiting import Waiting
from app.talks.feedback import REASONS
from app.talks.history import History
from app.talks.rival import Rival
from app.talks.values import Conversation, Options
from vision.engines.checkpoints import loading_progress
from vision.engines.engine import Engine
from vision.engines.opening import open_engine, rival_of
from vision.settings import Settings

CSS, SCRIPT = Path(__file__).with_name("page.css"), Path(__file__).with_name("page.js")
MANY = 256
"""Questions at once where the engine is a server, each with a thread that waits for it."""
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
LATEX: list[dict[str, str | bool]] = [
    {"left": a, "right": b, "display": c} for a, b, c in (("$$", "$$", True), ("\\(", "\\)", False), ("\\[", "\\]", True))
]

FOLD_WHEN_NARROW = "() => { if (window.innerWidth < 640) document.querySelector('#lf-fold > button')?.click() }"
WHOLE_ADDRESS = "query => query && window.location.origin + window.location.pathname + query"

Parts = dict[str, Any]
"""Components of the page by their names."""
TALK = ("conversation", "state")
"""What nearly every event takes."""
OPTIONS = tuple(asdict(Options()))
"""The fields of the settings."""
SHOWN = (*TALK, "chat", "box", "kept", "now", "on", "verdict", "evidence", "values", "saw", "steps", "grown")
"""Parts that show a conversation; few, since all of them are looked at for each word of an answer."""
CHANGED = (*SHOWN, *OPTIONS, "pages", "camera", "name", "link", "file")
"""Parts that any event changes."""
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Events that need no engine."""


def about(engine: Engine) -> str:
    """The honest line: which model is loaded and what it can do."""
    if engine.name.startswith("nano"):
        return (
            f"**{engine.name}**: a tiny model of our own for drawn charts in large print. One answer in six is wrong, mostly by "
            "misreading. For real work: `logicflow serve --model google/gemma-3-4b-it`"
        )
    blind = "" if engine.sees else " It reads text only, so of a picture it is given the text that was read in it."
    return f"**{engine.name}** is loaded.{blind} Models make mistakes: look at the steps, and at the marks beside their arithmetic."


def build(engine: Engine, settings: Settings, history: History, pace: Pace, *, compare: bool = True) -> gr.Blocks:
    """The page around an ``engine``; ``settings`` give the limits and defaults, and the second model where there is to be one."""
    compared = rival_of(settings) if compare else None
    rival = None if compared is None else Rival(compared)
    desk = Desk(engine, settings, history, pace, rival)
    page = gr.Blocks(title="LogicFlow", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True)
    with page:
        parts: Parts = {"state": gr.BrowserState(None, storage_key="logicflow", secret=history.secret)}
        parts["conversation"] = gr.State(Conversation(), time_to_live=86400)
        parts |= _sidebar() | _settings(settings, rival.name if rival is not None else "")
        gr.Markdown(f"# LogicFlow\n{about(engine)}", elem_id="lf-head")
        with gr.Row(elem_id="lf-panes"):
            with gr.Column(scale=5, min_width=320, elem_id="lf-talk"):
                parts |= _conversation()
            with gr.Column(scale=7, min_width=360, elem_id="lf-sight"):
                parts |= _evidence()
            with gr.Column(scale=5, min_width=320, elem_id="lf-chain"), gr.Accordion("Steps", elem_id="lf-fold"):
                parts["steps"] = gr.HTML("", container=False, elem_id="lf-steps")
                parts["grown"] = gr.HTML("", container=False, elem_id="lf-grown")
        wire = Wiring(parts, engine)
        _wire_wishes(desk, wire)
        _wire_conversation(desk, wire)
        _wire_history(desk, Downloads(history), wire)
        add_endpoints(engine, settings, desk.pace, wire.turns)
        wire.quick(page.load, desk.arrive, ["state"])
        wire.quick(page.load, desk.follow_link, ["state"])
        page.load(None, js=FOLD_WHEN_NARROW)
        page.unload(desk.stop)
    return page


class Wiring:
    """Connects events of the page with what they do, which names the parts that it takes and changes."""

    def __init__(self, parts: Parts, engine: Engine) -> None:
        self.parts = parts
        self._asked: list[Any] = []
        self.turns: dict[str, Any] = {"concurrency_limit": engine.concurrent, "concurrency_id": "engine"}
        """For events that need the engine: as many at once as it takes, the others wait in line."""

    def quick(self, event: Any, does: Callable[..., Any], takes: Sequence[str] = (), **more: Any) -> Any:
        """An event that needs no engine."""
        return event(self._named(does), self.of(takes), self.of(CHANGED), **(QUICK | more))

    def leaving(self, event: Any, does: Callable[..., Any], takes: Sequence[str]) -> None:
        """The same for one after which the page looks at something else: nothing that was on its way arrives any more."""
        self._end_asked(event)
        self.quick(event, does, takes)

    def asking(self, event: Any, does: Callable[..., Any], takes: Sequence[str]) -> None:
        """An event that asks the engine, in place of what was asked before; who waits sees the place in the queue."""
        shown = {"show_progress": "minimal", "show_progress_on": self.parts["steps"], "api_visibility": "private"}
        self._end_asked(event)
        self._asked.append(event(self._named(does), self.of(takes), self.of(SHOWN), **self.turns, **shown))

    def _end_asked(self, event: Any) -> None:
        """End what was asked, before anything else of this ``event`` happens: a browser does them in the order in which they are named."""
        if self._asked:
            event(None, cancels=[*self._asked], **QUICK)

    def of(self, names: Sequence[str]) -> list[gr.components.Component]:
        """Parts by their names."""
        return [self.parts[name] for name in names]

    def _named(self, does: Callable[..., Any]) -> Callable[..., Any]:
        """``does`` with components in place of their names, as Gradio takes them; nothing at all is a skip."""

        def view(named: View | None) -> Any:
            return {self.parts[name]: value for name, value in (named or {}).items()} or gr.skip()

        @wraps(does)
        def once(*given: Any) -> Any:
            return view(does(*given))

        @wraps(does)
        def growing(*given: Any) -> Iterator[Any]:
            said: View = {}
            for named in does(*given):
                # what a browser keeps is said again: a skip in the middle of a stream would leave its mark in it
                said = {"state": named["state"]} if "state" in named else said
                yield view(said | named)

        return growing if isgeneratorfunction(does) else once


def _sidebar() -> Parts:
    with gr.Sidebar(label="Conversations", open=False, elem_id="lf-side"):
        made: Parts = {"new": gr.Button("New conversation", variant="primary", elem_id="lf-new")}
        made["search"] = gr.Textbox(placeholder="Search", show_label=False, container=False, elem_id="lf-search")
        made["kept"] = gr.Radio([], label="Kept here", elem_id="lf-kept")
        made["link"] = gr.Textbox(show_label=False, container=False, interactive=False, visible=False, buttons=["copy"], elem_id="lf-link")
        made["name"] = gr.Textbox(placeholder="Rename to …", show_label=False, container=False, elem_id="lf-name")
        with gr.Row():
            made["branch"] = gr.Button("Branch", size="sm", elem_id="lf-branch")
            made["address"] = gr.Button("Link", size="sm", elem_id="lf-address")
            made["delete"] = gr.Button("Delete", size="sm", elem_id="lf-delete")
        with gr.Accordion("Export, report, import", open=False, elem_id="lf-files"):
            made["form"] = gr.Radio(["Markdown", "HTML", "JSON"], value="Markdown", label="Format", elem_id="lf-form")
            made["thoughts"] = gr.Checkbox(True, label="With thoughts")
            made["make"] = gr.Button("Make the file", size="sm", elem_id="lf-make")
            made["file"] = gr.File(label="Export", interactive=False, visible=False, elem_id="lf-file")
            made["feedback"] = gr.Button("My feedback as preference rows", size="sm", elem_id="lf-feedback")
            made["pictures"] = gr.Checkbox(False, label="The picture may go into a report")
            made["report"] = gr.Button("Report a wrong answer", size="sm", elem_id="lf-report")
            made["upload"] = gr.UploadButton("Import JSON", file_types=[".json"], size="sm", elem_id="lf-upload")
        made["everything"] = gr.Button("Delete everything", variant="stop", size="sm", elem_id="lf-everything")
    return made


def _conversation() -> Parts:
    made: Parts = {}
    made["chat"] = gr.Chatbot(
        show_label=False,
        elem_id="lf-chat",
        editable="user",
        group_consecutive_messages=False,
        latex_delimiters=LATEX,
        allow_tags=False,
        buttons=["copy"],
        feedback_options=["Like", "Dislike", *REASONS],
        placeholder="Drop a chart anywhere on the page and ask about it.",
    )
    with gr.Column(elem_id="lf-camera"):  # opened by the attach menu of page.js
        made["camera"] = gr.Image(sources=["webcam"], type="filepath", format="png", show_label=False, height=260)
    made["box"] = gr.MultimodalTextbox(
        placeholder="Ask about a picture",
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
        made["on"] = gr.Button("Continue", visible=False, size="sm", min_width=90, elem_id="lf-continue")
    return made


def _evidence() -> Parts:
    made: Parts = {"verdict": gr.HTML("", container=False, elem_id="lf-verdict")}
    made["evidence"] = gr.HTML("", container=False, elem_id="lf-read")
    made["values"] = gr.HTML("", container=False, elem_id="lf-values")
    made["saw"] = gr.Gallery(
        visible=False, columns=3, fit_columns=False, object_fit="contain", height=300, interactive=False, elem_id="lf-saw"
    )
    return made


def _settings(settings: Settings, rival: str) -> Parts:
    """A field for each of :class:`app.talks.values.Options`, by its name and in their order."""
    with gr.Sidebar(label="Settings", open=False, position="right", elem_id="lf-settings"):
        return {
            "thinking": gr.Checkbox(True, label="Think before answering", elem_id="lf-thinking"),
            "temperature": gr.Slider(0.0, 2.0, settings.temperature, step=0.1, label="Temperature"),
            "top_p": gr.Slider(0.05, 1.0, settings.top_p, step=0.05, label="Top-p"),
            "seed": gr.Number(settings.seed, label="Seed", precision=0, minimum=0),
            "max_thought_tokens": gr.Slider(0, 4096, settings.max_thought_tokens, step=16, label="Thought budget, tokens"),
            "pan_and_scan": gr.Radio(
                ["auto", "on", "off"],
                value=settings.pan_and_scan,
                label="Show long pictures in crops too",
                info="auto: where a crop shows more than the whole, for models made for it",
                elem_id="lf-crops",
            ),
            "writing": gr.Radio(
                ["auto", "on", "off"],
                value=settings.writing,
                label="Give the model the text of the picture",
                info="auto: where it is too small for the model to read",
                elem_id="lf-writing",
            ),
            "traces": gr.Slider(
                1, 15, 1, step=1, label="Traces that vote", info="1 answers once, at the temperature above", elem_id="lf-traces"
            ),
            "compare": gr.Checkbox(False, label=f"Compare with {rival}", visible=bool(rival), elem_id="lf-compare"),
        }


def _wire_wishes(desk: Desk, wire: Wiring) -> None:
    """What page.js asks for arrives in hidden fields."""
    wishes = Wishes(desk)
    wish, again = gr.Textbox(visible="hidden", elem_id="lf-wish"), gr.Textbox(visible="hidden", elem_id="lf-again")
    wire.parts |= {"wish": wish, "again": again}
    wire.quick(wish.change, wishes.wish, ["wish", "box", *TALK])
    wire.asking(again.change, wishes.again, ["again", *TALK])


def _wire_conversation(desk: Desk, wire: Wiring) -> None:
    chat, box, parts = wire.parts["chat"], wire.parts["box"], wire.parts
    wire.asking(box.submit, desk.submit, ["box", "pages", *TALK, *OPTIONS])
    wire.quick(box.stop, desk.stop)
    wire.quick(box.change, desk.pages, ["box"])
    wire.quick(parts["camera"].change, desk.add_picture, ["camera", "box"])
    wire.asking(chat.retry, desk.retry, [*TALK, *OPTIONS])
    wire.asking(chat.edit, desk.edit, [*TALK, *OPTIONS])
    wire.asking(parts["on"].click, desk.go_on, TALK)
    wire.leaving(chat.undo, desk.undo, TALK)
    wire.leaving(chat.clear, desk.begin, ["state"])
    wire.quick(chat.select, desk.look, TALK)
    wire.quick(chat.like, desk.like, TALK)
    wire.quick(parts["now"].click, desk.answer_now)


def _wire_history(desk: Desk, downloads: Downloads, wire: Wiring) -> None:
    side = wire.parts
    wire.leaving(side["new"].click, desk.begin, ["state"])
    wire.leaving(side["kept"].input, desk.open, ["kept", "state"])
    wire.leaving(side["branch"].click, desk.branch, TALK)
    wire.quick(
        side["address"].click,
        lambda conversation: {"link": gr.Textbox(desk.link(conversation), visible=True, placeholder="Ask something first")},
        ["conversation"],
    ).then(None, [side["link"]], [side["link"]], js=WHOLE_ADDRESS, show_progress="hidden")
    wire.leaving(side["delete"].click, desk.delete, TALK)
    wire.leaving(side["everything"].click, desk.delete_everything, ["state"])
    wire.quick(side["name"].submit, desk.rename, ["name", *TALK])
    wire.leaving(side["upload"].upload, desk.upload, ["upload", *TALK])
    wire.quick(
        side["search"].input,
        lambda search, conversation, state: {"kept": desk.kept(state, conversation, search)},
        ["search", *TALK],
    )
    wire.quick(side["feedback"].click, lambda state: {"file": gr.File(downloads.feedback(state["key"]), visible=True)}, ["state"])
    wire.quick(
        side["report"].click,
        lambda conversation, state, pictures: {
            "file": gr.File(downloads.report(conversation, state["key"], pictures=bool(pictures)), visible=True)
        },
        [*TALK, "pictures"],
    )
    wire.quick(
        side["make"].click,
        lambda form, thoughts, *kept: {"file": gr.File(downloads.conversation(form, thoughts, kept[0], kept[1]["key"]), visible=True)},
        ["form", "thoughts", *TALK],
    )


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
    if engine is None:
        with Waiting(host, port, loading_progress(settings)):
            if open_browser:
                webbrowser.open(f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}")
            engine = open_engine(settings)
    history, pace = History(Path(settings.data_dir)), Pace(settings.questions_per_minute)
    page = build(engine, settings, history, pace, compare=compare)
    page.queue(max_size=64)
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=not block,
        share=False,
        quiet=not block,
        show_error=True,  # what a program got wrong is told to it
        max_threads=40 if engine.concurrent else MANY,
        max_file_size=int(settings.max_image_mb * 1024 * 1024),
        allowed_paths=[str((history.folder / "pictures").resolve()), *(str(path.resolve()) for path in EXAMPLES.glob("*.png"))],
        footer_links=["api"],
        ssr_mode=False,
        auth=accounts.admits if accounts is not None else None,
        mcp_server=accounts is None,  # MCP clients cannot sign in
        app_kwargs={"routes": list(Endpoint(engine, settings, accounts, pace).router.routes), "middleware": [Middleware(Headers)]},
        theme=theme(),
        css_paths=[str(CSS)],
        js=f"() => {{ {SCRIPT.read_text(encoding='utf-8')} }}",
    )
    return page
