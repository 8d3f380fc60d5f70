"""Speed on the bundled model, as ratios measured in one run with the sides taking turns.

    make bench

Prints a Markdown table; the figures in the README come from it. ``python -m tests.bench.votes`` measures what voting gives.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from finetune.charts.records import HELD_OUT_FROM, Record, make
from vision import Conversation, Sampling, Settings, Turn, Usage, open_engine
from vision.ask import follow
from vision.engine import Delta, stream
from vision.local import LocalEngine
from vision.prompts import messages
from vision.trace import Trace

ROUNDS = 5
NEW_TOKENS = 60
KINDS = ("bar", "pie", "line", "table", "grouped", "flow", "hbar")


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


def about(record: Record, pictures: int = 1, **options: Any) -> Conversation:
    return Conversation(turns=(Turn(question=record.question, images=(record.image,) * pictures),), **options)


class Sides:
    """What is measured: the engine, and what a user would write with transformers."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine

    def traces(self, talk: Conversation, count: int, *, fresh: bool = True, endless: bool = False, **sampling: Any) -> list[Usage]:
        """So many traces side by side; ``endless`` ones write :data:`NEW_TOKENS` each."""
        if fresh:
            self.engine._forget()
        drawn = [Sampling(temperature=0.7, seed=i, **sampling) for i in range(count)]
        ends = self.engine._ends
        if endless:
            self.engine._ends, drawn = frozenset(), [replace(each, max_answer_tokens=NEW_TOKENS) for each in drawn]
        try:
            return [piece for _, piece in self.engine.streams(talk, drawn) if isinstance(piece, Usage)]
        finally:
            self.engine._ends = ends

    def generate(self, talk: Conversation, count: int = 1, *, length: int = NEW_TOKENS, exactly: bool = True) -> int:
        """``model.generate`` from the same prompt; the tokens it has made in all rows."""
        engine = self.engine
        text = engine.processor.apply_chat_template(messages(talk), add_generation_prompt=True, tokenize=False)
        batch = engine.processor(text=[text], images=[talk.images], return_tensors="pt", add_special_tokens=False)
        options: dict[str, Any] = {"do_sample": False, "top_k": None, "top_p": None}
        if exactly:
            options = {"do_sample": True, "temperature": 0.7, "min_new_tokens": length, "num_return_sequences": count}
        with torch.inference_mode():
            made = engine.model.generate(**batch, max_new_tokens=length, **options)
        return int((made.shape[1] - batch["input_ids"].shape[1]) * count)

    def first_token(self, talk: Conversation, before: Conversation | None) -> float:
        """Seconds to the first token of ``talk``, after ``before`` was asked, or from scratch."""
        self.engine._forget()
        short = Sampling(max_thought_tokens=1, max_answer_tokens=1)
        if before is not None:
            list(stream(self.engine, before, short))
        pieces = stream(self.engine, talk, short)
        started = time.perf_counter()
        next(pieces)
        spent = time.perf_counter() - started
        pieces.close()
        return spent

    def together(self, talks: list[Conversation]) -> None:
        """Every talk from a thread of its own, as users ask."""
        self.engine._forget()
        asking = [threading.Thread(target=lambda talk=talk: list(stream(self.engine, talk, Sampling()))) for talk in talks]
        for each in asking:
            each.start()
        for each in asking:
            each.join()

    def in_turn(self, talks: list[Conversation]) -> None:
        self.engine._forget()
        for talk in talks:
            list(stream(self.engine, talk, Sampling()))


def answers(engine: LocalEngine, talks: list[Conversation]) -> tuple[float, float]:
    """Median seconds to the end of the first step and of the answer."""
    first_step, whole = [], []
    for talk in talks * 2:  # the first round warms up
        engine._forget()
        started, step_at, usage = time.perf_counter(), 0.0, None
        for reply in follow(engine, talk, Sampling()):
            if not step_at and "\n" in reply.thought:
                step_at = time.perf_counter() - started
            usage = reply.usage or usage
        assert isinstance(usage, Usage)
        first_step.append(step_at or usage.total_s)
        whole.append(usage.total_s)
    return statistics.median(first_step[len(talks) :]), statistics.median(whole[len(talks) :])


def streamed(sides: Sides, talk: Conversation) -> float:
    """Tokens a second of our stream over those of bare greedy ``generate``."""

    def ours() -> float:
        started = time.perf_counter()
        usage = sides_usage(sides.engine, talk)
        return (usage.thought_tokens + usage.answer_tokens) / (time.perf_counter() - started)

    def theirs() -> float:
        started = time.perf_counter()
        return sides.generate(talk, length=512, exactly=False) / (time.perf_counter() - started)

    return statistics.median(ours() / theirs() for _ in range(ROUNDS))


def sides_usage(engine: LocalEngine, talk: Conversation) -> Usage:
    engine._forget()
    return next(piece for piece in stream(engine, talk, Sampling()) if not isinstance(piece, Delta))


def main() -> None:
    records = [make(HELD_OUT_FROM + 7000 + i, kind=kind) for i, kind in enumerate(KINDS)]
    engine = open_engine(Settings())
    assert isinstance(engine, LocalEngine)
    sides, talks = Sides(engine), [about(record) for record in records]
    plain, several = about(records[0], thinking=False), about(records[0], 3, thinking=False)
    asked = talks[0].turns[0]
    second = Conversation(
        turns=(replace(asked, answer="<think>\nRead it.\n</think>\n\nThe answer is 7."), Turn(question="Which is the highest?"))
    )
    other = Conversation(turns=(replace(asked, question="Which is the highest?"),))
    first_step, whole = answers(engine, talks)
    longest = [max(usage.thought_tokens + usage.answer_tokens for usage in sides.traces(talk, 5)) for talk in talks[:3]]

    def ended(count: int) -> Callable[[], object]:
        return lambda: [sides.traces(talk, count) for talk in talks[:3]]

    def alone() -> None:
        """The longest of the five, alone."""
        for talk, tokens in zip(talks[:3], longest, strict=True):
            ends, engine._ends = engine._ends, frozenset()
            list(engine.streams(replace(talk, thinking=False), [Sampling(temperature=0.7, max_answer_tokens=tokens)]))
            engine._ends = ends
            engine._forget()

    rows: list[tuple[str, str, str]] = [
        ("load nano, imports included", "", f"{statistics.median(load_s() for _ in range(3)):.1f} s"),
        ("question to the end of the first step", "", f"{first_step:.2f} s"),
        ("question to the end of the answer", "", f"{whole:.2f} s"),
        ("our stream, tokens a second", "bare `model.generate`", f"{statistics.median(streamed(sides, talk) for talk in talks):.2f}x"),
    ]
    for name, talk in (("one picture", plain), ("three pictures", several)):
        one, five = (lambda talk=talk: sides.traces(talk, 1, endless=True)), (lambda talk=talk: sides.traces(talk, 5, endless=True))
        rows.append((f"five traces, {name}, {NEW_TOKENS} tokens each", "one trace", f"{ratio(five, one):.2f}x"))
        rows.append(("", "five `generate` in turn", f"{ratio(five, lambda talk=talk: [sides.generate(talk) for _ in range(5)]):.2f}x"))
        rows.append(("", "`num_return_sequences=5`", f"{ratio(five, lambda talk=talk: sides.generate(talk, 5)):.2f}x"))
    rows += [
        ("five traces as they really end", "as many tokens as the longest has, alone", f"{ratio(ended(5), alone):.2f}x"),
    ]
    for name, talk in (("second question about a picture", second), ("the same picture in a new conversation", other)):
        times = [sides.first_token(talk, talks[0]) / sides.first_token(talk, None) for _ in range(ROUNDS)]
        rows.append((f"{name}, time to the first token", "from scratch", f"{statistics.median(times):.2f}x"))
    guess = Trace.guess

    def unquoted() -> None:
        Trace.guess = lambda trace: []  # type: ignore[method-assign]
        sides.in_turn(talks)
        Trace.guess = guess  # type: ignore[method-assign]

    rows.append(("answers of all kinds, quoting", "the same, one token a step", f"{ratio(lambda: sides.in_turn(talks), unquoted):.2f}x"))
    half = open_engine(Settings(precision="bf16"))
    assert isinstance(half, LocalEngine)
    in_bf16 = ratio(lambda: Sides(half).traces(plain, 1, endless=True), lambda: sides.traces(plain, 1, endless=True))
    rows.append(("one trace in bf16", "in fp32, which nano runs in", f"{in_bf16:.2f}x"))
    eight = [about(make(HELD_OUT_FROM + 7100 + i, kind=KINDS[i % 7])) for i in range(8)]
    rows.append(
        ("eight questions at once", "the same in turn", f"{ratio(lambda: sides.together(eight), lambda: sides.in_turn(eight)):.2f}x")
    )
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}\n")
    print("| what | against | median |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
