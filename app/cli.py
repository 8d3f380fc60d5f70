"""The command line: ``logicflow ask``, ``vote``, ``table``, ``serve``, ``model`` and more. Nothing heavy is imported to print help.

The thought goes to stderr, dimmed, as it streams; the answer goes to stdout. Exit codes: 0 answered, 1 no answer,
2 bad input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from vision.settings import Settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ask a picture a question, watch the answer being reasoned out, and see every arithmetic claim checked.",
)

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
    settings = _settings(
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
    from vision.ask import ask_live, sampling_of

    def live(pictures: list[Any], question: str, engine: Any, limits: Any) -> Any:
        return ask_live(
            pictures,
            question,
            engine,
            sampling=sampling_of(settings),
            thinking=thinking,
            limits=limits,
            pan_and_scan=settings.pan_and_scan,
            writing=settings.writing,
            abstain=settings.abstain,
        )

    reply = _run(words, settings, live, partial(show, quiet=as_json, why=why))
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
        _fail(f"--weights is {weights!r}; expected count, probability, claims or trust")
    settings = _settings(
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
    from vision.ask import sampling_of, vote_live

    def live(pictures: list[Any], question: str, engine: Any, limits: Any) -> Any:
        return vote_live(
            pictures,
            question,
            engine,
            sampling=sampling_of(settings),
            temperatures=drawn,
            weighing=weights,  # type: ignore[arg-type]
            limits=limits,
            pan_and_scan=settings.pan_and_scan,
            writing=settings.writing,
            abstain=settings.abstain,
        )

    ballot = _run(words, settings, live, partial(show_votes, quiet=as_json))
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
    settings = _settings(model=name or None, adapter=adapter, gguf=gguf, precision=precision)
    from app.terminal import facts_lines
    from vision.errors import LogicFlowError

    try:
        from vision.engines.facts import facts_of

        facts = facts_of(settings)
    except LogicFlowError as exc:
        _fail(str(exc))
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
    settings = _settings(model=model, adapter=adapter, engine_url=engine_url, engine_model=engine_model, precision=precision)
    from app.terminal import table_lines

    with _sentences():
        from vision.ask import limits_of, sampling_of
        from vision.ask import table as tabulated
        from vision.engines.opening import open_engine
        from vision.pictures.documents import open_pictures

        limits = limits_of(settings)
        opened = open_pictures(picture, limits)[0]
        engine = open_engine(settings) if reading else None
        found = tabulated(opened, engine, sampling=sampling_of(settings), limits=limits, writing=settings.writing)
    if not found.rows:
        _fail(f"no values were found in {picture}; is it a chart or a table?", 1)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        print(found.csv(), end="") if as_csv else print("\n".join(table_lines(found)))


@app.command()
def feedback(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where feedback.json, dataset_info.json and images/ are written.")],
) -> None:
    """Write what people thought of answers on the page as preference rows for LLaMA-Factory."""
    settings = _settings()
    from vision.errors import LogicFlowError

    try:
        from app.talks.feedback import preference_rows, write_preferences
        from app.talks.history import History

        history = History(Path(settings.data_dir))
        judged = history.verdicts()
        rows = preference_rows(judged)
        write_preferences(folder, rows, history.any_picture)
    except LogicFlowError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"{folder} cannot be written ({exc.strerror}); choose another folder")
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
    settings = _settings(
        model=model,
        adapter=adapter,
        gguf=gguf,
        engine_url=engine_url,
        engine_model=engine_model,
        precision=precision,
        compare=compare,
        users=users,
    )
    from vision.errors import LogicFlowError

    try:
        from app.page.layout import launch

        launch(settings, host=host, port=port, open_browser=open_browser)
    except LogicFlowError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"port {port} on {host} cannot be used ({exc}); choose another with --port")


@app.command()
def user(
    file: Annotated[Path, typer.Argument(help="The file that 'logicflow serve --users' reads.")],
    name: Annotated[str, typer.Argument(help="Who may sign in.")],
    password: Annotated[str | None, typer.Option(help="Asked for when left out.")] = None,
    token: Annotated[bool, typer.Option("--token", help="Print a new token for programs that call the endpoint.")] = False,
) -> None:
    """Add a user of the page, set a password anew, or make a token for programs."""
    from vision.errors import LogicFlowError

    try:
        from app.serving.accounts import new_token, set_password

        if token:
            print(new_token(file, name))
            return
        set_password(file, name, password or typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    except LogicFlowError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"{file} cannot be written ({exc.strerror}); choose another file")
    print(f"{name} may sign in with {file}")


space = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write or push a Hugging Face Space that serves the page.")
app.add_typer(space, name="space")


@space.command("build")
def space_build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an earlier build.")],
    model: Model = None,
    adapter: Adapter = None,
    precision: Precision = None,
    title: Annotated[str, typer.Option(help="Title of the Space.")] = "LogicFlow",
) -> None:
    """Write a complete Space into a folder."""
    settings = _settings(model=model, adapter=adapter, precision=precision)
    from vision.errors import LogicFlowError

    try:
        from app.space.building import build, hardware_for

        files = build(folder, settings, title)
        hardware = hardware_for(settings)
    except LogicFlowError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"{folder} cannot be written ({exc.strerror}); choose another folder")
    size = f" ({hardware.size})" if hardware.size else ""
    print(f"{len(files)} files in {folder}; suggested hardware {hardware.name}{size}: {hardware.why}")


@space.command("push")
def space_push(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The Space on the Hub.")],
    folder: Annotated[Path, typer.Option("--from", help="A folder that 'space build' wrote.")] = Path("space"),
    hardware: Annotated[str, typer.Option(help="As the Hub calls it; what the model needs when left out.")] = "",
    private: Annotated[bool | None, typer.Option("--private/--public", help="Who may see it; as it is when left out.")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, or NAME to take it from the environment; repeatable.")] = None,
    variable: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done.")] = False,
) -> None:
    """Create or update a Space on the Hub; run it again after a broken upload."""
    from vision.errors import LogicFlowError

    try:
        from app.space.building import Push, hardware_of

        push = Push(
            repo=repo,
            folder=folder,
            hardware=hardware or hardware_of(folder),
            private=private,
            secrets=_pairs(secret or [], "--secret", from_environment=True),
            variables=_pairs(variable or [], "--variable"),
        )
        print("\n".join(push.plan()))
        if not dry_run:
            print(push.run())
    except LogicFlowError as exc:
        _fail(str(exc))


def _pairs(written: list[str], option: str, *, from_environment: bool = False) -> dict[str, str]:
    made = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals and from_environment and name in os.environ:
            value = os.environ[name]
        elif not equals or not name.isidentifier():
            _fail(f"{option} is {name!r}; expected NAME=VALUE" + (" or the name of a variable that is set" if from_environment else ""))
        made[name] = value
    return made


def _settings(**overrides: Any) -> Settings:
    from vision.errors import LogicFlowError
    from vision.settings import load_settings

    try:
        return load_settings(**overrides)
    except LogicFlowError as exc:
        _fail(str(exc))


def _temperatures(written: str, traces: int) -> tuple[float, ...]:
    from vision.ask import spread

    if not written:
        return spread(traces)
    try:
        found = tuple(float(part) for part in written.split(","))
    except ValueError:
        _fail(f"--temperatures is {written!r}; expected numbers with commas, as in 0.2,0.6,1.0")
    wrong = [value for value in found if not 0 <= value <= 2]
    if wrong or len(found) > 64:
        _fail(f"--temperatures has {f'{wrong[0]:g}' if wrong else f'{len(found)} numbers'}; expected up to 64 numbers from 0 to 2")
    return found


Live = Callable[[list[Any], str, Any, Any], Any]


def _run(words: list[str], settings: Settings, live: Live, show: Callable[[Any], Any]) -> Any:
    """Open pictures and model and ``show`` what is answered ``live``; mistakes become sentences."""
    if len(words) < 2:
        _fail("give at least one picture and then the question: logicflow ask chart.png 'What is the total?'")
    from vision.pictures.documents import open_pictures
    from vision.prompts import check_question

    with _sentences():
        from vision.ask import limits_of
        from vision.engines.opening import open_engine

        limits = limits_of(settings)
        pictures = [picture for source in words[:-1] for picture in open_pictures(source, limits)]  # before a model is loaded in vain
        question = check_question(words[-1])
        return show(live(pictures, question, open_engine(settings), limits))


@contextmanager
def _sentences() -> Iterator[None]:
    """What goes wrong while a model answers is one sentence and an exit code; Ctrl-C ends at once."""
    from vision.errors import GenerationError, LogicFlowError

    try:
        yield
    except LogicFlowError as exc:
        _fail(str(exc), 1 if isinstance(exc, GenerationError) else 2)
    except KeyboardInterrupt:
        with suppress(OSError):
            print(file=sys.stderr, flush=True)
            sys.stdout.flush()
        os._exit(130)  # another thread is in the middle of a step: it would abort where the interpreter ends under it


def _fail(sentence: str, code: int = 2) -> NoReturn:
    print(f"logicflow: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the ``logicflow`` script."""
    try:
        app()
    finally:  # all is said: an interruption while Python ends would only draw a traceback
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
