"""Check a recipe before a GPU is rented: what is wrong fails here in seconds, with the line and the remedy.

    python -m finetune.preflight finetune/logicflow.yaml --gpus 4 --gpu-memory 80

Exit codes: 0 ready, 1 something is wrong, 2 no recipe.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from finetune.footprint import CONTEXT_GB, H100_TFLOPS, MFU, Footprint, Plan, adam_bits, config_of
from finetune.options import read_options
from finetune.recipe import NUMBERS, ROOT, Recipe, Wrong, llamafactory, names
from finetune.sieve import PICTURE_MARKS, row_tokens, tokenizer_of
from finetune.sources import SourceError, read_file

TEMPLATES = {"gemma3": ("gemma3", "gemma"), "gemma3_text": ("gemma",), "gemma2": ("gemma2",), "qwen3": ("qwen3", "qwen3_nothink")}
"""LLaMA-Factory's templates by the kind of model; of other kinds nothing is said."""
GEMMA_3 = ": gemma for rows without pictures"
SAMPLED = 1000
"""Rows of each data set whose tokens are counted, chosen evenly."""


def recipe(flight: Recipe) -> str:
    """The recipe can be read and LLaMA-Factory knows every key."""
    import yaml

    text = flight.path.read_text(encoding="utf-8")
    try:
        node, written = yaml.compose(text), yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        at = f" at line {mark.line + 1}" if mark else ""
        raise Wrong(f"it is no YAML{at}: {getattr(exc, 'problem', exc)}") from exc
    if not isinstance(node, yaml.MappingNode):
        raise Wrong("it holds no keys; a recipe is lines of 'key: value'")
    try:
        flight.keys = written | read_options(flight.options)
    except ValueError as exc:
        raise Wrong(str(exc)) from exc
    flight.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    for key in NUMBERS:
        flight.number(key, 0)
    known, refusal = llamafactory(flight.keys)
    for key in flight.keys if known else ():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise Wrong(f"LLaMA-Factory has no key {key}" + (f"; did you mean {near[0]}?" if near else "; remove it"), key)
    if refusal:
        raise Wrong(f"LLaMA-Factory refuses it: {refusal}")
    return f"{len(flight.keys)} keys" + (", all known" if known else "; LLaMA-Factory is not here to know them ('make environments')")


def switches(flight: Recipe) -> str:
    """No setting that crashes, or that makes a model worse without a word."""
    if not flight.get("do_train"):
        raise Wrong("it trains nothing, and only recipes that train are checked; set do_train: true", "do_train")
    template = flight.get("template")
    try:
        kind = str(config_of(str(flight.get("model_name_or_path"))).model_type)
    except (OSError, ValueError):
        kind = "gemma3"  # what cannot be read is told below, with what it is needed for
    if kind in TEMPLATES and template not in TEMPLATES[kind]:
        *others, last = TEMPLATES[kind]
        raise Wrong(f"template is {template}; {kind} takes {' or '.join([*others, last])}" + GEMMA_3 * (kind == "gemma3"), "template")
    if flight.get("fp16") or not flight.get("bf16"):
        raise Wrong("Gemma 3 overflows in fp16 and is slow in fp32; set bf16: true", "fp16" if flight.get("fp16") else "bf16")
    if flight.get("quantization_bit") not in (None, 4, 8):
        raise Wrong(f"quantization_bit is {flight.get('quantization_bit')}; bitsandbytes takes 4 or 8", "quantization_bit")
    if flight.get("quantization_bit") and flight.get("quantization_device_map") == "auto":
        raise Wrong("quantization_device_map auto is for inference; remove it", "quantization_device_map")
    if kind == "gemma3":
        _of_gemma3(flight, str(template))
    _files(flight)
    return f"template {template}, bf16" + (", tower and projector frozen" if kind == "gemma3" else "")


def _of_gemma3(flight: Recipe, template: str) -> None:
    """What Gemma 3 does not bear.

    Raises:
        Wrong: where the recipe asks for it.
    """
    if flight.get("neat_packing"):
        raise Wrong("neat_packing fails in the loss of transformers' Gemma 3; set train_sampling_strategy: group_by_length", "neat_packing")
    if flight.get("packing") and template == "gemma3":
        raise Wrong("packing crashes LLaMA-Factory 0.9.5 with template gemma3; set train_sampling_strategy: group_by_length", "packing")
    if flight.get("image_do_pan_and_scan"):
        raise Wrong("image_do_pan_and_scan crashes LLaMA-Factory 0.9.5; finetune.prepare writes the crops instead", "image_do_pan_and_scan")
    if flight.get("flash_attn") == "fa2":
        raise Wrong("flash_attn fa2 hides half of each picture from its other half; use sdpa", "flash_attn")
    for key in ("freeze_vision_tower", "freeze_multi_modal_projector"):
        if flight.get(key) is False:
            raise Wrong(f"{key} is false; what is taught is reasoning, and a tower in training forgets how to see", key)
    side = 802_816
    if template == "gemma3" and flight.number("image_max_pixels", 768 * 768) < side:
        raise Wrong(f"pictures lose detail before the processor scales them to 896 x 896; set image_max_pixels: {side}", "image_max_pixels")


def _files(flight: Recipe) -> None:
    """What the recipe goes on from is there.

    Raises:
        Wrong: where it is not.
    """
    config = flight.get("deepspeed")
    if isinstance(config, str) and not Path(config).is_file():
        raise Wrong(f"there is no {config}; finetune/environment/zero3.json is one", "deepspeed")
    beside = Path(str(flight.get("output_dir"))).parent
    for name in names(flight.get("adapter_name_or_path")):
        if (Path(name).parent in (beside, Path()) or Path(name).parent.exists()) and not (Path(name) / "adapter_config.json").is_file():
            raise Wrong(f"{name} holds no adapter yet; train it first, or name the folder of another", "adapter_name_or_path")


def data(flight: Recipe) -> str:
    """Every data set is registered and its rows are there."""
    folder = flight.folder
    info = folder / "dataset_info.json"
    if not info.is_file():
        raise Wrong(f"there is no {info}; finetune.prepare writes it, or point dataset_dir at the folder that holds it", "dataset_dir")
    try:
        registered = json.loads(info.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise Wrong(f"{info} is no JSON ({exc}); finetune.prepare writes one", "dataset_dir") from exc
    if not isinstance(registered, dict) or not all(isinstance(entry, dict) for entry in registered.values()):
        raise Wrong(f"{info} is no list of data sets by name; finetune.prepare writes one", "dataset_dir")
    asked = names(flight.get("dataset"))
    if not asked:
        raise Wrong("it names no dataset to train on; set dataset", "dataset")
    for name in asked:
        if name not in registered:
            near = difflib.get_close_matches(name, registered, 1)
            hint = f"did you mean {near[0]}?" if near else f"registered are {', '.join(registered) or 'none'}"
            raise Wrong(f"{info} knows no data set {name!r}; {hint}", "dataset")
        path = folder / str(registered[name].get("file_name", ""))
        if not path.is_file():
            raise Wrong(f"{path} is not there yet: python -m finetune.prepare {name} --out {folder}", "dataset")
        flight.files[name] = path
    return f"{', '.join(flight.files)} in {folder}"


def rows(flight: Recipe) -> str:
    """Every row is LLaMA-Factory's, its marks and pictures match, and the pictures are there."""
    folder = Path(flight.get("media_dir") or flight.folder)
    most, count, shown = flight.count("max_samples"), 0, 0
    for name, path in flight.files.items():
        chosen, rng = flight.sampled.setdefault(name, []), random.Random(name)
        for number, row in enumerate(islice(_rows_of(path), most or None), 1):
            turns, images = row.get("conversations"), row.get("images") or []
            if not isinstance(turns, list) or not turns or not all(isinstance(turn, Mapping) for turn in turns):
                raise Wrong(f"row {number} of {name} has no conversations; finetune.prepare writes rows that have", "dataset")
            text = "".join(str(turn.get("value", "")) for turn in turns)
            for mark, files in (("<video>", "videos"), ("<audio>", "audios")):
                if mark in text and not row.get(files):
                    raise Wrong(f"row {number} of {name} has {mark} in its text and no {files}; LLaMA-Factory would stop at it", "dataset")
            marks = text.count("<image>")
            if marks != len(images):
                raise Wrong(f"row {number} of {name} has {marks} <image> marks and {len(images)} pictures; they must be as many", "dataset")
            missing = [image for image in images if not (folder / image).is_file()]
            if missing:
                raise Wrong(f"row {number} of {name} names {missing[0]}, which is not in {folder}", "dataset_dir")
            count, shown = count + len(images), shown + bool(images)
            flight.pictures, flight.rows[name] = max(flight.pictures, len(images)), number
            # Every row ends up among the chosen ones with the same chance, however many follow.
            if number <= SAMPLED:
                chosen.append(row)
            elif (place := rng.randrange(number)) < SAMPLED:
                chosen[place] = row
        if name not in flight.rows:
            raise Wrong(f"{path} holds no rows", "dataset")
    if count and flight.get("template") != "gemma3":
        raise Wrong(f"the rows have pictures and template {flight.get('template')} refuses them; Gemma 3 takes gemma3", "template")
    told = ", ".join(f"{name} {number} rows" for name, number in flight.rows.items())
    flight.shown = shown / sum(flight.rows.values())
    return f"{told}; {count} pictures, at most {flight.pictures} in a row"


def _rows_of(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        yield from read_file(path)
    except SourceError as exc:
        raise Wrong(str(exc), "dataset") from exc


def lengths(flight: Recipe) -> str:
    """How much the cutoff cuts off."""
    cutoff = flight.count("cutoff_len", 2048)
    name = str(flight.get("model_name_or_path"))
    try:
        tokenizer, how = tokenizer_of(name), "counted"
    except (OSError, ValueError):
        tokenizer, how = None, "estimated by characters: its tokenizer is not here"
    config = _config(flight)
    of_picture = getattr(config, "mm_tokens_per_image", 0)
    found = [row_tokens(row, tokenizer, of_picture) for sampled in flight.sampled.values() for row in sampled]
    cut = sum(length > cutoff for length in found) / len(found)
    average = sum(min(length, cutoff) for length in found) / len(found)
    # A batch without a picture gets an empty one, behind its first row, and the others are filled up to that.
    bare = flight.get("template") == "gemma3" and flight.shown < 1
    batch, empty = flight.count("per_device_train_batch_size", 8), of_picture + PICTURE_MARKS if bare else 0
    flight.longest, flight.tokens = min(max(found), cutoff) + empty, average + empty * (1 - flight.shown) ** batch
    if cut > 0.05:
        raise Wrong(
            f"{100 * cut:.0f} % of the rows are longer than cutoff_len {cutoff} and would lose their answers; prepare them with "
            f"--cutoff {cutoff}, or raise it",
            "cutoff_len",
        )
    beside = f", {flight.tokens - average:.0f} more for empty pictures" if empty else ""
    return f"{average:.0f} tokens a row on average{beside}, {max(found)} at most, {100 * cut:.1f} % cut off ({how})"


def parameters(flight: Recipe) -> str:
    """What trains, and that nothing else does."""
    if flight.get("finetuning_type", "lora") != "lora" or flight.get("lora_target", "all") != "all":
        raise Wrong("this checks LoRA on all linear layers; set finetuning_type: lora and lora_target: all", "lora_target")
    flight.footprint = Footprint(_config(flight), _plan(flight))
    found = flight.footprint.trainable
    if set(found) != {"language_model"}:
        raise Wrong(f"parameters would train outside the language layers: {dict(found)}", "lora_target")
    total = sum(found.values())
    whole = flight.footprint.frozen
    return f"{total:,} of {whole + total:,} ({100 * total / (whole + total):.2f} %), all in the language layers"


def memory(flight: Recipe) -> str:
    """Whether it fits onto each GPU."""
    assert flight.footprint is not None
    parts = {name: size / 1e9 for name, size in flight.footprint.memory().items()}
    if not flight.get("use_cpu"):
        parts["CUDA"] = CONTEXT_GB
    total = sum(parts.values())
    told = f"about {total:.1f} GB a GPU: " + ", ".join(f"{name} {size:.1f}" for name, size in parts.items() if size >= 0.05)
    if total > flight.gpu_memory:
        raise Wrong(f"{told}; {flight.gpu_memory:g} GB are there. {_smaller(flight)}", "per_device_train_batch_size")
    return f"{told}; {flight.gpu_memory:g} are there"


def _smaller(flight: Recipe) -> str:
    if flight.count("per_device_train_batch_size", 8) > 1:
        return "Halve per_device_train_batch_size and double gradient_accumulation_steps"
    if not flight.get("enable_liger_kernel"):
        return "Set enable_liger_kernel: true"
    if flight.gpus > 1 and _shards(flight) == 1:
        return "Share the weights out: FORCE_TORCHRUN=1 … deepspeed=finetune/environment/zero3.json"
    return "Use logicflow_qlora.yaml, a smaller model or a larger GPU"


def time_and_disk(flight: Recipe) -> str:
    """Steps, hours and disk."""
    assert flight.footprint is not None
    update = flight.count("per_device_train_batch_size", 8) * flight.count("gradient_accumulation_steps", 1) * flight.gpus
    if not update:
        raise Wrong("a step would hold no row; give a batch size and accumulation from 1 on", "per_device_train_batch_size")
    epochs = flight.number("num_train_epochs", 3)
    # The last step of an epoch may hold fewer rows.
    steps = flight.count("max_steps") or math.ceil(math.ceil(sum(flight.rows.values()) / update) * epochs)
    hours = flight.footprint.hours(steps * update * flight.tokens, flight.gpus, flight.tflops)
    every = flight.number("save_steps", 500)
    every = every * steps if 0 < every < 1 else every  # a share of all steps
    saves = max(1, int(steps // every)) if every > 0 else 1
    kept = min(saves, flight.count("save_total_limit") or saves)
    needed = kept * flight.footprint.checkpoint_bytes
    out = Path(str(flight.get("output_dir") or "."))
    there = next(parent for parent in (out.absolute(), *out.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise Wrong(f"{kept} checkpoints take {needed / 1e9:.1f} GB and {free / 1e9:.1f} are free; set save_total_limit: 2", "save_steps")
    rate = f"{flight.tflops:g} TFLOP/s at {100 * MFU:.0f} %"
    return f"{steps} steps of {update} rows, about {hours:.1f} hours ({rate}), {kept} checkpoints of {needed / kept / 1e6:.0f} MB"


def _config(flight: Recipe) -> Any:
    name = str(flight.get("model_name_or_path"))
    try:
        return config_of(name)
    except (OSError, ValueError) as exc:
        raise Wrong(f"{name} is neither a checkpoint directory nor a model that can be read from the Hub", "model_name_or_path") from exc


def _plan(flight: Recipe) -> Plan:
    return Plan(
        rank=flight.count("lora_rank", 8),
        batch=flight.count("per_device_train_batch_size", 8),
        length=flight.longest,
        pictures=max(flight.pictures, flight.get("template") == "gemma3"),  # which gives an empty one to a batch without
        bits=flight.count("quantization_bit") or 16,
        liger=bool(flight.get("enable_liger_kernel")),
        checkpointing=not flight.get("disable_gradient_checkpointing"),
        shards=_shards(flight),
        upcast=flight.fsdp,
        adam_bits=adam_bits(flight.get("optim")),
    )


def _shards(flight: Recipe) -> int:
    """GPUs that share the weights out: all of them with FSDP or DeepSpeed's third stage, else 1."""
    config = flight.get("deepspeed")
    try:
        written = json.loads(Path(config).read_text(encoding="utf-8")) if isinstance(config, str) else config or {}
        stage = written.get("zero_optimization", {}).get("stage")
    except (OSError, ValueError, AttributeError) as exc:
        raise Wrong(f"{config} cannot be read as DeepSpeed's configuration; finetune/environment/zero3.json is one", "deepspeed") from exc
    return flight.gpus if flight.fsdp or stage == 3 else 1


CHECKS: tuple[tuple[str, Callable[[Recipe], str]], ...] = (
    ("recipe", recipe),
    ("switches", switches),
    ("data", data),
    ("rows", rows),
    ("lengths", lengths),
    ("parameters", parameters),
    ("memory", memory),
    ("time and disk", time_and_disk),
)


def _checks_of(path: Path) -> tuple[tuple[str, Callable[[Recipe], str]], ...]:
    """Those of :data:`CHECKS`, or those of a recipe for GRPO."""
    if re.search(r"^stage:\s*grpo\b", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        from finetune.grpo_flight import CHECKS as of_grpo

        return of_grpo
    return CHECKS


def check(flight: Recipe) -> Iterator[tuple[bool, str]]:
    """Each check in turn, whether it passed and its line; the first that fails is the last."""
    for number, (name, look) in enumerate(_checks_of(flight.path), 1):
        try:
            yield True, f"{number} {name}: {look(flight)}"
        except Wrong as exc:
            at = f":{flight.lines[exc.key]}" if exc.key in flight.lines else ""
            yield False, f"{number} {name}: {flight.path}{at}: {exc}"
            return


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.preflight", description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="on top of the recipe, as llamafactory-cli takes them")
    parser.add_argument("--fsdp", action="store_true", help="it is started by accelerate with finetune/environment/fsdp2.yaml")
    parser.add_argument("--gpus", type=int, default=1, help="that share the rows")
    parser.add_argument("--gpu-memory", type=float, default=80.0, help="GB of each")
    parser.add_argument("--tflops", type=float, default=H100_TFLOPS, help=f"of each in bf16; {H100_TFLOPS:g} for an H100 or H200")
    args = parser.parse_intermixed_args(arguments)
    if not args.recipe.is_file():
        print(f"finetune.preflight: there is no recipe {args.recipe}; they lie in {ROOT.name}/finetune/*.yaml", file=sys.stderr)
        return 2
    if args.gpus < 1 or args.gpu_memory <= 0 or args.tflops <= 0:
        parser.error("--gpus, --gpu-memory and --tflops have to be above 0")
    flight = Recipe(path=args.recipe, options=args.options, gpus=args.gpus, gpu_memory=args.gpu_memory, tflops=args.tflops, fsdp=args.fsdp)
    passed = True
    for passed, line in check(flight):
        print(f"{'ok  ' if passed else 'STOP'} {line}", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
