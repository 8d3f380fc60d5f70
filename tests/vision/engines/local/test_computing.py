from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from finetune.charts.records import Record
from vision import Prompt, Sampling, Turn
from vision.engines.engine import stream
from vision.engines.local.computing import computed
from vision.engines.local.engine import LocalEngine


def test_there_is_one_thread_whoever_asks() -> None:
    with ThreadPoolExecutor(4) as askers:
        threads = set(askers.map(lambda _: computed(threading.get_ident), range(20)))
    assert threads == {computed(threading.get_ident)} and threading.get_ident() not in threads
    assert computed(lambda: computed(threading.get_ident)) in threads, "work may ask for more"


def test_an_error_reaches_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        computed(lambda: 1 // 0)


def test_the_engine_computes_nowhere_else(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    forward, prepare = engine.model.forward, engine.loaded.processor.__class__.__call__

    def seen_by(passed_on: Any) -> Any:
        def noted(*args: Any, **options: Any) -> Any:
            passes.append(threading.get_ident())
            return passed_on(*args, **options)

        return noted

    monkeypatch.setattr(engine.model, "forward", seen_by(forward))
    monkeypatch.setattr(engine.loaded.processor.__class__, "__call__", seen_by(prepare))
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    list(stream(engine, talk, Sampling(max_thought_tokens=4, max_answer_tokens=2)))
    assert len(passes) > 4 and set(passes) == {computed(threading.get_ident)}


def test_a_forked_process_computes_on_a_thread_of_its_own() -> None:
    computed(int)
    with multiprocessing.get_context("fork").Pool(1) as forked:
        assert forked.apply_async(computed, (int, "7")).get(timeout=60) == 7


def test_an_answer_that_is_left_when_the_interpreter_ends_ends_quietly() -> None:
    code = """
from vision.engines.local.computing import computed
def left():
    try:
        yield computed(int)
    finally:
        print(computed(int, "7"))
kept = left()
next(kept)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "7", "")


def test_who_interrupts_does_not_wait_for_what_is_being_computed() -> None:
    code = "import time\nfrom vision.engines.local.computing import computed\nprint('begun', flush=True)\ncomputed(time.sleep, 60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert time.monotonic() - started < 5 and "KeyboardInterrupt" in said
