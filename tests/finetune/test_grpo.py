"""GRPO by TRL: recipes, rows, prompts that are the application's, and a run with pictures that goes on where it was stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from finetune import preflight
from finetune.curves import draw, read_run
from finetune.grpo import RecipeError, dataset_of, go_back, main, model_of, read_recipe, rows_of, written_in
from finetune.recipe import ROOT
from finetune.relay import newest
from vision import Prompt, Sampling, Turn

NANO = ROOT / "finetune/grpo_nano.yaml"
RECIPES = sorted(ROOT.glob("finetune/grpo_*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_known_to_trl_and_gives_its_reasons(recipe: Path) -> None:
    own, options = read_recipe(recipe, ["learning_rate=1e-4"])
    assert own["rewards"] and options["learning_rate"] == 1e-4
    assert options["output_dir"].rpartition("/")[2] in (recipe.stem, "grpo") and "# " in recipe.read_text()
    assert f"{recipe.name}" in (ROOT / "finetune/README.md").read_text(), "a row in the table"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stage": "sft"}, "is no recipe for GRPO .stage: sft.; llamafactory-cli train takes the others"),
        ({"num_generation": 8}, "has a key num_generation; did you mean num_generations?"),
        ({"reward_weights": [1]}, "has a key reward_weights"),
        ({"rewards": {}}, "rewards name none; give weights by name, of exact_answer"),
        ({"rewards": {"exact_anwser": 1}}, "there is no reward exact_anwser; did you mean exact_answer?"),
        ({"rewards": {"exact_answer": "much"}}, "the weight of exact_answer is 'much'; expected a number"),
        ({"rewards": {"exact_answer": float("nan")}}, "the weight of exact_answer is nan; expected a number"),
        ({"model_name_or_path": ""}, "model_name_or_path names no model"),
    ],
)
def test_what_is_no_recipe_is_one_sentence(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    recipe = tmp_path / "grpo_try.yaml"
    recipe.write_text(yaml.safe_dump(yaml.safe_load(NANO.read_text()) | changed))
    with pytest.raises(RecipeError, match=said):
        read_recipe(recipe, [])


def test_what_cannot_be_trained_ends_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml cannot be read as a recipe" in capsys.readouterr().err
    assert main([str(NANO), "model_name_or_path=nowhere/at-all-1"]) == 2
    assert "nowhere/at-all-1" in capsys.readouterr().err
    assert main([str(NANO), f"dataset={tmp_path}/none.jsonl", f"output_dir={tmp_path}/out"]) == 2
    assert "there is no file" in capsys.readouterr().err


def own(dataset: Path, **others: Any) -> dict[str, Any]:
    return {"dataset": str(dataset), "max_samples": 0, "writing": True, **others}


def test_rows_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows: list[dict[str, Any]] = [
        {"question": "How many?", "answer": "3 + 4 = 7\n#### 7"},
        {"question": "How much?", "gold": "12", "image": "a.png", "exact": False},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    one, other = rows_of(own(file), tmp_path)
    assert (one["gold"], one["image"], one["tolerance"]) == ("7", "", 0.0)
    assert (other["gold"], other["image"], other["tolerance"]) == ("12", str(tmp_path / "a.png"), 0.05)
    assert len(list(rows_of(own(file, max_samples=1), tmp_path))) == 1
    file.write_text('{"question": "How many?"}\n')
    with pytest.raises(RecipeError, match="row 1 of .* has no question, or no gold or answer"):
        list(rows_of(own(file), tmp_path))


def test_of_a_drawn_chart_the_table_is_known(tmp_path: Path) -> None:
    row = next(row for row in rows_of({"dataset": "charts", "max_samples": 40}, tmp_path) if row["drawn"])
    writing = written_in(Image.open(row["image"]), row["drawn"])
    assert {(each.name, each.series, each.value) for each in writing.drawn} == set(row["drawn"]) and writing.texts


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([], "ok   2 groups: 16 attempts a step: 2 questions, 8 attempts at each"),
        (["num_generations=5"], "16 attempts a step (16 x 1 x 1) are no whole groups of 5"),
        (["num_generations=1"], "num_generations is 1; an attempt is judged against others of its question"),
        (["fp16=true"], "Gemma 3 overflows in fp16"),
        (["num_generation=1"], "did you mean num_generations?"),
        (["dataset=none.jsonl"], "there is no file none.jsonl"),
    ],
)
def test_the_preflight_knows_recipes_for_grpo(changed: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = preflight.main([str(NANO), *changed])
    told = capsys.readouterr().out
    assert said in told and status == (0 if not changed else 1), told


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four questions about two pictures."""
    from finetune.charts.records import make

    folder = tmp_path_factory.mktemp("charts")
    rows = []
    for seed in (11, 12):
        record = make(seed, kind="bar", renderer="pillow")
        record.image.save(folder / f"{seed}.png")
        rows += [{"question": asked, "gold": record.gold, "image": f"{seed}.png"} for asked in (record.question, "Which is the highest?")]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "rows.jsonl"


@pytest.mark.filterwarnings("ignore:.*deprecated and will be removed in v6:FutureWarning")
def test_prompts_are_those_of_the_application_and_so_are_probabilities(engine: Any, charts: Path, tmp_path: Path) -> None:
    """Token for token and mark for mark: token_type_ids too, without which a picture's tokens do not see each other."""
    import torch
    from trl import GRPOConfig, GRPOTrainer

    from finetune.rewards import thought_form

    model, encoder = model_of(
        {"model_name_or_path": str(ROOT / "vision/nano"), "adapter_name_or_path": str(ROOT / "vision/nano/thinking")}, {"bf16": False}
    )
    rows = dataset_of(own(charts), encoder, tmp_path / "rows")
    args = GRPOConfig(
        output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to="none", per_device_train_batch_size=2, num_generations=2
    )
    trainer = GRPOTrainer(model=model, reward_funcs=[thought_form], args=args, train_dataset=rows, processing_class=encoder.processor)
    row = rows[0]
    from trl.data_utils import prepare_multimodal_messages

    ids, _, fields = trainer._tokenize_prompts([prepare_multimodal_messages(row["prompt"], images=row["images"])])

    (kept,) = (tmp_path / "rows/rows.jsonl").read_text().splitlines()[:1]
    assert row["writing"] == json.loads(kept)[1]
    from finetune.rewards import Attempt
    from vision.pictures.lines import lines_for

    image = row["images"][0]
    (writing,) = Attempt("", "", row["writing"]).pictures
    prompt = Prompt(turns=(Turn(question=row["question"], images=(image,), lines=(lines_for(writing, "on", engine.seen(image)),)),))
    encoded = encoder.encode(prompt)
    assert ids[0] == encoded.ids[0].tolist()
    kinds = torch.as_tensor(fields["token_type_ids"][0])
    assert torch.equal(kinds.bool(), encoded.image) and int(kinds.sum()) == 256

    pieces = [piece for _, piece in engine.streams(prompt, [Sampling(temperature=0.0, max_thought_tokens=60, max_answer_tokens=20)])]
    text = "".join(piece.text for piece in pieces[:-1])
    usage = pieces[-1]
    made = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    whole = torch.tensor([[*ids[0], *made]])
    pixels = torch.stack([torch.as_tensor(each) for each in fields["pixel_values"]])
    types = torch.cat([kinds, torch.zeros(len(made), dtype=kinds.dtype)])[None]
    model.eval()
    with torch.inference_mode():
        found = trainer._get_per_token_logps_and_entropies(
            model, whole, torch.ones_like(whole), len(made), pixel_values=pixels, num_images=[1], token_type_ids=types
        )[0]
    assert float(found[0].mean()) == pytest.approx(usage.mean_logprob, abs=0.02)  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing. is deprecated:FutureWarning")
def test_marks_of_pictures_stand_at_their_tokens_whatever_side_a_tokenizer_pads(tmp_path: Path) -> None:
    """TRL issue 5785: prompts are padded on the left, the marks by the tokenizer."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    for file in (ROOT / "vision/nano").iterdir():
        (tmp_path / file.name).symlink_to(file)
    told = json.loads((tmp_path / "tokenizer_config.json").read_text()) | {"padding_side": "right"}
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(told))
    own = {"model_name_or_path": str(tmp_path), "adapter_name_or_path": "", "lora_rank": 2, "lora_alpha": 4, "lora_dropout": 0.0}
    model, encoder = model_of(own, {"bf16": False})
    asked = ("How much is Apple?", "What is the difference between Apple and Plum, and what comes of it when Cherry is added?")
    image = Image.open(ROOT / "examples/harvest.png").convert("RGB")
    rows = Dataset.from_dict({"prompt": [[{"role": "user", "content": each}] for each in asked], "images": [[image]] * 2})
    args = GRPOConfig(
        output_dir=str(tmp_path / "out"), bf16=False, use_cpu=True, report_to="none", per_device_train_batch_size=2, num_generations=2,
        max_completion_length=2,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=model, reward_funcs=[lambda completions, **_: [0.0] * len(completions)], args=args, train_dataset=rows,
        processing_class=encoder.processor,
    )  # fmt: skip
    made = trainer._generate_and_score_completions([rows[0], rows[1]])
    pictured = made["prompt_ids"] == encoder.loaded.model.config.image_token_id
    assert not made["prompt_mask"].all() and pictured.sum(1).tolist() == [256, 256]
    assert made["token_type_ids"][:, : pictured.shape[1]].bool().equal(pictured)


def test_samples_beyond_the_checkpoint_are_noted_anew(tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    go_back(samples, 4)
    assert not samples.exists()
    noted = "".join(json.dumps({"step": step, "text": "x"}) + "\n" for step in (0, 0, 4, 5))
    for step, kept in ((4, [0, 0, 4]), (0, [])):
        samples.write_text(noted + '{"step": 5, "te')  # killed in the middle of a line
        go_back(samples, step)
        assert [json.loads(line)["step"] for line in samples.read_text().splitlines()] == kept


def test_a_run_with_pictures_is_stopped_and_goes_on(charts: Path, tmp_path: Path) -> None:
    """Ten steps in two goes, as a relay makes them; its curves and its samples are one run's."""
    out = tmp_path / "run"
    small = ["max_samples=4", "per_device_train_batch_size=4", "num_generations=2", "max_completion_length=24", "sample_steps=5"]
    words = [
        sys.executable,
        "-m",
        "finetune.grpo",
        str(NANO),
        f"dataset={charts}",
        f"output_dir={out}",
        *small,
        "save_steps=4",
        "max_steps=10",
    ]
    first = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while first.poll() is None and newest(out) < 4:
            with pytest.raises(subprocess.TimeoutExpired):
                first.wait(0.5)
        first.terminate()
        told = first.communicate(timeout=60)[0]
    finally:
        first.kill()
    assert first.returncode == 3 and "stopped in time" in told, told[-2000:]
    stopped = newest(out)
    assert 4 <= stopped < 10
    again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0 and "the run is done" in again.stdout, again.stderr[-2000:]
    assert (out / "adapter_model.safetensors").is_file() and "reading pictures" not in again.stderr.replace("reading pictures: 100%", "")
    rows = read_run(out)
    assert [row["step"] for row in rows] == list(range(1, 11))
    assert all("rewards/earned_answer/mean" in row and "completions/clipped_ratio" in row for row in rows)
    assert len(draw(rows).axes) >= 8
    samples = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    assert [sample["step"] for sample in samples] == [0] * 4 + [5] * 4 + [10] * 4 and set(samples[0]["rewards"]) == set(
        yaml.safe_load(NANO.read_text())["rewards"]
    )
