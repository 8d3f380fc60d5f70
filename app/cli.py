"""The command line: ``logicflow ask`` and ``logicflow serve``. Nothing heavy is imported to print help.

The thought goes to stderr, dimmed, as it streams; the answer goes to stdout. Exit codes: 0 answered, 1 no answer,
2 bad input.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vision.ask import Reply
    from vision.settings import Settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ask a picture a question, watch the answer being reasoned out, and see every arithmetic claim checked.",
)

Model = Annotated[str | None, typer.Option(help="Checkpoint directory or Hub id; the bundled nano when left out.")]
Adapter = Annotated[str | None, typer.Option(help="LoRA adapter directory or Hub id; 'none' for the bare model.")]
Precision = Annotated[str | None, typer.Option(help="auto, fp32, bf16, 8bit or 4bit.")]


@app.command()
def ask(
    words: Annotated[list[str], typer.Argument(metavar="PICTURE... QUESTION", help="One picture or several, then the question.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with steps, claims and usage.")] = False,
    model: Model = None,
    adapter: Adapter = None,
    precision: Precision = None,
    max_thought_tokens: Annotated[int | None, typer.Option(help="Tokens after which the thought is closed.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token every time; up to 2.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampling.")] = None,
    thinking: Annotated[bool, typer.Option("--thinking/--no-thinking", help="Whether to think before answering.")] = True,
) -> None:
    """Ask a question about one picture or several."""
    if len(words) < 2:
        _fail("give at least one picture and then the question: logicflow ask chart.png 'What is the total?'")
    settings = _settings(
        model=model, adapter=adapter, precision=precision, max_thought_tokens=max_thought_tokens, temperature=temperature, seed=seed
    )
    reply = _run(words[:-1], words[-1], settings, thinking=thinking, quiet=as_json)
    if as_json:
        print(json.dumps(reply_as_json(reply), ensure_ascii=False, indent=2))
    elif reply.answer_text:
        print(reply.answer_text)
    if not reply.answer_text:
        print(reply.why_no_answer, file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def serve(
    model: Model = None,
    adapter: Adapter = None,
    precision: Precision = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """Open the page: picture and question in, checked steps beside the answer out."""
    settings = _settings(model=model, adapter=adapter, precision=precision)
    from vision.errors import LogicFlowError

    try:
        from app.page import launch

        launch(settings, host=host, port=port, open_browser=open_browser)
    except LogicFlowError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"port {port} on {host} cannot be used ({exc}); choose another with --port")


def _settings(**overrides: Any) -> Settings:
    from vision.errors import LogicFlowError
    from vision.settings import load_settings

    try:
        return load_settings(**overrides)
    except LogicFlowError as exc:
        _fail(str(exc))


def _run(pictures: list[str], question: str, settings: Settings, *, thinking: bool, quiet: bool) -> Reply:
    """Stream one reply, its thought to stderr; Ctrl-C keeps what there is."""
    from vision.errors import LogicFlowError
    from vision.images import open_image
    from vision.prompts import check_question

    try:
        from vision.ask import ask_live, limits_of, open_engine, sampling_of

        limits = limits_of(settings)
        images = [open_image(picture, limits) for picture in pictures]  # before a model is loaded in vain
        engine = open_engine(settings) if check_question(question) else None
        assert engine is not None
        replies = ask_live(images, question, engine, sampling=sampling_of(settings), thinking=thinking, limits=limits)
        return _show(replies, quiet=quiet)
    except LogicFlowError as exc:
        _fail(str(exc))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise typer.Exit(130) from None


def _show(replies: Any, *, quiet: bool) -> Reply:
    dim, plain = ("\x1b[2m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
    shown, reply = 0, None
    for reply in replies:
        if quiet or len(reply.thought) == shown:
            continue
        print(f"{dim}{printable(reply.thought[shown:])}{plain}", end="", file=sys.stderr, flush=True)
        shown = len(reply.thought)
    assert reply is not None
    if shown:
        print(file=sys.stderr)
        _report_false_claims(reply)
    return reply


def _report_false_claims(reply: Reply) -> None:
    for step in reply.steps:
        for claim in step.claims:
            if claim.verdict == "false":
                right = f"; it is {claim.correct_value}" if claim.correct_value is not None else ""
                print(f"step {step.number} is wrong: {printable(claim.text)}{right}", file=sys.stderr)


def printable(text: str) -> str:
    """``text`` without control characters that could steer a terminal."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)


def reply_as_json(reply: Reply) -> dict[str, Any]:
    """A reply as the object that ``--json`` prints."""
    return {
        "question": reply.question,
        "thought": reply.thought,
        "steps": [
            {
                "text": step.text,
                "claims": [{"text": claim.text, "verdict": claim.verdict, "correct_value": claim.correct_value} for claim in step.claims],
            }
            for step in reply.steps
        ],
        "answer": reply.answer,
        "truncated": reply.truncated,
        "usage": asdict(reply.usage) if reply.usage else None,
    }


def _fail(sentence: str) -> Any:
    print(f"logicflow: {sentence}", file=sys.stderr)
    raise typer.Exit(2)


def main() -> None:
    """Entry point of the ``logicflow`` script."""
    app()


if __name__ == "__main__":
    main()
