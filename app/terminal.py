"""Replies and ballots on a terminal: everything but the answer goes to stderr, and nothing that a model writes can steer it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vision.errors import GenerationError
from vision.replies import Ballot, Reply

if TYPE_CHECKING:
    from vision.answers.tables import Table
    from vision.engines.facts import Facts


def show(replies: Iterable[Reply], *, quiet: bool, why: bool = False) -> Reply:
    """The thought of a growing reply, dimmed, as it streams, and what is wrong in it; with ``why`` the source of each number.

    Of an answer that breaks off, what there is goes to stdout.
    """
    dim, plain = ("\x1b[2m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
    shown, reply = 0, None
    try:
        for reply in replies:
            if quiet or len(reply.thought) == shown:
                continue
            print(f"{dim}{printable(reply.thought[shown:])}{plain}", end="", file=sys.stderr, flush=True)
            shown = len(reply.thought)
    except GenerationError:
        if shown:
            print(file=sys.stderr)
        if reply is not None and reply.answer_text and not quiet:
            print(reply.answer_text)
        raise
    assert reply is not None
    if shown:
        print(end="" if reply.thought.endswith("\n") else "\n", file=sys.stderr)
        _report(reply, why=why)
    if reply.answer_text and not reply.answer and not quiet:
        print(printable(reply.answer_text), file=sys.stderr)  # what was cut off is no answer, and nothing is lost
    return reply


def show_votes(ballots: Iterable[Ballot], *, quiet: bool) -> Ballot:
    """Each trace's answer as it ends, then the standing; the whole ballot."""
    shown: set[int] = set()
    ballot = None
    for ballot in ballots:
        for i, (reply, temperature) in enumerate(zip(ballot.replies, ballot.temperatures, strict=True)):
            if reply.usage is not None and i not in shown and not quiet:
                said = "not needed" if reply.spared else printable(reply.answer)
                print(f"trace {i + 1} (temperature {temperature:g}): {said or 'no answer'}", file=sys.stderr, flush=True)
            if reply.usage is not None:
                shown.add(i)
    assert ballot is not None
    if not quiet:
        print(standing(ballot), file=sys.stderr)
    return ballot


def standing(ballot: Ballot) -> str:
    """One line: how many agree, how sure that makes us, who abstained and what was spared."""
    vote = ballot.vote
    ended = vote.cast + len(vote.abstained)
    low, high = vote.interval
    line = f"{vote.votes} of {ended} traces agree: {100 * vote.confidence:.0f} % (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"
    if vote.abstained:
        line += f"; {len(vote.abstained)} without an answer"
    return line + (f"; settled {ballot.spared} early" if ballot.spared else "")


def facts_lines(facts: Facts) -> list[str]:
    """What is known of a model, a line each."""
    from vision.engines.facts import TALK

    tokens = f"{facts.image_tokens} tokens each" if facts.image_tokens else "tokens by their size"
    room = f"{_gb(facts.weight_bytes)} of weights in {facts.precision}, {_gb(facts.talk_bytes)} for a conversation of {TALK:,} tokens"
    fits = "fits" if facts.fits else "does not fit: try --precision 4bit, a smaller model, or a server with --engine-url"
    return [
        f"{facts.name}: {facts.kind}, {_count(facts.parameters)} parameters",
        f"pictures: {tokens}" if facts.sees else "pictures: none; it is given the text that was read in them",
        f"context: {facts.context:,} tokens" if facts.context else "context: not told",
        f"thoughts: {facts.tags}, by its own template" if facts.tags else "thoughts: <think> … </think>, as it is told",
        f"memory: {room}; {_gb(facts.free_bytes)} are free on {facts.place}: {fits}",
        f"steps: {facts.path or 'known once it is loaded'}",
    ]


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.1f} billion" if parameters >= 1e9 else f"{parameters / 1e6:.0f} million"


def _report(reply: Reply, *, why: bool) -> None:
    """What is wrong in the steps, and how far the answer is traced."""
    for step in reply.steps:
        if why:
            print(f"{step.number}. {printable(step.text)}", file=sys.stderr)
            for source in step.sources:
                print(f"     {printable(source.text)}: {printable(source.why)}", file=sys.stderr)
        for claim in step.claims:
            if claim.verdict == "false":
                right = f"; it is {claim.correct_value}" if claim.correct_value is not None else ""
                print(f"step {step.number} is wrong: {printable(claim.text)}{right}", file=sys.stderr)
        for told in dict.fromkeys(source.why for source in step.sources if source.verdict == "false"):
            print(f"step {step.number} is wrong: {printable(told)}", file=sys.stderr)
    if reply.trust is not None and reply.writing:
        print(printable(reply.trust.line), file=sys.stderr)


def printable(text: str) -> str:
    """``text`` without control characters that could steer a terminal."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)


def table_lines(table: Table) -> list[str]:
    """A table in columns, what a model read alone marked with ``?``, what was measured with ``~``."""
    marks = {"printed": "", "drawn": "~", "read": "?"}
    rows = [list(table.heads)]
    for name, cells in table.rows:
        rows.append([name, *("" if cell is None else marks[cell.origin] + cell.value for cell in cells)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    said = [printable(f"{name}: the model read {cell.said}, the picture says {cell.value}") for name, _, cell in table.cells if cell.said]
    told = [
        f"{mark} {meaning}"
        for mark, meaning in (("~", "measured"), ("?", "read by the model, and not told by its place in the picture"))
        if mark in "".join(map(str, rows))
    ]
    return [*lines, *said, *([", ".join(told)] if told else [])]
