"""How rightly claims are judged, on right solutions of others: false alarms, what is seen of their calculations, and changed results.

    python -m tests.bench.claims ../shared/data              # gsm8k/{train,test}.jsonl and math500/test.jsonl
    python -m tests.bench.claims ../shared/data --show 40    # and what was called false

GSM8K notes each calculation as ``<<24*3=72>>``: it is seen when a claim that ends at its result has a verdict. Then that result is
changed and a claim that ends there must be false. Every claim that is called false is counted as an alarm, also the few where the
solution is really wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from vision import find_claims
from vision.thoughts.marks import Claim

_NOTE = re.compile(r"<<[^<>]*>>")
_RESULT = re.compile(r"\s*[$€£]?\s*(\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)")


def plain_and_results(answer: str) -> tuple[str, list[tuple[int, int]]]:
    """A solution without its notes, and where the numbers behind them stand."""
    text, at, results = "", 0, []
    for note in _NOTE.finditer(answer):
        text += answer[at : note.start()]
        at = note.end()
        result = _RESULT.match(answer, at)
        if result is not None and "=" in note[0]:
            results.append((len(text) + result.start(1) - at, len(text) + result.end(1) - at))
    return (text + answer[at:]).partition("\n####")[0], results


def changed(rng: random.Random, number: str) -> str:
    """Another number, written like ``number``."""
    digits = [i for i, sign in enumerate(number) if sign.isdigit()]
    at = rng.choice(digits)
    other = rng.choice([digit for digit in "123456789" if digit != number[at]])
    return number[:at] + other + number[at + 1 :]


def over(claims: list[Claim], start: int, end: int) -> list[Claim]:
    """The claims that end with the number at ``start``, or hold it."""
    return [claim for claim in claims if claim.start < end and claim.end >= end]


def solutions(path: Path, field: str) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)[field]


def gsm8k(path: Path, show: int) -> None:
    alarms: list[str] = []
    unseen: list[str] = []
    missed: list[str] = []
    count = seen = noted = marked = total = 0
    for number, answer in enumerate(solutions(path, "answer")):
        rng = random.Random(number)
        text, results = plain_and_results(answer)
        claims = find_claims(text)
        count += 1
        total += sum(claim.verdict == "true" for claim in claims)
        alarms += [f"{number}: {claim.text}   [{claim.correct_value}]" for claim in claims if claim.verdict == "false"]
        for start, end in results:
            noted += 1
            line = text[text.rfind("\n", 0, start) + 1 : text.find("\n", end) if "\n" in text[end:] else len(text)]
            if any(claim.verdict != "unchecked" for claim in over(claims, start, end)):
                seen += 1
            else:
                unseen.append(f"{number}: {line}   [{text[start:end]}]")
            wrong = changed(rng, text[start:end])
            spoiled = find_claims(text[:start] + wrong + text[end:])
            if any(claim.verdict == "false" for claim in over(spoiled, start, start + len(wrong))):
                marked += 1
            else:
                missed.append(f"{number}: {line}   [{text[start:end]} -> {wrong}]")
    print(f"{path.parent.name}/{path.stem}: {count} solutions, {total} claims true, {len(alarms)} called false", end="; ")
    print(f"of {noted} noted calculations {100 * seen / noted:.2f} % judged, {100 * marked / noted:.2f} % marked when changed")
    for name, lines in (("called false", alarms), ("not judged", unseen), ("not marked", missed)):
        random.Random(0).shuffle(lines)
        for line in lines[:show]:
            print(f"  {name}: {line}")


def math500(path: Path, show: int) -> None:
    verdicts = [claim for text in solutions(path, "solution") for claim in find_claims(text)]
    told = {verdict: sum(claim.verdict == verdict for claim in verdicts) for verdict in ("true", "false", "unchecked")}
    print(f"{path.parent.name}/{path.stem}: {told['true']} claims true, {told['false']} called false, {told['unchecked']} unchecked")
    for claim in [claim for claim in verdicts if claim.verdict == "false"][:show]:
        print(f"  called false: {claim.text}   [{claim.correct_value}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    for name in ("train", "test"):
        if args.only in ("", name):
            gsm8k(args.data / "gsm8k" / f"{name}.jsonl", args.show)
    if args.only in ("", "math"):
        math500(args.data / "math500" / "test.jsonl", args.show)


if __name__ == "__main__":
    main()
