"""Whether an adapter, its merged checkpoint and the same in 4 bits answer alike: greedy, on held-out pictures.

python -m tests.bench.merged --count 200
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tqdm import tqdm

from finetune.charts.records import HELD_OUT_FROM, make
from finetune.merge import merge
from finetune.nano.evaluate import score
from vision import Conversation, Sampling, Settings, Turn, open_engine
from vision.ask import follow
from vision.consensus import wilson
from vision.settings import NANO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(NANO), help="a run's output folder, or a model with its adapter")
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        paths = {"adapter": args.model}
        paths |= {name: str(merge(args.model, Path(made) / name, precision=name)) for name in ("bf16", "4bit")}
        engines = {name: open_engine(Settings(model=path)) for name, path in paths.items()}
        right, alike = dict.fromkeys(paths, 0), dict.fromkeys(paths, 0)
        for i in tqdm(range(args.count), unit="question"):
            record = make(HELD_OUT_FROM + 3_000_000 + i)
            talk = Conversation(turns=(Turn(question=record.question, images=(record.image,)),))
            replies = {name: [*follow(engine, talk, Sampling(max_thought_tokens=300))][-1] for name, engine in engines.items()}
            for name, reply in replies.items():
                right[name] += score(record, reply.answer_text).right
                alike[name] += reply.answer == replies["adapter"].answer
    print("| weights | right | 95 % interval | the adapter's answer |\n|---|---|---|---|")
    for name in paths:
        low, high = wilson(right[name], args.count)
        print(
            f"| {name} | {100 * right[name] / args.count:.1f} % | {100 * low:.1f} to {100 * high:.1f} % | {alike[name]} of {args.count} |"
        )


if __name__ == "__main__":
    main()
