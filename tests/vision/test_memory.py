from __future__ import annotations

import pytest

from finetune.charts.records import Record
from vision import Conversation, GenerationError, Sampling, Turn
from vision.engine import stream
from vision.local import LocalEngine


def test_a_cache_is_counted_to_the_byte(engine: LocalEngine, chart: Record) -> None:
    prompt = engine._encode(Conversation(turns=(Turn(question=chart.question, images=(chart.image,)),)))
    layers, _ = engine._prefill(prompt)
    assert engine.memory.cache_bytes(prompt.length) == sum(keys.nbytes + values.nbytes for keys, values, _ in layers)


def test_layers_with_a_window_cost_no_more_than_it(engine: LocalEngine) -> None:
    window = engine.model.config.get_text_config().sliding_window
    inside, beyond = (engine.memory.cache_bytes(n * window) - engine.memory.cache_bytes((n - 1) * window) for n in (1, 3))
    assert beyond == inside / 6, "one layer in six sees all"


def test_what_does_not_fit_is_refused_before_anything_runs(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Conversation(turns=(Turn(question=chart.question, images=(chart.image,)),))
    monkeypatch.setattr(engine.memory, "free", lambda: 200 << 20)
    with pytest.raises(GenerationError, match=r"needs about 1\.\d GB .* 0\.2 GB are free; ask for fewer tokens"):
        list(engine.streams(talk, [Sampling(max_thought_tokens=30_000)] * 15))
    assert list(stream(engine, talk, Sampling(max_thought_tokens=4, max_answer_tokens=2)))


def test_what_fits_later_waits(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Conversation(turns=(Turn(question=chart.question, images=(chart.image,)),))
    short = Sampling(max_thought_tokens=6, max_answer_tokens=4)
    first = engine.streams(talk, [short])
    next(first)
    monkeypatch.setattr(engine.memory, "lacking", lambda needed: "too much" if engine._batch.rows else "")
    second = engine.streams(talk, [short])
    pieces = list(second)
    assert pieces and not engine._batch.rows, "the second took the first one's steps until there was room"
    assert list(first)
