"""What voting gives on held-out pictures: accuracy of one trace and of votes, and what stopping early saves.

    python -m tests.bench.votes --count 1000

Every question is asked five times; single traces, votes of each weighing and the early stop are all scored on those same traces.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from tqdm import tqdm

from finetune.charts.records import HELD_OUT_FROM, make
from finetune.nano.evaluate import score
from vision import Prompt, Reply, Sampling, Settings, Turn, open_engine
from vision.answers.consensus import wilson
from vision.ask import elect, spread
from vision.replies import count_votes

TRACES = 5


def stopped_early(replies: tuple[Reply, ...]) -> tuple[tuple[Reply, ...], int]:
    """The ballot as it would have stood when settled, and the tokens that traces side by side would have taken by then."""
    lengths = [reply.usage.thought_tokens + reply.usage.answer_tokens for reply in replies if reply.usage]
    order = sorted(range(len(replies)), key=lambda i: (lengths[i], i))
    for done in range(1, len(order) + 1):
        ended = set(order[:done])
        standing = tuple(reply if i in ended else replace(reply, usage=None) for i, reply in enumerate(replies))
        if count_votes(standing).settled(len(order) - done):
            break
    longest = lengths[order[done - 1]]
    return standing, sum(min(length, longest) for length in lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    args = parser.parse_args()
    engine = open_engine(Settings())
    hits: dict[str, int] = {}
    tokens = saved = 0
    for i in tqdm(range(args.count), unit="question"):
        record = make(HELD_OUT_FROM + 2_000_000 + i)
        conversation = Prompt(turns=(Turn(question=record.question, images=(record.image,)),))
        *_, ballot = elect(engine, conversation, Sampling(seed=100 * i), spread(TRACES), weighing="claims")  # never stops early
        replies = ballot.replies
        standing, used = stopped_early(replies)
        total = sum(reply.usage.thought_tokens + reply.usage.answer_tokens for reply in replies if reply.usage)
        tokens, saved = tokens + total, saved + total - used
        given = {f"one trace, T = {t:g}": reply.answer for t, reply in zip(spread(TRACES), replies, strict=True)}
        given |= {f"vote of {TRACES}, {name}": count_votes(replies, name).winner for name in ("count", "probability", "claims")}  # type: ignore[arg-type]
        given[f"vote of {TRACES}, count, stopped early"] = count_votes(standing).winner
        for name, answer in given.items():
            hits[name] = hits.get(name, 0) + score(record, f"The answer is {answer}." if answer else "").right
    print("| answers | right | 95 % interval |\n|---|---|---|")
    for name, right in hits.items():
        low, high = wilson(right, args.count)
        print(f"| {name} | {100 * right / args.count:.1f} % | {100 * low:.1f} to {100 * high:.1f} % |")
    print(f"\nStopping early takes {100 * saved / tokens:.0f} % fewer tokens ({args.count} questions, {TRACES} traces each).")


if __name__ == "__main__":
    main()
