"""Rows in compiled steps; that they step as others do is seen in test_batch.py too."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from finetune.charts.records import HELD_OUT_FROM, Record, make
from finetune.nano.model import config
from tests.vision.engines.local.test_batch import PICTURES, WARM, about, alone, seeds, texts
from tests.vision.engines.local.test_kinds import LONG, SEEING, SHORT, TEXT, generated, looking, of, text_model, tokenizer  # noqa: F401
from tests.vision.engines.local.test_kinds import texts as texts_of
from vision import SettingsError
from vision.engines.local.batch import Batch, share_steps
from vision.engines.local.cache import cache_of, layers_of
from vision.engines.local.drawing import Knobs
from vision.engines.local.engine import LocalEngine
from vision.engines.local.norms import quicken_norms
from vision.engines.local.prefill import Begun
from vision.engines.local.recorded import RecordedBatch, step, warm_up


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
    compiled = torch.compile(step, dynamic=False, fullgraph=True, backend=counter)
    monkeypatch.setattr("vision.engines.local.recorded._compiled", lambda: compiled)
    prompt, tail = torch.randint(300, 1200, (1, 20)), torch.randint(300, 1200, (1, 12))
    with torch.inference_mode():
        warm_up(model, compiled=True)
        cache = cache_of(model)
        model(input_ids=prompt, cache=cache, use_cache=True)
        whole = plain(input_ids=torch.cat([prompt, tail], 1), logits_to_keep=12).logits[0]
        for rows in (1, 3):
            batch: RecordedBatch[int] = RecordedBatch(model, compiled=True)
            batch.join(list(range(rows)), Begun(20, None, layers_of(cache)))
            stepped = torch.stack([batch.step([int(token)] * rows) for token in tail[0]], 1)
            assert (stepped - whole).abs().max() < 1e-4
    assert counter.frame_count == 2


class Launches(TorchDispatchMode):
    """Counts what would be launched on a GPU, and what the host would have to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = Counter[str]()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count[function.overloadpacket.__name__] += 1
        return function(*args, **(kwargs or {}))

    @property
    def launched(self) -> int:
        return sum(number for name, number in self.count.items() if name not in VIEWS)


VIEWS = frozenset(
    "view expand slice select t transpose unsqueeze permute split alias detach squeeze unbind as_strided lift_fresh detach_".split()
)


@pytest.mark.parametrize("kind", [Batch, RecordedBatch])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_step_launches_no_more_than_it_did_and_waits_once(
    engine: LocalEngine, kind: type[Batch[int]], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred launches a layer, most of them the model's own; recorded they are one. The host reads a step's tokens in one piece."""
    read: list[int] = []
    monkeypatch.setattr("vision.engines.local.drawing.fetch", lambda chosen: read.append(chosen.numel()) or chosen.tolist())
    with torch.inference_mode():
        begun = engine.prefill.read(engine.encoder.encode(about(("What is 3 + 4?", [], ""))))
        batch = kind(engine.model)
        batch.join(list(range(rows)), begun)
        knobs = Knobs(([0.7] * rows, [0.95] * rows, [0.3] * rows), cold=False)
        with Launches() as launches:
            batch.draw([5] * rows, knobs)
    layers = engine.model.config.get_text_config().num_hidden_layers
    assert launches.launched <= (93 if kind is RecordedBatch or rows == 1 else 108) * layers + 50
    assert read == [3 * rows]
    waits = [name for name in launches.count if "scalar_dense" in name or name in ("nonzero", "item", "is_nonzero", "equal")]
    assert not waits


@pytest.mark.parametrize(("kind", "norms"), [("gemma3_text", 25), ("gemma2", 17), ("qwen3", 17), ("llama", 9), ("olmo3", 17)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norms_in_fewer_launches_give_what_they_gave(kind: str, norms: int, dtype: torch.dtype, tokenizer: Any) -> None:  # noqa: F811
    """Wherever a model lets its weight come in, in every layer."""
    model = text_model(kind, len(tokenizer)).to(dtype)
    with torch.no_grad():
        for name, part in model.named_parameters():
            if "norm" in name:
                part.add_(torch.randn_like(part) * 0.1)
    ids = torch.arange(5, 40)[None]
    with torch.inference_mode():
        due = model(input_ids=ids).logits
        assert quicken_norms(model) == norms
        found = model(input_ids=ids).logits
    assert (found - due).abs().max() < (1e-5 if dtype == torch.float32 else 0.05) * due.abs().max()


def test_buffers_are_counted_before_they_are_made(tokenizer: Any) -> None:  # noqa: F811
    model = text_model("gemma3_text", len(tokenizer))
    share_steps(model)
    batch: RecordedBatch[int] = RecordedBatch(model)
    for rows, length in ((1, 20), (3, 1500), (9, 20)):
        batch._fit([], [length] * rows)
        assert batch._store is not None
        made = sum(part.nbytes for pair in batch._store.buffers for part in pair)
        assert made == batch.bytes_for(rows, length)


def test_a_norm_of_another_form_is_left_alone() -> None:
    class OddRMSNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.eps = torch.nn.Parameter(torch.ones(8)), 1e-6

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

    assert quicken_norms(torch.nn.Sequential(OddRMSNorm())) == 0


@pytest.mark.parametrize("kind", [kind for kind, (_, shares) in TEXT.items() if shares] + list(SEEING))
def test_rows_of_every_kind_that_shares_steps_may_be_recorded(kind: str, tokenizer: Any) -> None:  # noqa: F811
    """What is recorded on a GPU is computed here as it is: slots, rings, places that pictures shift, scores that are capped."""
    engine, plain = of(kind, tokenizer)
    engine.steps = "recorded"
    engine._batch = engine.new_batch()
    prompts = [looking(PICTURES[0].resize((130, 90)), then="And the mean?"), SHORT] if kind in SEEING else [LONG, SHORT]
    due = [generated(engine, plain, prompt) for prompt in prompts]
    for prompt_due, written in zip(due, texts_of(engine, [(prompt, 2) for prompt in prompts]), strict=True):
        assert all(text.startswith(prompt_due) for text in written)


def test_an_engine_with_compiled_steps_writes_the_same(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.engines.local.recorded._compiled", lambda: step)
    talk = about((chart.question, [chart.image], ""))
    compiled = LocalEngine(engine.loaded, compiling="on")
    assert texts(compiled.streams(talk, seeds(5)), 5) == texts(engine.streams(talk, seeds(5)), 5)


def test_steps_over_several_devices_are_not_compiled(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.model, "hf_device_map", {"model.vision_tower": 0, "model.language_model": 1}, raising=False)
    with pytest.raises(SettingsError, match="lies on 2 devices; set LOGICFLOW_DEVICE to one, or leave it off"):
        LocalEngine(engine.loaded, compiling="on")


def test_compiled_rows_stay_their_own_when_a_caller_leaves(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers are moved then, outside any step, and after a long question they are longer than those of the next."""
    monkeypatch.setattr("vision.engines.local.recorded._compiled", lambda: step)
    compiled = LocalEngine(engine.loaded, compiling="on")
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
