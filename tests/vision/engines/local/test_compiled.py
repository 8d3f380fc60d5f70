"""Rows in compiled steps; that they step as others do is seen in test_batch.py too."""

from __future__ import annotations

import copy

import pytest
import torch

from finetune.charts.records import HELD_OUT_FROM, Record, make
from finetune.nano.model import config
from tests.vision.engines.local.test_batch import WARM, about, alone, seeds, texts
from vision import SettingsError
from vision.engines.local.batch import share_steps
from vision.engines.local.cache import cache_of, layers_of
from vision.engines.local.compiled import CompiledBatch, _step, warm_up
from vision.engines.local.engine import LocalEngine
from vision.engines.local.prefill import Begun


def test_compiled_steps_are_those_of_transformers(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really compiled, as one program without a break, for one row and for a few, and not again for other tokens and places."""
    from torch._dynamo.testing import CompileCounterWithBackend
    from transformers import Gemma3ForConditionalGeneration

    made = config(engine.tokenizer.get_vocab())
    made.text_config.num_hidden_layers, made.text_config.layer_types = 2, ["sliding_attention", "full_attention"]
    made.text_config.sliding_window = 24
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(made).eval()
    plain = copy.deepcopy(model)
    share_steps(model)
    counter = CompileCounterWithBackend("inductor")
    compiled = torch.compile(_step, dynamic=False, fullgraph=True, backend=counter)
    monkeypatch.setattr("vision.engines.local.compiled._compiled", lambda: compiled)
    prompt, tail = torch.randint(300, 1200, (1, 20)), torch.randint(300, 1200, (1, 12))
    with torch.inference_mode():
        warm_up(model)
        cache = cache_of(model)
        model(input_ids=prompt, cache=cache, use_cache=True)
        whole = plain(input_ids=torch.cat([prompt, tail], 1), logits_to_keep=12).logits[0]
        for rows in (1, 3):
            batch: CompiledBatch[int] = CompiledBatch(model)
            batch.join(list(range(rows)), Begun(20, None, layers_of(cache)))
            stepped = torch.stack([batch.step([int(token)] * rows) for token in tail[0]], 1)
            assert (stepped - whole).abs().max() < 1e-4
    assert counter.frame_count == 2


def test_an_engine_with_compiled_steps_writes_the_same(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.engines.local.compiled._compiled", lambda: _step)
    talk = about((chart.question, [chart.image], ""))
    compiled = LocalEngine(engine.loaded, compiled=True)
    assert texts(compiled.streams(talk, seeds(5)), 5) == texts(engine.streams(talk, seeds(5)), 5)


def test_steps_over_several_devices_are_not_compiled(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.model, "hf_device_map", {"model.vision_tower": 0, "model.language_model": 1}, raising=False)
    with pytest.raises(SettingsError, match="lies on 2 devices; set LOGICFLOW_DEVICE to one, or leave it off"):
        LocalEngine(engine.loaded, compiled=True)


def test_compiled_rows_stay_their_own_when_a_caller_leaves(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers are moved then, outside any step, and after a long question they are longer than those of the next."""
    monkeypatch.setattr("vision.engines.local.compiled._compiled", lambda: _step)
    compiled = LocalEngine(engine.loaded, compiled=True)
    first, second = (about((make(HELD_OUT_FROM + seed, kind="bar").question, [chart.image], "")) for seed in (5, 6))
    long = about((chart.question, [chart.image] * 5, ""))
    assert texts(compiled.streams(long, [WARM]), 1) == [alone(engine, long, WARM)]
    leaving, staying = compiled.streams(first, seeds(2)), compiled.streams(second, seeds(3))
    next(leaving)
    begun = [next(staying)]
    assert len(compiled._batch.rows) == 5
    leaving.close()
    assert len(compiled._batch.rows) == 3
    assert texts(iter([*begun, *staying]), 3) == [alone(engine, second, sampling) for sampling in seeds(3)]
