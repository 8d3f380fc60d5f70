"""Speed on the bundled model, as ratios measured in one run with the sides taking turns.

    make bench

Prints a Markdown table; the figures in the README come from it.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from finetune.charts.records import HELD_OUT_FROM, make
from vision import Conversation, Sampling, Settings, Turn, Usage, open_engine
from vision.ask import follow
from vision.prompts import messages

ROUNDS = 9


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def load_s() -> float:
    """Seconds from nothing to a loaded model, imports included, in a process of its own."""
    code = "from vision import Settings, open_engine; open_engine(Settings())"
    return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True))


def main() -> None:
    records = [
        make(HELD_OUT_FROM + 7000 + i, kind=kind) for i, kind in enumerate(("bar", "pie", "line", "table", "grouped", "flow", "hbar"))
    ]
    engine = open_engine(Settings())
    talks = [Conversation(turns=(Turn(question=r.question, images=(r.image,)),)) for r in records]
    first_step, whole, ours, theirs = [], [], [], []
    for talk in talks * 2:  # the first round warms up
        started, step_at, usage = time.perf_counter(), 0.0, None
        for reply in follow(engine, talk, Sampling()):
            if not step_at and "\n" in reply.thought:
                step_at = time.perf_counter() - started
            usage = reply.usage or usage
        assert isinstance(usage, Usage)
        first_step.append(step_at or usage.total_s)
        whole.append(usage.total_s)
    talk = talks[0]
    text = engine.processor.apply_chat_template(messages(talk), add_generation_prompt=True, tokenize=False)  # type: ignore[attr-defined]
    for _ in range(ROUNDS):
        usage = [piece for piece in engine.stream(talk, Sampling()) if isinstance(piece, Usage)][0]
        ours.append((usage.thought_tokens + usage.answer_tokens) / usage.total_s)
        started = time.perf_counter()
        batch = engine.processor(text=[text], images=[talk.images], return_tensors="pt", add_special_tokens=False)  # type: ignore[attr-defined]
        with torch.inference_mode():
            made = engine.model.generate(**batch, max_new_tokens=512, do_sample=False, top_k=None, top_p=None)  # type: ignore[attr-defined]
        theirs.append((made.shape[1] - batch["input_ids"].shape[1]) / (time.perf_counter() - started))
    half = len(talks)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}\n")
    print("| what | median |\n|---|---|")
    print(f"| load nano, imports included | {statistics.median(load_s() for _ in range(3)):.1f} s |")
    print(f"| question to the end of the first step | {statistics.median(first_step[half:]):.2f} s |")
    print(f"| question to the end of the answer | {statistics.median(whole[half:]):.2f} s |")
    print(f"| our stream against bare `model.generate`, tokens a second | {ratio:.2f}x |")


if __name__ == "__main__":
    main()
