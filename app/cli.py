"""The command line: ``logicflow ask``, ``vote``, ``table``, ``serve``, ``model`` and more. Nothing heavy is imported to print help.

The thought goes to stderr, dimmed, as it streams; the answer goes to stdout. Exit codes: 0 answered, 1 no answer,
2 bad input.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from app.command import (
    Adapter,
    AsJson,
    Commands,
    EngineModel,
    EngineUrl,
    Gguf,
    GiveWriting,
    Model,
    PanAndScan,
    Precision,
    Seed,
    ThoughtTokens,
    Words,
    fail,
    sentences,
    settings_of,
)  # fmt: skip
from app.space.command import space

if TYPE_CHECKING:
    from vision.answers.consensus import Weighing
    from vision.settings import Settings

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ask a picture a question, watch the answer being reasoned out, and see every arithmetic claim checked.",
)
app.add_typer(space, name="space")


def _told_version(wanted: bool) -> None:
    if wanted:
        from vision.version import version

        print(f"logicflow {version()}")
        raise typer.Exit()


@app.callback()
def logicflow(
    version: Annotated[
        bool, typer.Option("--version", callback=_told_version, is_eager=True, help="Print the version and its commit.")
    ] = False,
) -> None:
    """Ask a picture a question, watch the answer being reasoned out, and see every arithmetic claim checked."""


@app.command()
def ask(
    words: Words,
    as_json: AsJson = False,
    model: Model = None,
    adapter: Adapter = None,
    gguf: Gguf = None,
    engine_url: EngineUrl = None,
    engine_model: EngineModel = None,
    precision: Precision = None,
    max_thought_tokens: ThoughtTokens = None,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token every time; up to 2.")] = None,
    seed: Seed = None,
    pan_and_scan: PanAndScan = None,
    writing: GiveWriting = None,
    thinking: Annotated[bool, typer.Option("--thinking/--no-thinking", help="Whether to think before answering.")] = True,
    why: Annotated[bool, typer.Option("--why", help="Tell where each number of each step comes from.")] = False,
) -> None:
    """Ask a question about one picture or several."""
    settings = settings_of(
        model=model,
        adapter=adapter,
        gguf=gguf,
        engine_url=engine_url,
        engine_model=engine_model,
        precision=precision,
        max_thought_tokens=max_thought_tokens,
        temperature=temperature,
        seed=seed,
        pan_and_scan=pan_and_scan,
        writing=writing,
    )
    from app.terminal import show
    from vision.ask import ask_live

    reply = _run(words, settings, partial(ask_live, thinking=thinking), partial(show, quiet=as_json, why=why))
    if as_json:
        from vision.as_json import reply_as_json

        print(json.dumps(reply_as_json(reply), ensure_ascii=False, indent=2))
    elif reply.answer:
        print(reply.answer_text)
    if not reply.answer:
        print(reply.why_no_answer, file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def vote(
    words: Words,
    as_json: AsJson = False,
    model: Model = None,
    adapter: Adapter = None,
    gguf: Gguf = None,
    engine_url: EngineUrl = None,
    engine_model: EngineModel = None,
    precision: Precision = None,
    max_thought_tokens: ThoughtTokens = None,
    traces: Annotated[
        int, typer.Option(min=1, max=64, help="Traces at most; those that still run when the vote is settled are ended.")
    ] = 5,
    temperatures: Annotated[str, typer.Option(help="One a trace, with commas, instead of --traces; 0.2 to 1.0 when left out.")] = "",
    weights: Annotated[str, typer.Option(help="How traces weigh: count, probability, claims or trust.")] = "count",
    seed: Seed = None,
    pan_and_scan: PanAndScan = None,
    writing: GiveWriting = None,
) -> None:
    """Ask several times and let the answers vote."""
    if weights not in ("count", "probability", "claims", "trust"):
        fail(f"--weights is {weights!r}; expected count, probability, claims or trust")
    settings = settings_of(
        model=model,
        adapter=adapter,
        gguf=gguf,
        engine_url=engine_url,
        engine_model=engine_model,
        precision=precision,
        max_thought_tokens=max_thought_tokens,
        seed=seed,
        pan_and_scan=pan_and_scan,
        writing=writing,
    )
    drawn = _temperatures(temperatures, traces)
    from app.terminal import show_votes
    from vision.ask import vote_live

    ballot = _run(
        words, settings, partial(vote_live, temperatures=drawn, weighing=cast("Weighing", weights)), partial(show_votes, quiet=as_json)
    )
    if as_json:
        from vision.as_json import ballot_as_json

        print(json.dumps(ballot_as_json(ballot), ensure_ascii=False, indent=2))
    elif ballot.vote.winner:
        print(ballot.vote.winner)
    if not ballot.vote.winner:
        print(f"no answer: all {len(ballot.replies)} traces ended without one; raise the token budgets", file=sys.stderr)
        raise typer.Exit(1)


@app.command("model")
def model_facts(
    name: Annotated[str, typer.Argument(metavar="[MODEL]", help="Checkpoint directory, GGUF file or Hub id.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    adapter: Adapter = None,
    gguf: Gguf = None,
    precision: Precision = None,
) -> None:
    """Tell what a model is, what it takes, how it is stepped, and whether it fits here."""
    settings = settings_of(model=name or None, adapter=adapter, gguf=gguf, precision=precision)
    from app.terminal import facts_lines
    from vision.engines.facts import facts_of

    facts = facts_of(settings)
    print(json.dumps(vars(facts) | {"fits": facts.fits}, ensure_ascii=False, indent=2) if as_json else "\n".join(facts_lines(facts)))
    if not facts.fits:
        raise typer.Exit(1)


@app.command()
def table(
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="A chart or a table; of a PDF page 1, or chart.pdf#page=2.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with every value's source and place.")] = False,
    reading: Annotated[
        bool, typer.Option("--model-reads/--no-model", help="Whether the model is asked, or only what stands there told.")
    ] = True,
    model: Model = None,
    adapter: Adapter = None,
    engine_url: EngineUrl = None,
    engine_model: EngineModel = None,
    precision: Precision = None,
) -> None:
    """Tell the values that a chart or a table shows, and where each comes from."""
    settings = settings_of(model=model, adapter=adapter, engine_url=engine_url, engine_model=engine_model, precision=precision)
    from app.terminal import table_lines
    from vision.ask import limits_of, sampling_of
    from vision.ask import table as tabulated
    from vision.engines.opening import open_engine
    from vision.pictures.documents import open_pictures

    limits = limits_of(settings)
    opened = open_pictures(picture, limits)[0]
    engine = open_engine(settings) if reading else None
    found = tabulated(opened, engine, sampling=sampling_of(settings), limits=limits, writing=settings.writing)
    if not found.rows:
        fail(f"no values were found in {picture}; is it a chart or a table?", 1)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        print(found.csv(), end="") if as_csv else print("\n".join(table_lines(found)))


@app.command()
def feedback(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where feedback.json, dataset_info.json and images/ are written.")],
) -> None:
    """Write what people thought of answers on the page as preference rows for LLaMA-Factory."""
    settings = settings_of()
    with sentences(f"{folder} cannot be written", "choose another folder"):
        from app.talks.feedback import preference_rows, write_preferences
        from app.talks.history import History

        history = History(Path(settings.data_dir))
        judged = history.verdicts()
        rows = preference_rows(judged)
        write_preferences(folder, rows, history.any_picture)
    print(f"{len(rows)} rows from {len(judged)} verdicts in {folder}")


@app.command()
def serve(
    model: Model = None,
    adapter: Adapter = None,
    gguf: Gguf = None,
    engine_url: EngineUrl = None,
    engine_model: EngineModel = None,
    precision: Precision = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    compare: Annotated[str | None, typer.Option(help="Second model, for answers side by side; else the base of the adapter.")] = None,
    users: Annotated[str | None, typer.Option(help="File of users who may sign in; see 'logicflow user'.")] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """Open the page: picture and question in, checked steps beside the answer out."""
    settings = settings_of(
        model=model,
        adapter=adapter,
        gguf=gguf,
        engine_url=engine_url,
        engine_model=engine_model,
        precision=precision,
        compare=compare,
        users=users,
    )
    with sentences(f"port {port} on {host} cannot be used", "choose another with --port"):
        from app.page.layout import launch

        launch(settings, host=host, port=port, open_browser=open_browser)


@app.command()
def user(
    file: Annotated[Path, typer.Argument(help="The file that 'logicflow serve --users' reads.")],
    name: Annotated[str, typer.Argument(help="Who may sign in.")],
    password: Annotated[str | None, typer.Option(help="Asked for when left out.")] = None,
    token: Annotated[bool, typer.Option("--token", help="Print a new token for programs that call the endpoint.")] = False,
) -> None:
    """Add a user of the page, set a password anew, or make a token for programs."""
    with sentences(f"{file} cannot be written", "choose another file"):
        from app.serving.accounts import new_token, set_password

        if token:
            print(new_token(file, name))
            return
        set_password(file, name, password or typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    print(f"{name} may sign in with {file}")


def _temperatures(written: str, traces: int) -> tuple[float, ...]:
    from vision.ask import spread

    if not written:
        return spread(traces)
    try:
        found = tuple(float(part) for part in written.split(","))
    except ValueError:
        fail(f"--temperatures is {written!r}; expected numbers with commas, as in 0.2,0.6,1.0")
    wrong = [value for value in found if not 0 <= value <= 2]
    if wrong or len(found) > 64:
        fail(f"--temperatures has {f'{wrong[0]:g}' if wrong else f'{len(found)} numbers'}; expected up to 64 numbers from 0 to 2")
    return found


Live = Callable[..., Any]


def _run(words: list[str], settings: Settings, live: Live, show: Callable[[Any], Any]) -> Any:
    """Open pictures and model and ``show`` what is answered ``live``; mistakes become sentences."""
    if len(words) < 2:
        fail("give at least one picture and then the question: logicflow ask chart.png 'What is the total?'")
    from vision.ask import limits_of, sampling_of
    from vision.engines.opening import open_engine
    from vision.pictures.documents import open_pictures
    from vision.prompts import check_question

    limits = limits_of(settings)
    pictures = [picture for source in words[:-1] for picture in open_pictures(source, limits)]  # before a model is loaded in vain
    question = check_question(words[-1])
    how = {"pan_and_scan": settings.pan_and_scan, "writing": settings.writing, "abstain": settings.abstain}
    return show(live(pictures, question, open_engine(settings), sampling=sampling_of(settings), limits=limits, **how))


def main() -> None:
    """Entry point of the ``logicflow`` script."""
    try:
        app()
    finally:  # all is said: an interruption while Python ends would only draw a traceback
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
