"""How nano is trained, measured and put into its place."""

from __future__ import annotations

import itertools
import json
import math
import random
import signal
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from finetune.charts.records import HELD_OUT_FROM
from finetune.nano import evaluate as evaluating
from finetune.nano import precision
from finetune.nano import train as training
from finetune.nano.bundle import bundle
from finetune.nano.evaluate import Case, Scored, better, evaluate, held_out, of_folder, score, table
from finetune.nano.learner import Learner, _attention, _look_loss, tally
from finetune.nano.muon import Muon
from finetune.nano.plan import Mix, Plan, plan_for
from finetune.nano.rows import SPOTS, Packer, attention_mask, picture_exchanges
from finetune.nano.stream import Stream, drawn
from finetune.nano.thoughts import write_thoughts
from finetune.nano.train import train
from vision.settings import NANO

SMALL = Plan(minutes=1, adapter_minutes=0.5, mix=Mix(pictures=1, thoughtful=1, texts=1, length=768), warm=1, log_steps=1, compiled=False)


@pytest.fixture(scope="module")
def processor() -> object:
    return AutoProcessor.from_pretrained(NANO, local_files_only=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes whenever somebody looks, so that a minute is a few steps on any machine."""
    seconds = itertools.count()
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


def test_packed_exchanges_see_their_picture_and_themselves_only(processor) -> None:  # type: ignore[no-untyped-def]
    """The logits of a packed row are those of each exchange alone."""
    torch.manual_seed(0)
    learner = Learner(processor.tokenizer.get_vocab(), 0).eval()
    packer = Packer(processor.tokenizer, 512)
    _, (picture, _, figure, _) = drawn(3)
    image = np.array(picture.resize((320, 320)))
    exchanges = picture_exchanges(random.Random(0), figure)[:4]
    pixels = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 127.5 - 1

    def logits(row) -> torch.Tensor:  # type: ignore[no-untyped-def]
        ids, segment, position = (torch.from_numpy(part)[None] for part in (row.ids, row.segment, row.position))
        mask = attention_mask(segment, ids == learner.image_token).float()
        core = learner.nano.model
        seen = core.multi_modal_projector(core.vision_tower(pixel_values=pixels).last_hidden_state)
        embedded = core.language_model.embed_tokens(ids)
        embedded[ids == learner.image_token] = seen[0].to(embedded.dtype)
        masks = {"full_attention": mask, "sliding_attention": mask}
        return core.language_model(inputs_embeds=embedded, attention_mask=masks, position_ids=position, use_cache=False).last_hidden_state[
            0
        ]

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        together = packer.pack(exchanges, packer.prefix_for("", thinking=False), shared=True)
        whole = logits(together)
        for i, exchange in enumerate(exchanges):
            alone = packer.pack([exchange], packer.prefix_for("", thinking=False), shared=True)
            one = logits(alone)[alone.segment == 1]
            packed = whole[torch.from_numpy(together.segment == i + 1)]
            assert (one - packed).abs().max() < 0.05, "bf16 attention, so not to the last digit"


def test_a_head_is_taught_to_look_where_a_word_stands() -> None:
    look = torch.full((1, 4, 4), 0.1)
    look[0, 2, 1] = look[0, 2, 0] = 0.4
    spots = torch.full((1, 4, SPOTS), -1)
    spots[0, 2, 0] = 0  # the first soft token, which stands at 1
    loss, share = _look_loss(look, spots, torch.tensor([1]))
    assert share.item() == pytest.approx(0.4) and loss.item() == pytest.approx(-math.log(0.4), abs=1e-4)


def test_muon_moves_matrices_as_torchs_does() -> None:
    torch.manual_seed(0)
    for shape in ((24, 8), (8, 24)):
        start, grads = torch.randn(shape), [torch.randn(shape) for _ in range(3)]
        ours, theirs, untouched = (torch.nn.Parameter(start.clone()) for _ in range(3))
        pairs = (
            (ours, Muon([ours, untouched], 0.1, torch.bfloat16)),
            (theirs, torch.optim.Muon([theirs], lr=0.1, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")),
        )
        for matrix, optimizer in pairs:
            for grad in grads:
                matrix.grad = grad.clone()
                optimizer.step()
        assert not torch.allclose(ours, start, atol=0.1) and torch.equal(untouched, start)
        assert torch.allclose(ours, theirs, atol=0.02)
        exact = torch.nn.Parameter(start.clone())
        exact.grad = grads[0].clone()
        optimizer = Muon([exact], 0.1, torch.float32, weight_decay=0.0)
        optimizer.step()
        moved = torch.linalg.svdvals((start - exact).detach()) / (0.02 * 24**0.5)
        assert moved.min() > 0.6 and moved.max() < 1.3, "every direction alike"


def test_the_tower_is_looked_through_as_the_model_does(processor) -> None:  # type: ignore[no-untyped-def]
    learner = Learner(processor.tokenizer.get_vocab()).eval()
    pixels = torch.randint(0, 256, (2, 320, 320, 3), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        _, seen = learner.look(pixels)
        theirs = learner.nano.model.get_image_features(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0).pooler_output
    assert torch.allclose(seen.flatten(0, 1).float(), theirs.flatten(0, -2).float(), atol=0.05)


@pytest.mark.parametrize(("sight", "looks", "easy"), [(0.0, 0.1, 0.0), (1.0, 0.3, 0.9)], ids=["rests", "from nothing"])
def test_every_part_of_a_batch_teaches_what_it_should(processor, sight: float, looks: float, easy: float) -> None:  # type: ignore[no-untyped-def]
    """Finite losses, and a few steps on one batch lower them."""
    learner = Learner(processor.tokenizer.get_vocab())
    mix = replace(SMALL.mix, easy=easy)
    batch = Stream(processor.tokenizer, mix, torch.zeros(2)).batch(random.Random(1))
    assert batch["phase"] == "base" and ["pixels" in part for part in batch["parts"]] == [True, False]
    optimizer, scores = torch.optim.AdamW(learner.parameters(), lr=1e-3), defaultdict(list)
    for part in batch["parts"]:
        losses = []
        for _ in range(3):
            loss, notes = learner.learn(part, sight, looks)
            loss.backward()
            tower = any(p.grad is not None for p in learner.nano.model.vision_tower.parameters())
            assert tower is (sight > 0 and "pixels" in part)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        tally(notes, part, scores)
        assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert {"loss", "text: loss", "looks ahead"} <= set(scores) and ("edges" in scores) is (sight > 0)


def test_the_adapter_learns_from_thoughts_with_the_text_of_the_picture(processor) -> None:  # type: ignore[no-untyped-def]
    batch = Stream(processor.tokenizer, SMALL.mix, torch.ones(2)).batch(random.Random(3))
    assert batch["phase"] == "adapter" and len(batch["parts"]) == 1
    part = batch["parts"][0]
    written = processor.tokenizer.decode(part["ids"][0])
    assert "Text in the picture, each at x y percent:" in written.split("<end_of_image>")[1] and len(part["tasks"][0]) > 1
    assert "<think>\n" in processor.tokenizer.decode(part["ids"][0][part["learn"][0]])


def test_pictures_are_asked_about_again_where_drawing_is_slower_than_learning(processor) -> None:  # type: ignore[no-untyped-def]
    stream = Stream(processor.tokenizer, replace(SMALL.mix, pictures=6, texts=0, again=0.9, matplotlib=0.0), torch.zeros(2))
    pixels = stream.batch(random.Random(0))["parts"][0]["pixels"].flatten(1)
    assert 1 < len(torch.unique(pixels, dim=0)) < 6


def test_a_run_is_stopped_goes_on_and_ends_with_an_adapter_that_the_app_loads(  # type: ignore[no-untyped-def]
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = itertools.count(1)

    def interrupted(*given: object) -> None:
        tally(*given)  # type: ignore[arg-type]
        if next(steps) == 3:  # in the second step
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training, "tally", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, SMALL, "cpu", NANO)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert (state["phase"], state["step"]) == ("base", 2) and 0 < state["spent_s"] < 30
    train(tmp_path, SMALL, "cpu", NANO)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    told = [(line["phase"], line["step"]) for line in log if "phase" in line]
    assert told[:3] == [("base", 1), ("base", 2), ("base", 3)] and told[-1][0] == "adapter" and log[-1]["minutes"] < 1.5
    before, after = (AutoModelForImageTextToText.from_pretrained(path).state_dict() for path in (NANO, tmp_path / "base"))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed and not any("vision_tower" in name for name in changed), "the tower rests"
    assert (tmp_path / "loss.png").exists()
    with pytest.raises(ValueError, match="has spent its 1 minutes"):
        train(tmp_path, SMALL, "cpu", NANO)
    bundle(tmp_path / "base", tmp_path / "adapter", tmp_path / "bundled")
    from vision import Settings, ask, open_engine

    engine = open_engine(Settings(model=str(tmp_path / "bundled")))
    assert engine.name == "bundled + thinking" and ask(Image.new("RGB", (64, 64)), "How much?", engine).usage is not None


def test_a_bundle_is_whole_or_what_it_was(tmp_path: Path) -> None:
    bundle(NANO, NANO / "thinking", tmp_path / "to")
    files = sorted(path.name for path in (tmp_path / "to").rglob("*"))
    with pytest.raises(FileNotFoundError):
        bundle(NANO, tmp_path, tmp_path / "to")
    assert sorted(path.name for path in (tmp_path / "to").rglob("*")) == files and "adapter_model.safetensors" in files


def test_a_gpu_is_given_more_and_a_tower_without_knowledge_is_taught() -> None:
    assert plan_for("cuda").mix.pictures > plan_for("cpu").mix.pictures and plan_for("cpu").sight == 0
    assert plan_for("cpu", from_nothing=True).sight > 0 and plan_for("cpu", from_nothing=True).mix.easy > 0


def test_rows_for_the_recipe_fit_into_its_cutoff(tmp_path: Path, processor) -> None:  # type: ignore[no-untyped-def]
    import yaml

    cutoff = yaml.safe_load(Path("finetune/nano.yaml").read_text())["cutoff_len"]
    write_thoughts(tmp_path, 24)
    rows = json.loads((tmp_path / "charts.json").read_text())
    sizes = []
    for row in rows:
        asked, said = (turn["value"] for turn in row["conversations"])
        sizes.append(280 + len(processor.tokenizer(row["system"] + asked + said)["input_ids"]))
        with Image.open(tmp_path / row["images"][0]) as picture:
            assert picture.size == (320, 320)
    assert sum(size <= cutoff for size in sizes) >= 23
    assert sum("Text in the picture" in row["conversations"][0]["value"] for row in rows) > 16
    assert sum("<think>" in row["conversations"][1]["value"] for row in rows) > 16


def case(**known: object) -> Case:
    return Case(image=Image.new("RGB", (8, 8)), question="How much?", **({"gold": "50"} | known))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exact", "said", "right", "strict"),
    [
        (True, "<think>a</think>The answer is 50.", True, True),
        (True, "<think>a</think>The answer is 51.", False, False),
        (False, "The answer is 51.5.", True, False),
        (False, "The answer is 60.", False, False),
        (True, "<think>The answer is 50.", False, False),
    ],
    ids=["right", "wrong", "near enough off an axis", "too far off", "a thought that never closed is no answer"],
)
def test_scores_follow_the_fields_rule(exact: bool, said: str, right: bool, strict: bool) -> None:
    scored = score(case(exact=exact), said)
    assert (scored.right, scored.strict, scored.truncated) == (right, strict, "</think>" not in said and "<think>" in said)


def test_the_table_counts_what_it_says() -> None:
    right = Scored(case=case(kind="pie"), text="", right=True, strict=True, truncated=False)
    wrong = replace(right, right=False, strict=False, truncated=True)
    made = table({"base": [wrong, wrong], "tuned": [right, wrong]})
    assert "| all | 2 | 0.0 % (0.0–65.8) | 50.0 % (9.5–90.5) | 50.0 % |" in made and "| kind: pie | 2 |" in made
    assert "never closed, tuned: 1 of 2" in made and "kind: bar" not in made


def test_held_out_cases_show_every_kind_both_renderers_and_words_of_their_own() -> None:
    cases = list(held_out(50))
    assert {c.renderer for c in cases} == {"pillow", "matplotlib"} and len({c.kind for c in cases}) == 8
    assert {c.new_wording for c in cases} == {True, False} and sum(c.task == "aside" for c in cases) == 2
    assert all(c.seed >= HELD_OUT_FROM for c in cases)


def test_pictures_of_ones_own_are_measured_with_and_without_their_text(tmp_path: Path) -> None:
    picture = next(held_out(1)).image
    picture.save(tmp_path / "a.png")
    row = {"image": "a.png", "question": "Describe the chart.", "answer": "nothing", "kind": "mine"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    columns = evaluate(str(NANO), list(of_folder(tmp_path)), writing="both")
    assert [len(side) for side in columns.values()] == [1] * 4 and "| kind: mine | 1 |" in table(columns)
    (tmp_path / "rows.jsonl").write_text('{"image": "a.png"}')
    with pytest.raises(ValueError, match="has no 'question'"):
        list(of_folder(tmp_path))


def test_the_better_adapter_is_named(monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    right = Scored(case=case(), text="", right=True, strict=True, truncated=False)
    answers = {"first": [right, replace(right, right=False)], "second": [right, right], "third": [right, right]}
    monkeypatch.setattr(evaluating, "load", lambda settings: settings.adapter)
    monkeypatch.setattr(evaluating, "texts_of", lambda cases: [""] * len(cases))
    monkeypatch.setattr(evaluating, "answer_all", lambda adapter, cases, lines, thinking: answers[adapter])
    assert better(NANO, [Path(name) for name in answers], 2) == Path("second")
    assert "first: 1 of 2 are right" in capsys.readouterr().out


def test_nano_is_tuned_in_a_precision_in_which_the_cpu_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "faster", lambda: torch.bfloat16)
    assert precision.options(NANO, tmp_path) == {"model_name_or_path": str(NANO)} and not list(tmp_path.iterdir())
    monkeypatch.setattr(precision, "faster", lambda: torch.float32)
    for _ in range(2):  # a copy of an older base gives way
        chosen = precision.options(NANO, tmp_path / "work")
    copy = Path(chosen["model_name_or_path"])
    assert chosen["bf16"] == "false" and list((tmp_path / "work").iterdir()) == [copy]
    loaded = AutoModelForImageTextToText.from_pretrained(copy, dtype="auto")  # as LLaMA-Factory does
    first = AutoModelForImageTextToText.from_pretrained(NANO, dtype=torch.float32)
    assert loaded.dtype == torch.float32
    assert all(torch.equal(mine, its) for mine, its in zip(loaded.parameters(), first.parameters(), strict=True))
    assert (copy / "tokenizer.json").exists() and (copy / "processor_config.json").exists()


def test_attention_off_the_cpu_takes_a_mask_or_none() -> None:
    """The path of a GPU, by shapes alone: the tower's patches have no mask, the text has one for all heads."""
    q = torch.empty(2, 5, 7, 64, device="meta")
    module = torch.nn.Module()
    module.layer_idx = 1
    looks: list[torch.Tensor] = []
    assert _attention(module, q, q, q, None)[0].shape == (2, 7, 5, 64)
    assert _attention(module, q, q, q, torch.empty(2, 1, 7, 7, device="meta"), looks=looks)[0].shape == (2, 7, 5, 64)
    assert looks[0].shape == (2, 7, 7)
