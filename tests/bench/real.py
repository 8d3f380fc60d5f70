"""How fast a real text model answers here against what the memory of this machine allows.

    python -m tests.bench.real --model DIR

A decode step reads every weight once, so the floor is their bytes over what a large copy reads and writes in a second.
"""

from __future__ import annotations

import argparse
import time

from tests.bench.gpu import copied_bytes_s, text_bytes
from vision import Prompt, Sampling, Turn, Usage, load_settings, open_engine
from vision.engines.local.engine import LocalEngine

WORDS = 48


def speed(engine: LocalEngine, traces: int) -> float:
    """Tokens a second of so many traces together, at one token a step."""
    prompt = Prompt(turns=(Turn(question="Tell a story of a lighthouse and the people who kept it."),), thinking=False)
    samplings = [Sampling(temperature=0.8, seed=i, max_thought_tokens=0, max_answer_tokens=WORDS) for i in range(traces)]
    started = time.perf_counter()
    written = sum(piece.answer_tokens for _, piece in engine.streams(prompt, samplings) if isinstance(piece, Usage))
    return written / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="directory or Hub id of a text model")
    engine = open_engine(load_settings(model=parser.parse_args().model))
    assert isinstance(engine, LocalEngine)
    engine.ends = frozenset()
    floor = copied_bytes_s() / text_bytes(engine.model)
    speed(engine, 1)
    print("| traces | tokens/s | of the floor of one |\n|---|---|---|")
    for traces in (1, 5):
        found = max(speed(engine, traces) for _ in range(3))
        print(f"| {traces} | {found:.1f} | {100 * found / traces / floor:.0f} % of {floor:.1f} |")


if __name__ == "__main__":
    main()
