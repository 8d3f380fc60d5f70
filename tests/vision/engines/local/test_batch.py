"""Rows that share steps draw what they would draw alone, and what is used again changes nothing."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from PIL import Image

from finetune.charts.records import HELD_OUT_FROM, Record, make
from finetune.nano.model import config
from vision import GenerationError, Prompt, Sampling, Turn
from vision.engines.engine import Delta, stream
from vision.engines.local.batch import Batch, share_steps
from vision.engines.local.cache import cache_of, layers_of
from vision.engines.local.engine import LocalEngine
from vision.engines.local.prefill import Begun
from vision.engines.local.recorded import RecordedBatch

WARM = Sampling(temperature=0.8, max_thought_tokens=60, max_answer_tokens=40)


def record(seed: int) -> Record:
    return make(HELD_OUT_FROM + seed, kind="bar", renderer="pillow")


def about(*turns: tuple[str, Sequence[Image.Image], str], **options: Any) -> Prompt:
    return Prompt(turns=tuple(Turn(question=q, images=tuple(images), answer=a) for q, images, a in turns), **options)


def seeds(count: int) -> list[Sampling]:
    return [Sampling(temperature=0.2 + 0.2 * i, seed=i, max_thought_tokens=60, max_answer_tokens=40) for i in range(count)]


def texts(pieces: Iterator[tuple[int, Any]], count: int) -> list[str]:
    made = [""] * count
    for index, piece in pieces:
        made[index] += piece.text if isinstance(piece, Delta) else ""
    return made


def alone(engine: LocalEngine, talk: Prompt, sampling: Sampling) -> str:
    engine.forget()
    return texts(engine.streams(talk, [sampling]), 1)[0]


@pytest.fixture
def passes(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(rows, tokens) of every pass through the model."""
    made: list[tuple[int, int]] = []
    forward = engine.model.forward

    def counted(input_ids: torch.Tensor, **options: Any) -> Any:
        made.append((input_ids.shape[0], input_ids.shape[1]))
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(engine.model, "forward", counted)
    return made


def test_traces_are_drawn_as_each_would_be_alone(engine: LocalEngine, chart: Record) -> None:
    talk = about((chart.question, [chart.image], ""))
    together = texts(engine.streams(talk, seeds(5)), 5)
    assert together == [alone(engine, talk, sampling) for sampling in seeds(5)]
    assert len(set(together)) > 1


def test_the_prompt_is_read_once_and_an_ended_row_leaves(engine: LocalEngine, chart: Record, passes: list[tuple[int, int]]) -> None:
    engine.forget()
    budgets = [Sampling(max_thought_tokens=budget, max_answer_tokens=2) for budget in (4, 12, 12)]
    list(engine.streams(about((chart.question, [chart.image], "")), budgets))
    reading = [tokens for rows, tokens in passes if tokens > 1]
    assert len(reading) == 2 and sum(reading) > engine.loaded.image_tokens, "up to the picture's end and on to the prompt's end"
    widths = [rows for rows, tokens in passes if tokens == 1]
    assert widths == sorted(widths, reverse=True) and widths[0] == 3 and widths[-1] == 2


def test_the_tower_sees_a_picture_once(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    tower = engine.model.model.vision_tower.forward

    def counted(pixel_values: torch.Tensor, **options: Any) -> Any:
        seen.append(len(pixel_values))
        return tower(pixel_values, **options)

    monkeypatch.setattr(engine.model.model.vision_tower, "forward", counted)
    engine.forget()
    other = record(31).image
    short = Sampling(max_thought_tokens=2, max_answer_tokens=1)
    for question, pictures in (("What?", [chart.image]), ("Which?", [other, chart.image, other]), ("How many?", [other])):
        list(stream(engine, about((question, pictures, "")), short))
    assert seen == [1, 1], "five pictures were shown, two of them different"


def test_callers_share_steps_and_change_nothing_for_each_other(engine: LocalEngine, passes: list[tuple[int, int]]) -> None:
    """Prompts of different lengths, callers that come later and callers that go away."""
    talks = [about((record(i).question, [record(i).image] * (1 + i % 2), ""), thinking=i != 2) for i in range(4)]
    apart = [alone(engine, talk, WARM) for talk in talks]
    running = {i: engine.streams(talk, [WARM]) for i, talk in enumerate(talks[:2])}
    made = {i: "" for i in range(4)}
    passes.clear()
    for turn in range(400):
        if turn == 10:
            running |= {i: engine.streams(talks[i], [WARM]) for i in (2, 3)}
        if turn == 25:
            running.pop(0).close()
        for i in list(running):
            piece = next(running[i], None)
            if piece is None:
                del running[i]
            elif isinstance(piece[1], Delta):
                made[i] += piece[1].text
    assert not running and not engine.busy
    assert max(rows for rows, tokens in passes if tokens == 1) >= 3
    assert [made[i] for i in (1, 2, 3)] == apart[1:]
    assert apart[0].startswith(made[0]) and made[0]


def test_an_error_reaches_its_own_caller_only(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = about((chart.question, [chart.image], ""))
    whole = alone(engine, talk, WARM)
    first = engine.streams(talk, [WARM])
    begun = next(first)[1]
    with monkeypatch.context() as patch:
        patch.setattr(engine.prefill, "read", lambda encoded: 1 / 0)
        with pytest.raises(GenerationError, match="division by zero"):
            list(stream(engine, about(("What?", [], "")), WARM))
    assert begun.text + texts(first, 1)[0] == whole


def test_the_steps_go_on_after_memory_ran_out(engine: LocalEngine, chart: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = about((chart.question, [chart.image], ""))
    whole = alone(engine, talk, WARM)
    running = engine.streams(talk, [WARM])
    next(running)

    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", full)
        with pytest.raises(GenerationError, match="ran out of memory.*--precision 4bit"):
            list(running)
    assert len(engine.prefixes) == len(engine.features) == 0, "what was only kept for later made room"
    assert texts(engine.streams(talk, [WARM]), 1)[0] == whole


# What is used again, against a run from nothing: the logits of the next token.


def first_logits(engine: LocalEngine, talk: Prompt) -> torch.Tensor:
    with torch.inference_mode():
        return engine.prefill.read(engine.encoder.encode(talk)).logits


PICTURES = [record(i).image for i in range(40, 46)]
WIDE = Image.effect_noise((900, 300), 60).convert("RGB")
FIRST = "<think>\nRead it.\n</think>\n\nThe answer is 7."
REUSED: dict[str, tuple[Prompt, Prompt]] = {
    "text": (about(("What is 3 + 4?", [], "")), about(("What is 3 + 4?", [], FIRST), ("And 5 + 6?", [], ""))),
    "one picture": (about(("What?", PICTURES[:1], "")), about(("What?", PICTURES[:1], FIRST), ("Which?", [], ""))),
    "another question about it": (about(("What?", PICTURES[:1], "")), about(("How many are there?", PICTURES[:1], ""))),
    "a picture in the second turn": (
        about(("What?", PICTURES[:1], "")),
        about(("What?", PICTURES[:1], FIRST), ("Which?", PICTURES[1:3], "")),
    ),
    "several pictures": (about(("What?", PICTURES[:3], "")), about(("What?", PICTURES[:3], FIRST), ("Which?", [], ""))),
    "crops": (
        about(("What?", [WIDE], ""), pan_and_scan="on"),
        about(("What?", [WIDE], FIRST), ("Which?", [WIDE.rotate(180)], ""), pan_and_scan="on"),
    ),
    "beyond the sliding window": (
        about(("What?", PICTURES[:5], "")),
        about(("What?", PICTURES[:5], FIRST), ("Which?", PICTURES[5:], "")),
    ),
}


@pytest.mark.parametrize("case", REUSED)
def test_a_prompt_that_goes_on_is_read_as_from_nothing(engine: LocalEngine, passes: list[tuple[int, int]], case: str) -> None:
    before, after = REUSED[case]
    engine.forget()
    fresh = first_logits(engine, after)
    whole = sum(tokens for _, tokens in passes)
    engine.forget()
    first_logits(engine, before)
    passes.clear()
    again = first_logits(engine, after)
    assert sum(tokens for _, tokens in passes) < whole - 5
    assert (again - fresh).abs().max() < 1e-4
    passes.clear()
    assert torch.equal(first_logits(engine, after), again) and not passes, "a prompt that was just read needs no pass at all"


@pytest.mark.parametrize("rows", [1, 3])
def test_steps_beyond_the_sliding_window_are_those_of_transformers(engine: LocalEngine, rows: int) -> None:
    """Five pictures take more tokens than the window has; the steps see of them what the model was trained to see."""
    talk = about(("What is the total?", PICTURES[:5], ""))
    encoded = engine.encoder.encode(talk)
    assert encoded.length > engine.model.config.get_text_config().sliding_window
    tokens = engine.tokenizer("The answer is 12 and then " * 30, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        begun = engine.prefill.read(encoded)
        batch: Batch[int] = Batch(engine.model)
        batch.join(list(range(rows)), begun)
        stepped = [batch.step([token] * rows) for token in tokens]
        ids = torch.cat([encoded.ids, torch.tensor([tokens])], 1)
        types = torch.cat([encoded.inputs["token_type_ids"], torch.zeros(1, len(tokens), dtype=torch.long)], 1)
        pixels = encoded.inputs["pixel_values"]
        whole = engine.model(input_ids=ids, token_type_ids=types, pixel_values=pixels, logits_to_keep=len(tokens)).logits[0]
    assert (torch.stack(stepped, 1) - whole).abs().max() < 1e-4


@pytest.mark.parametrize("kind", [Batch, RecordedBatch])
@pytest.mark.parametrize("kv_heads", [1, 5])
def test_rows_of_a_model_of_another_shape_step_as_transformers_has_them(
    engine: LocalEngine, kv_heads: int, kind: type[Batch[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries that share keys, as Gemma's do, a window that is passed several times, and groups that come and go."""
    monkeypatch.setattr("vision.engines.local.recorded._compiled", lambda: step)  # what it computes; that it compiles is seen below
    monkeypatch.setattr("vision.engines.local.recorded.SLOTS", (1, 2, 4, 5))
    monkeypatch.setattr("vision.engines.local.recorded.LENGTH", 32)
    from transformers import Gemma3ForConditionalGeneration

    made = config(engine.tokenizer.get_vocab())
    made.text_config.num_key_value_heads, made.text_config.sliding_window = kv_heads, 24
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(made).eval()
    plain = copy.deepcopy(model)
    share_steps(model)
    prompts, tails = [torch.randint(300, 1200, (1, n)) for n in (40, 11, 19)], torch.randint(300, 1200, (6, 300))
    batch = kind(model)
    of = {0: 0, 1: 0, 2: 0, 3: 1, 4: 2, 5: 2}  # row -> prompt
    stepped: dict[int, list[torch.Tensor]] = {row: [] for row in of}
    with torch.inference_mode():
        for step in range(300):
            for encoded, start in ((0, 0), (1, 5), (2, 30)):
                if step == start:
                    cache = cache_of(model)
                    model(input_ids=prompts[encoded], cache=cache, use_cache=True)
                    batch.join([row for row in of if of[row] == encoded], Begun(prompts[encoded].shape[1], None, layers_of(cache)))
            if step == 100:
                batch.keep([i for i, row in enumerate(batch.rows) if row != 1])
            rows = batch.rows
            logits = batch.step([int(tails[row, len(stepped[row])]) for row in rows])
            for i, row in enumerate(rows):
                stepped[row].append(logits[i])
        for row, encoded in of.items():
            ids = torch.cat([prompts[encoded], tails[row : row + 1, : len(stepped[row])]], 1)
            whole = plain(input_ids=ids, logits_to_keep=len(stepped[row])).logits[0]
            assert (torch.stack(stepped[row]) - whole).abs().max() < 1e-4, row
    assert len(stepped[1]) == 100 and len(stepped[0]) == 300


def test_looking_ahead_and_taking_back_leave_the_row_where_it_was(engine: LocalEngine) -> None:
    """Several tokens in a step, some of them wrong, across the edge of a window and of the buffers."""
    from transformers import Gemma3ForConditionalGeneration

    made = config(engine.tokenizer.get_vocab())
    made.text_config.num_key_value_heads, made.text_config.sliding_window = 1, 24
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(made).eval()
    plain = copy.deepcopy(model)
    share_steps(model)
    encoded, tail, rng = torch.randint(300, 1200, (1, 30)), torch.randint(300, 1200, (1, 300)), random.Random(0)
    batch: Batch[int] = Batch(model)
    stepped: list[torch.Tensor] = []
    with torch.inference_mode():
        cache = cache_of(model)
        model(input_ids=encoded, cache=cache, use_cache=True)
        batch.join([0], Begun(30, None, layers_of(cache)))
        while len(stepped) < 290:
            right, wrong = rng.randint(1, 5), rng.randint(0, 4)
            at = len(stepped)
            tokens = tail[0, at : at + right].tolist() + [7] * wrong
            stepped += batch.look_ahead(tokens)[:right]
            batch.take_back(wrong)
        whole = plain(input_ids=torch.cat([encoded, tail[:, : len(stepped)]], 1), logits_to_keep=len(stepped)).logits[0]
    assert (torch.stack(stepped) - whole).abs().max() < 1e-4


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_quoting_saves_steps_and_changes_no_word(
    engine: LocalEngine, chart: Record, passes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    talk = about((chart.question, [chart.image], ""))
    quoted = [alone(engine, talk, Sampling(temperature=temperature, seed=seed)) for seed in range(3)]
    steps = len(passes)
    passes.clear()
    monkeypatch.setattr("vision.engines.local.trace.Trace.guess", lambda trace: [])
    assert [alone(engine, talk, Sampling(temperature=temperature, seed=seed)) for seed in range(3)] == quoted
    assert steps < len(passes)


# Five ways that look right and are not (each found by probing transformers), against ours.
