"""Pictures and prompts before the first step: chunks, cached beginnings, several pictures, many questions one after the other."""

from __future__ import annotations

import copy
import random
from dataclasses import replace

import torch
from PIL import Image

from finetune.charts.records import HELD_OUT_FROM, draw, make
from tests.vision.engines.local.test_batch import PICTURES, REUSED, about, alone, first_logits, texts
from vision import Control, Prompt, Sampling, Usage
from vision.engines.local.engine import LocalEngine

WARM = Sampling(temperature=0.8, max_thought_tokens=60, max_answer_tokens=40)


def inputs_of(engine: LocalEngine, talk: Prompt) -> dict[str, torch.Tensor]:
    encoded = engine.encoder.encode(talk)
    kinds = {"token_type_ids": torch.zeros_like(encoded.ids)}
    return {"input_ids": encoded.ids, "attention_mask": torch.ones_like(encoded.ids)} | (encoded.inputs or kinds)


def test_a_prefill_in_chunks_keeps_its_pictures(engine: LocalEngine) -> None:
    """``prefill_chunk_size`` of transformers against the two chunks in which a prompt is read here."""
    talk = about(("What?", PICTURES[:1], ""))
    encoded = inputs_of(engine, talk)
    with torch.inference_mode():
        whole = engine.model(**encoded).logits[0, -1]
        options = {"max_new_tokens": 1, "do_sample": False, "output_logits": True, "return_dict_in_generate": True}
        chunked = engine.model.generate(**encoded, **options, top_k=None, top_p=None, prefill_chunk_size=64).logits[0][0]
    assert (chunked - whole).abs().max() > 1e-3, "the naive way: a picture's tokens do not see those of a later chunk"
    engine.forget()
    assert (first_logits(engine, talk) - whole).abs().max() < 1e-4


def test_a_picture_after_a_cached_beginning_is_seen_whole(engine: LocalEngine) -> None:
    """Kinds of the new tokens alone meet absolute positions, and the picture's mask is lost; kinds of all tokens do not."""
    before, after = REUSED["a picture in the second turn"]
    whole, cached = inputs_of(engine, after), inputs_of(engine, before)
    start = cached["input_ids"].shape[1]
    from transformers import DynamicCache

    def went_on(types: torch.Tensor) -> torch.Tensor:
        cache = DynamicCache(config=engine.model.config.get_text_config())
        with torch.inference_mode():
            engine.model(**cached, cache=cache, use_cache=True)
            rest = {
                "input_ids": whole["input_ids"][:, start:],
                "attention_mask": whole["attention_mask"],
                "pixel_values": whole["pixel_values"][1:],
            }
            return engine.model(**rest, token_type_ids=types, cache=cache, use_cache=True).logits[0, -1]

    with torch.inference_mode():
        right = engine.model(**whole).logits[0, -1]
    engine.forget()
    first_logits(engine, before)
    assert (first_logits(engine, after) - right).abs().max() < 1e-4
    assert (went_on(whole["token_type_ids"][:, start:]) - right).abs().max() > 1e-3, "the naive way"


def test_traces_about_several_pictures_do_not_mix_them_up(engine: LocalEngine) -> None:
    """``num_return_sequences`` mixed rows up in transformers 5.6; here a row cannot see another's pictures, whatever their number."""
    pair = about(("What is the total?", PICTURES[:2], ""))
    cold = Sampling(max_thought_tokens=40, max_answer_tokens=20)
    apart = alone(engine, pair, cold)
    assert texts(engine.streams(pair, [cold] * 3), 3) == [apart] * 3


def test_flash_attention_is_never_asked_to_read_a_picture(engine: LocalEngine) -> None:
    """It would make a picture's tokens causal; whatever a configuration says, ours are read through sdpa's mask."""
    encoded = inputs_of(engine, about(("What?", PICTURES[:1], "")))
    config = engine.model.config.get_text_config()
    assert config._attn_implementation == "logicflow"
    causal = {name: value for name, value in encoded.items() if name != "token_type_ids"}
    with torch.inference_mode():
        both_ways, one_way = (engine.model(**given).logits[0, -1] for given in (encoded, causal))
    assert (both_ways - one_way).abs().max() > 1e-3, "the naive way"
    assert (first_logits(engine, about(("What?", PICTURES[:1], ""))) - both_ways).abs().max() < 1e-4


def test_half_precision_is_never_fp16(engine: LocalEngine) -> None:
    """Gemma's activations outgrow fp16 (65,504); bf16 has fp32's range, and ``Settings`` offers nothing else."""
    from typing import get_args

    from vision.settings import Precision

    assert "fp16" not in get_args(Precision)
    large = copy.deepcopy(engine.model.model.language_model.norm)
    state = torch.full((1, 1, large.weight.shape[0]), 7e4)
    assert not torch.isfinite(state.half()).all() and torch.isfinite(state.bfloat16()).all()


def test_five_hundred_mixed_questions_leave_nothing_behind(engine: LocalEngine) -> None:
    import gc
    import threading

    engine.forget()
    small = [Image.new("RGB", (64, 64), (i, 0, 0)) for i in range(6)]
    held: list[int] = []
    for i in range(500):
        talk = about((f"What is {i}?", small[: i % 3], ""), thinking=i % 2 == 0)
        control = Control()
        pieces = engine.streams(talk, [Sampling(temperature=0.5, seed=i, max_thought_tokens=1, max_answer_tokens=1)] * (1 + i % 2), control)
        first = next(pieces)
        if i % 5 == 0:
            pieces.close()
        elif i % 5 == 1:
            control.stop()
        assert i % 5 == 0 or isinstance([first, *pieces][-1][1], Usage)
        if i % 100 == 99:
            engine.forget()
            gc.collect()
            held.append(sum(1 for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)))
    assert held[-1] <= held[0] + 5 and threading.active_count() < 20
    assert not engine.busy


def test_charts_that_are_nearly_equal_are_told_apart_at_once_and_one_by_one(engine: LocalEngine) -> None:
    """One question about eight pictures that differ in a digit: neither the steps that they share nor what was kept mixes them up."""
    figure = make(HELD_OUT_FROM + 12, kind="bar", renderer="pillow").figure
    ((series, values),) = figure.series.items()
    figures = [replace(figure, series={series: (values[0] - values[0] % 10 + i, *values[1:])}) for i in range(8)]
    pictures = [draw(random.Random(1), each, "pillow", 0.0)[0] for each in figures]
    prompts = [about((f"How much is {figure.categories[0]}?", [picture], "")) for picture in pictures]
    one_by_one = []
    for prompt in prompts:
        engine.forget()
        one_by_one.append(alone(engine, prompt, Sampling(max_thought_tokens=60)))
    engine.forget()
    running = [engine.streams(prompt, [Sampling(max_thought_tokens=60)]) for prompt in prompts]
    begun = [[next(pieces)] for pieces in running]
    at_once = [texts(iter([*first, *pieces]), 1)[0] for first, pieces in zip(begun, running, strict=True)]
    assert at_once == one_by_one and len(set(one_by_one)) >= 4
    assert [alone(engine, prompt, Sampling(max_thought_tokens=60)) for prompt in prompts] == one_by_one, "from what was kept"
