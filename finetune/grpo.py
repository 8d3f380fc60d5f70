"""Reinforcement learning with GRPO by TRL, on rewards that check the work: a recipe in, an adapter out.

    python -m finetune.grpo finetune/grpo_nano.yaml max_steps=60 output_dir=saves/try

Keys of :data:`OWN` say what is trained on what and for which rewards; every other key is one of TRL's ``GRPOConfig``. The prompts
are those of the application, pictures with the text that is read in them. Called again it goes on from the last checkpoint; SIGTERM
stops it at one (``make relay``). Exit codes: 0 done, 2 bad input, 3 stopped in time.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from PIL import Image

from finetune.command import ended, reported
from finetune.files import grown_rows
from finetune.options import read_options
from finetune.relay import newest, set_aside
from finetune.rewards import REWARDS, as_column, from_column
from finetune.sources import SourceError, from_hub, read_file
from vision.answers.measured import TOLERANCE
from vision.errors import LogicFlowError
from vision.files import write_text
from vision.pictures.writing import Writing
from vision.prompts import Prompt, Turn

OWN = {
    "stage": "grpo",
    "model_name_or_path": "",
    "adapter_name_or_path": "",
    "dataset": "charts",
    "max_samples": 0,
    "writing": True,
    "rewards": {},
    "lora_rank": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "sample_steps": 0,
}
"""Our keys, with what they are where a recipe says nothing.

``dataset``: ``charts`` (drawn), ``gsm8k`` (the Hub), or a file of rows with ``question``, ``gold`` or ``answer``, and perhaps ``image``;
``max_samples``: rows at most, 0 for all; ``writing``: whether a picture's text is given; ``rewards``: weights by name;
``sample_steps``: after so many steps the first questions are answered and noted in ``samples.jsonl``, 0 for never.
"""
CHARTS = 500
"""Charts that are drawn where a recipe does not say how many."""
SAMPLES = 4
"""Questions whose answers are noted over time."""
FROZEN = r".*(vision|visual|audio|multi_modal|projector|lm_head|embed).*"
"""Layers that a new adapter leaves alone, by their names."""


class RecipeError(Exception):
    """A recipe or data that cannot be trained on, in one sentence with the remedy."""


def read_recipe(path: Path, options: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our keys and TRL's of the recipe in ``path`` with ``key=value`` options on top.

    Raises:
        RecipeError: for a file that is no recipe, or a key that nobody knows.
    """
    import yaml
    from trl import GRPOConfig

    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        written |= read_options(options)
    except (OSError, yaml.YAMLError, TypeError, ValueError) as exc:
        raise RecipeError(f"{path} cannot be read as a recipe: {exc}") from exc
    if written.get("stage") != "grpo":
        raise RecipeError(f"{path} is no recipe for GRPO (stage: {written.get('stage')}); llamafactory-cli train takes the others")
    known = {field.name for field in fields(GRPOConfig) if field.init} - {"reward_weights"}
    for key in written:
        if key not in OWN and key not in known:
            near = difflib.get_close_matches(key, [*OWN, *known], 1)
            raise RecipeError(f"neither TRL nor this project has a key {key}" + (f"; did you mean {near[0]}?" if near else "; remove it"))
    own = OWN | {key: value for key, value in written.items() if key in OWN}
    rewards = own["rewards"]
    if not isinstance(rewards, Mapping) or not rewards:
        raise RecipeError(f"rewards name none; give weights by name, of {', '.join(REWARDS)}")
    for name, weight in rewards.items():
        if name not in REWARDS:
            near = difflib.get_close_matches(str(name), REWARDS, 1)
            raise RecipeError(
                f"there is no reward {name}" + (f"; did you mean {near[0]}?" if near else f"; known are {', '.join(REWARDS)}")
            )
        if not isinstance(weight, (int, float)) or not math.isfinite(weight):
            raise RecipeError(f"the weight of {name} is {weight!r}; expected a number")
    if not own["model_name_or_path"]:
        raise RecipeError("model_name_or_path names no model")
    shares = {field.name for field in fields(GRPOConfig) if isinstance(field.default, float)}
    return own, {key: _number(value) if key in shares else value for key, value in written.items() if key not in OWN}


def _number(value: Any) -> Any:
    """``value``; a number where it is one: to YAML 1.1 ``1e-4`` is a text."""
    with suppress(TypeError, ValueError):
        return float(value)
    return value


def rows_of(own: Mapping[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Questions with their gold answers and, as :mod:`finetune.rewards` reads them, their pictures' texts; pictures lie in ``folder``.

    Raises:
        RecipeError, SourceError: for data that is not there, or not in this form.
    """
    most = int(own["max_samples"])
    if own["dataset"] == "charts":
        yield from _charts(folder, most or CHARTS)
        return
    rows = from_hub("openai/gsm8k", "main", "train", "give a file: dataset=PATH") if own["dataset"] == "gsm8k" else _file(own["dataset"])
    for number, row in enumerate(rows, start=1):
        if most and number > most:
            return
        question, gold = str(row.get("question", "")), str(row.get("gold") or row.get("answer") or "").rpartition("####")[2].strip()
        if not question or not gold:
            raise RecipeError(f"row {number} of {own['dataset']} has no question, or no gold or answer")
        image = str(Path(own["dataset"]).parent / str(row["image"])) if row.get("image") else ""
        tolerance = TOLERANCE if row.get("exact") is False else 0.0
        yield {"question": question, "gold": gold, "image": image, "tolerance": tolerance, "drawn": None}


def _file(path: str) -> Iterator[Mapping[str, Any]]:
    if not Path(path).is_file():
        raise RecipeError(f"there is no file {path}, and no data set of that name; dataset is charts, gsm8k or a file of rows")
    return read_file(Path(path))


def _charts(folder: Path, count: int) -> Iterator[dict[str, Any]]:
    """Drawn charts; what a chart does not print is known from its table."""
    from finetune.charts.records import make

    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        record = make(seed, wordings="trained" if seed % 2 else "plain")
        path = folder / f"{seed}.png"
        if not path.is_file():
            record.image.save(path)
        figure = record.figure
        table = [
            (category, series, value)
            for series, values in figure.series.items()
            for category, value in zip(figure.categories, values, strict=False)
        ]
        tolerance = 0.0 if record.asked.exact else TOLERANCE
        drawn = None if figure.printed else table
        yield {"question": record.question, "gold": record.gold, "image": str(path), "tolerance": tolerance, "drawn": drawn}


def written_in(image: Image.Image, table: Sequence[tuple[str, str, float]] | None) -> Writing:
    """The text of a picture with what is drawn there: by the chart's own ``table`` where there is one, else measured."""
    from vision.pictures.box import Box
    from vision.pictures.writing import Drawn, read_writing

    writing = read_writing(image)
    if table is None:
        return writing
    nowhere = Box(0, 0, 0, 0)
    return replace(
        writing, drawn=tuple(Drawn(name=name, series=series, value=value, error=0.0, box=nowhere) for name, series, value in table)
    )


def dataset_of(own: Mapping[str, Any], encoder: Any, folder: Path) -> Any:
    """The rows as TRL takes them: ``prompt`` as the application asks it, ``images``, and the columns of the rewards.

    What was read in pictures is kept in ``folder``, so that a run that goes on does not read them again.
    """
    from datasets import Dataset, Features, List, Value
    from datasets import Image as Pictures
    from tqdm import tqdm

    from vision.pictures.images import open_image
    from vision.pictures.lines import lines_for

    kept = folder / "rows.jsonl"
    done: dict[str, str] = {}
    if kept.is_file():
        done = dict(json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines())
    made = []
    for row in tqdm(list(rows_of(own, folder)), desc="reading pictures", unit="row", disable=None):
        images: tuple[Image.Image, ...] = ()
        lines: tuple[str, ...] = ()
        writing = "[]"
        if row["image"]:
            images = (open_image(Path(row["image"])),)
            if row["image"] not in done:
                done[row["image"]] = as_column([written_in(images[0], row["drawn"])])
            writing = done[row["image"]]
            if own["writing"]:
                (text,) = from_column(writing)
                lines = (lines_for(text, "on", encoder.seen(images[0], "auto")) if text.texts else "",)
        prompt = Prompt(turns=(Turn(question=row["question"], images=images, lines=lines),))
        told = {name: row[name] for name in ("question", "gold", "tolerance")} | {"writing": writing, "opening": encoder.opening(prompt)}
        talk = encoder.talk(prompt)
        made.append({"prompt": json.dumps(talk), "pictures": [row["image"]] if images and encoder.loaded.sees else [], **told})
    if not made:
        raise RecipeError(f"{own['dataset']} has no rows")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(kept, "".join(json.dumps(each) + "\n" for each in done.items()))
    shown = any(row["pictures"] for row in made)
    types = {"prompt": Value("string"), "question": Value("string"), "gold": Value("string"), "tolerance": Value("float64")}
    features = Features({**types, "writing": Value("string"), "opening": Value("string"), "pictures": List(Pictures())})
    rows = Dataset.from_list(made, features=features)

    def unfold(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        batch["prompt"] = [json.loads(each) for each in batch["prompt"]]
        pictures = batch.pop("pictures")
        return batch | ({"images": [[each.convert("RGB") for each in row] for row in pictures]} if shown else {})

    rows.set_transform(unfold)
    return rows


def model_of(own: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Any, Any]:
    """The model with a LoRA adapter in training, tower and projector frozen, and what encodes its prompts.

    Raises:
        LogicFlowError: for a model or adapter that is not there.
    """
    from peft import LoraConfig, get_peft_model

    from vision.engines.adapters import with_adapter
    from vision.engines.loading import load
    from vision.engines.local.encoding import Encoder
    from vision.engines.local.engine import ends_of
    from vision.settings import Settings

    name, adapter = str(own["model_name_or_path"]), str(own["adapter_name_or_path"] or "")
    precision = "bf16" if options.get("bf16", True) else "fp32"
    loaded = load(Settings(model=name, adapter="none", device="cpu", precision=precision))  # the trainer takes it where it belongs
    loaded.model.generation_config.eos_token_id = sorted(ends_of(loaded.model, loaded.processor))  # turns end otherwise than texts
    encoder = Encoder(loaded)
    encoder.tokenizer.padding_side = "left"  # as TRL pads prompts: the marks of pictures, which it has padded here, would part from them
    if adapter:
        return with_adapter(loaded.model, adapter, name, merge=False, trains=True), encoder
    lora = LoraConfig(
        r=own["lora_rank"],
        lora_alpha=own["lora_alpha"],
        lora_dropout=own["lora_dropout"],
        target_modules="all-linear",
        exclude_modules=FROZEN,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(loaded.model, lora), encoder


def train(own: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Train until the end or until told to stop; whether the run is done.

    Raises:
        RecipeError, SourceError, LogicFlowError: for what cannot be trained.
    """
    from trl import GRPOConfig, GRPOTrainer

    out = Path(str(options.get("output_dir") or "saves/grpo"))
    weights = list(map(float, own["rewards"].values()))
    model, encoder = model_of(own, options)
    switches = {"chat_template_kwargs": {"enable_thinking": True}} if encoder.template.switches else {}
    usual = {"remove_unused_columns": False, "report_to": "none", "enable_jit_checkpoint": True, "save_only_model": False}
    try:
        config = GRPOConfig(**usual | switches | {"output_dir": str(out)} | dict(options) | {"reward_weights": weights})
    except (TypeError, ValueError) as exc:
        raise RecipeError(f"TRL refuses the recipe: {exc}") from exc
    with config.main_process_first(local=False, desc="reading pictures"):  # the others find them read
        rows = dataset_of(own, encoder, out / "rows")
    for broken in set_aside(out) if out.is_dir() else []:
        print(f"a kill left a half checkpoint; it is now {broken}", file=sys.stderr)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=[REWARDS[name] for name in own["rewards"]],
        args=config,
        train_dataset=rows,
        processing_class=encoder.processor,
        callbacks=callbacks(out, own, rows),
    )
    step = newest(out) if out.is_dir() else 0
    if trainer.is_world_process_zero():
        go_back(out / "samples.jsonl", step)
    trainer.train(resume_from_checkpoint=str(out / f"checkpoint-{step}") if step else None)
    if trainer.state.global_step < trainer.state.max_steps:
        return False
    trainer.save_model(str(out))
    trainer.save_state()
    return True


def callbacks(out: Path, own: Mapping[str, Any], rows: Any) -> list[Any]:
    """What notes the course of a run in its folder: ``trainer_log.jsonl``, a line a logged step, and ``samples.jsonl``."""
    from transformers import TrainerCallback

    class Log(TrainerCallback):  # type: ignore[misc]
        """The numbers of each logged step, in the form of LLaMA-Factory's runs."""

        begun = time.monotonic()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **others: Any) -> None:
            numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, (int, float)) and math.isfinite(value)}
            if "loss" not in numbers or not state.is_world_process_zero:
                return
            spent = time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - self.begun))
            about = {"current_steps": state.global_step, "total_steps": state.max_steps, "elapsed_time": spent}
            _append(out / "trainer_log.jsonl", about | numbers | {"lr": numbers.get("learning_rate")})

    class Samples(TrainerCallback):  # type: ignore[misc]
        """Greedy answers to the first questions, before the first step and over time."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step == 0:
                self._note(args, state, others)

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step % int(own["sample_steps"]) == 0:
                self._note(args, state, others)

        def _note(self, args: Any, state: Any, others: dict[str, Any]) -> None:
            if not state.is_world_process_zero:
                return
            texts = answered(others["model"], others["processing_class"], rows, args.max_completion_length)
            for i, text in enumerate(texts):
                columns = {name: [rows[i][name]] for name in ("question", "gold", "tolerance", "writing", "opening")}
                earned = {name: REWARDS[name]([text], **columns)[0] for name in own["rewards"]}
                asked = {"step": state.global_step, "question": rows[i]["question"], "gold": rows[i]["gold"]}
                _append(out / "samples.jsonl", asked | {"text": text, "rewards": earned})

    return [Log(), *([Samples()] if own["sample_steps"] else [])]


def answered(model: Any, processor: Any, rows: Any, most_tokens: int) -> list[str]:
    """Greedy completions of the first rows' prompts."""
    import torch
    from trl.data_utils import prepare_multimodal_messages

    texts = []
    training, _ = model.training, model.eval()
    for i in range(min(SAMPLES, len(rows))):
        talk = rows[i]["prompt"]
        if hasattr(processor, "image_processor"):
            talk = prepare_multimodal_messages(talk, images=rows[i].get("images"))
        inputs = processor.apply_chat_template([talk], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")
        inputs = {name: value.to(model.device) for name, value in inputs.items()}
        with torch.inference_mode():
            made = model.generate(**inputs, do_sample=False, max_new_tokens=most_tokens)
        texts.append(processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0])
    model.train(training)
    return texts


def go_back(samples: Path, step: int) -> None:
    """Forget the ``samples`` that were noted after ``step``, from where the run goes on: it comes past them once more."""
    if samples.is_file():
        kept = [row for row in grown_rows(samples) if row["step"] <= step] if step else []
        write_text(samples, "".join(json.dumps(row) + "\n" for row in kept))


def _append(path: Path, row: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.grpo", description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="on top of the recipe")
    args = parser.parse_intermixed_args(arguments)

    def work() -> int:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*deprecated and will be removed in v6", FutureWarning)  # TRL asks by old names
            return ended(train(*read_recipe(args.recipe, args.options)))

    return reported("grpo", work, RecipeError, SourceError, LogicFlowError)


if __name__ == "__main__":
    sys.exit(main())
