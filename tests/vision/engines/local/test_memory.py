from __future__ import annotations

from pathlib import Path

import pytest

from finetune.charts.records import Record
from vision import GenerationError, Prompt, Sampling, Turn
from vision.engines.engine import stream
from vision.engines.local.engine import LocalEngine
from vision.engines.local.memory import _left_of_container


@pytest.mark.parametrize("pictures", [1, 6])
def test_a_cache_is_counted_to_the_byte(engine: LocalEngine, chart: Record, pictures: int) -> None:
    """What is held, not what is seen of it: beyond the sliding window layers keep the end of a longer tensor."""
    engine.forget()
    encoded = engine.encoder.encode(Prompt(turns=(Turn(question=chart.question, images=(chart.image,) * pictures),)))
    layers = engine.prefill.read(encoded).layers
    held = sum(part.untyped_storage().nbytes() for keys, values, _ in layers for part in (keys, values))
    window = engine.model.config.get_text_config().sliding_window
    assert (encoded.length > window) is (pictures == 6)
    # A layer with a window keeps one token less than that: the newest comes with the next step.
    assert held <= engine.memory.cache_bytes(encoded.length) <= held * 1.001


def test_a_containers_limit_is_heeded(tmp_path: Path) -> None:
    assert _left_of_container(tmp_path) > 1 << 50, "no such files"
    for name, text in (("memory.max", "1000000\n"), ("memory.current", "700000\n"), ("memory.stat", "anon 1\ninactive_file 100000\n")):
        (tmp_path / name).write_text(text)
    assert _left_of_container(tmp_path) == 400_000
    (tmp_path / "memory.max").write_text("max\n")
    assert _left_of_container(tmp_path) > 1 << 50


def test_layers_with_a_window_cost_no_more_than_it(engine: LocalEngine) -> None:
    window = engine.model.config.get_text_config().sliding_window
    inside, beyond = (engine.memory.cache_bytes(n * window) - engine.memory.cache_bytes((n - 1) * window) for n in (1, 3))
    assert beyond == inside / 6, "one layer in six sees all"


def test_what_does_not_fit_is_refused_before_anything_runs(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    monkeypatch.setattr(engine.memory, "free", lambda: 200 << 20)
    with pytest.raises(GenerationError, match=r"needs about 1\.\d GB .* 0\.2 GB are free; ask for fewer tokens"):
        list(engine.streams(talk, [Sampling(max_thought_tokens=30_000)] * 15))
    assert list(stream(engine, talk, Sampling(max_thought_tokens=4, max_answer_tokens=2)))


def test_what_fits_later_waits(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    short = Sampling(max_thought_tokens=6, max_answer_tokens=4)
    first = engine.streams(talk, [short])
    next(first)
    monkeypatch.setattr(engine.memory, "lacking", lambda needed: "too much" if engine._batch.rows else "")
    second = engine.streams(talk, [short])
    pieces = list(second)
    assert pieces and not engine.busy, "the second took the first one's steps until there was room"
    assert list(first)
