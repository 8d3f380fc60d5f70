"""Speed on the bundled model, as ratios measured in one run with the sides taking turns.

    make bench

Prints a Markdown table; the figures in vision/README.md come from it. ``python -m tests.bench.votes`` measures what voting gives.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import torch

from finetune.charts.records import HELD_OUT_FROM, Record, make
from vision import Prompt, Sampling, Settings, Turn, Usage, open_engine
from vision.ask import follow
from vision.engines.engine import Delta, stream
from vision.engines.loading import load
from vision.engines.local.computing import computed
from vision.engines.local.engine import LocalEngine
from vision.engines.local.trace import Trace
from vision.prompts import messages

ROUNDS = 5
NEW_TOKENS = 60
THOUGHT = 150
"""Tokens of a thought at most: one that never closes would be most of what is measured."""
KINDS = ("bar", "pie", "line", "table", "grouped", "flow", "hbar")

CAPPED = Sampling(max_thought_tokens=THOUGHT)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def load_s() -> float:
    """Seconds from nothing to a loaded model, imports included, in a process of its own."""
    code = "from vision import Settings, open_engine; open_engine(Settings())"
    return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True))


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Median of our time over theirs, the sides taking turns; a first round of each warms up."""
    ours(), theirs()
    return statistics.median(timed(ours) / timed(theirs) for _ in range(ROUNDS))


def about(record: Record, pictures: int = 1, **options: Any) -> Prompt:
    return Prompt(turns=(Turn(question=record.question, images=(record.image,) * pictures),), **options)


class Sides:
    """What is measured: the engine, and what a user would write with transformers, on a model that no engine has touched."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine, self.bare = engine, computed(load, Settings())

    def traces(self, conversation: Prompt, count: int, *, endless: bool = False, tokens: int = NEW_TOKENS) -> list[Usage]:
        """So many traces side by side; ``endless`` ones write so many ``tokens`` each."""
        self.engine.forget()
        drawn = [Sampling(temperature=0.7, seed=i, max_thought_tokens=THOUGHT) for i in range(count)]
        ends = self.engine.ends
        if endless:
            self.engine.ends, drawn = frozenset(), [replace(each, max_answer_tokens=tokens) for each in drawn]
        try:
            return [piece for _, piece in self.engine.streams(conversation, drawn) if isinstance(piece, Usage)]
        finally:
            self.engine.ends = ends

    def generate(self, conversation: Prompt, count: int = 1, *, length: int = NEW_TOKENS, exactly: bool = True) -> int:
        """``model.generate`` from the same prompt; the tokens it has made in all rows. On the thread on which the engine computes too."""
        return computed(self._generate, conversation, count, length, exactly)

    def _generate(self, conversation: Prompt, count: int, length: int, exactly: bool) -> int:
        processor = self.bare.processor
        text = processor.apply_chat_template(messages(conversation), add_generation_prompt=True, tokenize=False)
        batch = processor(text=[text], images=[conversation.images], return_tensors="pt", add_special_tokens=False)
        options: dict[str, Any] = {"do_sample": False, "top_k": None, "top_p": None}
        if exactly:
            options = {"do_sample": True, "temperature": 0.7, "min_new_tokens": length, "num_return_sequences": count}
        with torch.inference_mode():
            made = self.bare.model.generate(**batch, max_new_tokens=length, **options)
        return int((made.shape[1] - batch["input_ids"].shape[1]) * count)

    def first_token(self, conversation: Prompt, before: Prompt | None) -> float:
        """Seconds to the first token of ``conversation``, after ``before`` was asked, or from scratch."""
        self.engine.forget()
        short = Sampling(max_thought_tokens=1, max_answer_tokens=1)
        if before is not None:
            list(stream(self.engine, before, short))
        pieces = stream(self.engine, conversation, short)
        started = time.perf_counter()
        next(pieces)
        spent = time.perf_counter() - started
        pieces.close()
        return spent

    def together(self, conversations: list[Prompt]) -> None:
        """Every talk from a thread of its own, as users ask."""
        self.engine.forget()
        asking = [
            threading.Thread(target=lambda conversation=conversation: list(stream(self.engine, conversation, CAPPED)))
            for conversation in conversations
        ]
        for each in asking:
            each.start()
        for each in asking:
            each.join()

    def in_turn(self, conversations: list[Prompt]) -> None:
        self.engine.forget()
        for conversation in conversations:
            list(stream(self.engine, conversation, CAPPED))


def answers(engine: LocalEngine, conversations: list[Prompt]) -> tuple[float, float]:
    """Median seconds to the end of the first step and of the answer."""
    first_step, whole = [], []
    for conversation in conversations * 2:  # the first round warms up
        engine.forget()
        started, step_at, usage = time.perf_counter(), 0.0, None
        for reply in follow(engine, conversation, Sampling()):
            if not step_at and "\n" in reply.thought:
                step_at = time.perf_counter() - started
            usage = reply.usage or usage
        assert isinstance(usage, Usage)
        first_step.append(step_at or usage.total_s)
        whole.append(usage.total_s)
    return statistics.median(first_step[len(conversations) :]), statistics.median(whole[len(conversations) :])


def streamed(sides: Sides, conversation: Prompt) -> float:
    """Tokens a second of our stream over those of bare greedy ``generate``."""

    def ours() -> float:
        started = time.perf_counter()
        usage = sides_usage(sides.engine, conversation)
        return (usage.thought_tokens + usage.answer_tokens) / (time.perf_counter() - started)

    def theirs() -> float:
        started = time.perf_counter()
        return sides.generate(conversation, length=512, exactly=False) / (time.perf_counter() - started)

    return statistics.median(ours() / theirs() for _ in range(ROUNDS))


def sides_usage(engine: LocalEngine, conversation: Prompt) -> Usage:
    engine.forget()
    return next(piece for piece in stream(engine, conversation, Sampling()) if not isinstance(piece, Delta))


@contextmanager
def unquoted() -> Iterator[None]:
    """Every trace takes one token a step, so that steps are compared and not what happens to be quoted."""
    guess = Trace.guess
    Trace.guess = lambda trace: []  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trace.guess = guess  # type: ignore[method-assign]


Row = tuple[str, str, str]
"""What, against what, and the median."""


def alone(sides: Sides, conversations: list[Prompt]) -> tuple[Row, ...]:
    """One question at a time."""
    first_step, whole = answers(sides.engine, conversations)
    quoting = lambda: sides.in_turn(conversations)  # noqa: E731

    def one_a_step() -> None:
        with unquoted():
            sides.in_turn(conversations)

    return (
        ("load nano, imports included", "", f"{statistics.median(load_s() for _ in range(3)):.1f} s"),
        ("question to the end of the first step", "", f"{first_step:.2f} s"),
        ("question to the end of the answer", "", f"{whole:.2f} s"),
        (
            "our stream, tokens per second",
            "bare `model.generate`",
            f"{statistics.median(streamed(sides, conversation) for conversation in conversations):.2f}x",
        ),
        ("answers in a thread of their own, as on the page", "in the main thread", f"{ratio(partial(in_thread, quoting), quoting):.2f}x"),
        ("answers of all kinds, quoting", "the same, one token per step", f"{ratio(quoting, one_a_step):.2f}x"),
    )


def in_thread(work: Callable[[], object]) -> None:
    asking = threading.Thread(target=work)
    asking.start()
    asking.join()


def together(sides: Sides, conversations: list[Prompt], records: list[Record]) -> Iterator[Row]:
    """Rows that share steps."""
    with unquoted():
        for name, pictures in (("one picture", 1), ("three pictures", 3)):
            conversation = about(records[0], pictures, thinking=False)
            one, five = (partial(sides.traces, conversation, count, endless=True) for count in (1, 5))
            yield f"five traces, {name}, {NEW_TOKENS} tokens each", "one trace", f"{ratio(five, one):.2f}x"
            yield "", "five `generate` in turn", f"{ratio(five, partial(in_turn, sides, conversation)):.2f}x"
            yield "", "`num_return_sequences=5`", f"{ratio(five, partial(sides.generate, conversation, 5)):.2f}x"
        some = [replace(conversation, thinking=False) for conversation in conversations[:3]]
        longest = [max(usage.thought_tokens + usage.answer_tokens for usage in sides.traces(conversation, 5)) for conversation in some]
        as_long = partial(as_long_as, sides, some, longest)
        ended = ratio(lambda: [sides.traces(conversation, 5) for conversation in some], as_long)
        yield "five traces, each at its own length", "a single trace as long as the longest", f"{ended:.2f}x"
        eight = [about(make(HELD_OUT_FROM + 7100 + i, kind=KINDS[i % 7])) for i in range(8)]
        at_once = ratio(lambda: sides.together(eight), lambda: sides.in_turn(eight))
        yield "eight questions at once", "the same in turn", f"{at_once:.2f}x"


def in_turn(sides: Sides, conversation: Prompt) -> None:
    for _ in range(5):
        sides.generate(conversation)


def as_long_as(sides: Sides, conversations: list[Prompt], longest: list[int]) -> None:
    """One trace of each talk, so many tokens long."""
    for conversation, tokens in zip(conversations, longest, strict=True):
        sides.traces(conversation, 1, endless=True, tokens=tokens)


def again(sides: Sides, conversations: list[Prompt]) -> Iterator[Row]:
    """What need not be read twice."""
    asked = conversations[0].turns[0]
    answered = replace(asked, answer="<think>\nRead it.\n</think>\n\nThe answer is 7.")
    second = Prompt(turns=(answered, Turn(question="Which is the highest?")))
    other = Prompt(turns=(replace(asked, question="Which is the highest?"),))
    for name, conversation in (("second question about a picture", second), ("the same picture in a new conversation", other)):
        times = [sides.first_token(conversation, conversations[0]) / sides.first_token(conversation, None) for _ in range(ROUNDS)]
        yield f"{name}, time to the first token", "from scratch", f"{statistics.median(times):.2f}x"


def built_otherwise(sides: Sides, conversation: Prompt) -> Iterator[Row]:
    """Other weights and other steps."""
    with unquoted():
        ours = partial(sides.traces, conversation, 1, endless=True)
        for name, settings in (("bf16", Settings(precision="bf16")), ("compiled steps", Settings(compile="on"))):
            engine = open_engine(settings)
            assert isinstance(engine, LocalEngine)
            yield (
                f"one trace in {name}",
                "the default setup",
                f"{ratio(partial(Sides(engine).traces, conversation, 1, endless=True), ours):.2f}x",
            )


def main() -> None:
    argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0]).parse_args()
    records = [make(HELD_OUT_FROM + 7000 + i, kind=kind) for i, kind in enumerate(KINDS)]
    engine = open_engine(Settings())
    assert isinstance(engine, LocalEngine)
    sides, conversations = Sides(engine), [about(record) for record in records]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}\n")
    print("| what | against | median |\n|---|---|---|")
    plain = about(records[0], thinking=False)
    for row in chain(
        alone(sides, conversations), together(sides, conversations, records), again(sides, conversations), built_otherwise(sides, plain)
    ):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
