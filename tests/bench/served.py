"""How much more a server gets done when people ask at once: eight questions through the page, on vLLM and nano.

    make vllm && python -m tests.bench.served

The same questions are asked in turn and at once, on the same server, several times; prints the median of the ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gradio_client import Client, handle_file

from finetune.charts.records import HELD_OUT_FROM, make
from finetune.merge import merge
from tests.browser.conftest import free_port, served
from tests.servers import vllm_serve
from vision.engines.remote.engine import RemoteEngine
from vision.settings import NANO

PEOPLE = 8
ROUNDS = 3
KINDS = ("bar", "pie", "line", "table", "grouped", "flow", "hbar", "geometry")


def main() -> None:
    argparse.ArgumentParser(prog="python -m tests.bench.served", description=(__doc__ or "").splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with vllm_serve(merge(str(NANO), folder / "model"), free_port()) as (url, _), served(RemoteEngine(url), folder) as address:
            client = Client(address, verbose=False)
            at = HELD_OUT_FROM + 9000

            def questions() -> list[tuple[str, str]]:
                """New pictures each time, so that nothing is in the server's caches."""
                nonlocal at
                at += PEOPLE
                records = [make(at + i, kind=kind) for i, kind in enumerate(KINDS)]
                for i, record in enumerate(records):
                    record.image.save(folder / f"{at + i}.png")
                return [(str(folder / f"{at + i}.png"), record.question) for i, record in enumerate(records)]

            def ask(one: tuple[str, str]) -> int:
                usage = client.predict(handle_file(one[0]), one[1], api_name="/ask")["usage"]
                return int(usage["thought_tokens"] + usage["answer_tokens"])

            def throughput(people: int) -> float:
                """Tokens a second."""
                asked, started = questions(), time.perf_counter()
                with ThreadPoolExecutor(people) as pool:
                    tokens = sum(pool.map(ask, asked))
                return tokens / (time.perf_counter() - started)

            throughput(PEOPLE), throughput(1)
            ratio = statistics.median(throughput(PEOPLE) / throughput(1) for _ in range(ROUNDS))
            print(f"{PEOPLE} at once write {ratio:.1f} times as many tokens a second as in turn ({ROUNDS} rounds of {PEOPLE} questions)")


if __name__ == "__main__":
    main()
