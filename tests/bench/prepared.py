"""Memory and time of preparing a set as large as OpenThoughts: drawn rows in its publisher's form, 114,000 of them.

python -m tests.bench.prepared
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import psutil
from tqdm import tqdm

from finetune.charts.words import invent_for

WORDS = 900
"""Of a thought on average, as many as most published ones have before the cutoff."""


def write_rows(path: Path, count: int) -> None:
    """Rows whose words are drawn from 20,000 invented and a few common ones, as unlike each other as rows of a set are."""
    rng = random.Random(0)
    words = [invent_for(rng, held_out=False) for _ in range(20_000)] + ["the", "of", "is", "and"] * 1000
    with path.open("w", encoding="utf-8") as file:
        for i in tqdm(range(count), desc="rows", unit="row"):
            thought = " ".join(rng.choices(words, k=rng.randint(WORDS // 3, WORDS * 5 // 3)))
            said = f"<|begin_of_thought|>\n\n{thought}\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\nIt is {i}.\n\n<|end_of_solution|>"
            turns = [{"from": "user", "value": " ".join(rng.choices(words, k=60))}, {"from": "assistant", "value": said}]
            file.write(json.dumps({"system": "", "conversations": turns}) + "\n")


def held(process: psutil.Process) -> int:
    """Bytes of the memory of a process and its children, what they share counted once."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_full_info().pss
        except psutil.Error:  # it has just ended
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=114_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        raw = Path(made) / "raw.jsonl"
        write_rows(raw, args.count)
        options = ["--out", str(Path(made) / "out"), "--against", "--tokenizer", "none", "--cutoff", "8192", "--limit", "0"]
        command = [sys.executable, "-m", "finetune.prepare", f"open_thoughts={raw}", *options]
        started, most = time.monotonic(), 0
        with psutil.Popen(command) as process:
            while process.poll() is None:
                most = max(most, held(process))
                time.sleep(0.5)
        assert process.returncode == 0
        size, spent = raw.stat().st_size / 1e9, time.monotonic() - started
        print(
            f"{args.count:,} rows of {size:.1f} GB in {spent / 60:.1f} min, {args.count / spent:.0f} a second, {most / 1e9:.2f} GB at most"
        )


if __name__ == "__main__":
    main()
