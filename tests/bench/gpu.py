"""What a GPU gives: decoding and LoRA steps of models of Gemma 3's shapes with random weights, against what its memory allows.

    python -m tests.bench.gpu --minutes 8 --out build/gpu.jsonl     # on a GPU
    python -m tests.bench.gpu --shapes tiny                         # the same script on a CPU, to see that it runs

A line is printed and written as soon as it is measured, the most wanted first, since the time may end. Speeds are tokens a second, and
their share of the floor: the bytes of the text weights over the bandwidth of a large copy on the same card.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from finetune.footprint import SHAPES, TOWER
from vision import Prompt, Sampling, Turn, Usage
from vision.engines.engine import Engine, stream
from vision.engines.loading import Loaded
from vision.engines.local.computing import computed
from vision.engines.local.drawing import Knobs
from vision.engines.local.engine import LocalEngine
from vision.settings import NANO, Compiling

TINY = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
}  # fmt: skip
SMALL_TOWER = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 896, "patch_size": 14,
}  # fmt: skip
NAMES = {"tiny": "", "4b": "google/gemma-3-4b-it", "12b": "google/gemma-3-12b-it", "27b": "google/gemma-3-27b-it"}
VOCABULARY = 262_208
CUDA = torch.cuda.is_available()
WORDS = 256 if CUDA else 12
"""Tokens that each trace writes."""


class Report:
    """Prints each figure as it comes, until the time is up.

    Args:
        path: also written to, a JSON object a line; None for none.
        minutes: after which nothing new is begun.
    """

    def __init__(self, path: Path | None, minutes: float) -> None:
        self.path, self.until = path, time.monotonic() + 60 * minutes
        print("| model | what | figure |\n|---|---|---|", flush=True)

    def tell(self, model: str, what: str, figure: str) -> None:
        print(f"| {model} | {what} | {figure} |", flush=True)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"model": model, "what": what, "figure": figure}) + "\n")

    def attempt(self, model: str, what: str, measure: Callable[[], str]) -> None:
        """Measure and tell, unless the time is up; what fails is told, and the next goes on."""
        if time.monotonic() > self.until:
            return
        try:
            self.tell(model, what, measure())
        except Exception as exc:  # whatever it is: the other figures are wanted all the same
            self.tell(model, what, f"failed: {type(exc).__name__}: {(str(exc).splitlines() or [''])[0][:160]}")
        gc.collect()
        if CUDA:
            torch.cuda.empty_cache()


def copied_bytes_s() -> float:
    """Bytes a second that a large copy on the device reads and writes together."""
    size = (8 << 30) if CUDA else (1 << 28)
    one = torch.ones(size // 4, device="cuda" if CUDA else "cpu")
    other = torch.empty_like(one)
    return 2 * size / median_s(lambda: other.copy_(one), 7)


def median_s(work: Callable[[], object], rounds: int = 3) -> float:
    """Median seconds of ``work``, after a first time that warms up."""
    times = []
    for i in range(rounds + 1):
        _wait()
        started = time.perf_counter()
        work()
        _wait()
        if i:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def _wait() -> None:
    if CUDA:
        torch.cuda.synchronize()


def built(shape: str) -> Loaded:
    """A Gemma 3 of ``shape`` with random weights in bf16, and nano's tokenizer: its words are few, and nobody reads what is written."""
    from transformers import AutoConfig, AutoProcessor, Gemma3ForConditionalGeneration

    config = AutoConfig.from_pretrained(NANO)
    sizes = SHAPES.get(NAMES[shape], TINY)
    text, layers = config.text_config, sizes["num_hidden_layers"]
    others = {"vocab_size": VOCABULARY, "max_position_embeddings": 32768, "query_pre_attn_scalar": sizes["head_dim"]}
    for name, value in (sizes | others).items():
        setattr(text, name, value)
    text.layer_types = ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(layers)]
    for name, value in (TOWER if shape != "tiny" else SMALL_TOWER).items():
        setattr(config.vision_config, name, value)
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if CUDA else torch.float32)
    try:
        with torch.device("cuda" if CUDA else "cpu"):
            model = Gemma3ForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(before)
    processor = AutoProcessor.from_pretrained(NANO)
    processor.image_processor.size = {"height": 896, "width": 896}
    return Loaded(model=model, processor=processor, name=shape, image_side=896, image_tokens=256)


def text_bytes(model: Any) -> int:
    """Bytes of the weights that a decode step reads."""
    parts = {id(part): part for name, part in model.named_parameters() if "vision_tower" not in name and "projector" not in name}
    return sum(part.nbytes for part in parts.values())


def engine_of(loaded: Loaded, compiling: Compiling) -> LocalEngine:
    engine = computed(LocalEngine, loaded, 1 << 30, compiling=compiling)
    engine.ends = frozenset()
    return engine


@cache
def noise() -> Image.Image:
    """The same picture for every question that does not ask for another."""
    return Image.effect_noise((896, 896), 40).convert("RGB")


def asked(question: str = "What is the total?", shade: int = 255) -> Prompt:
    picture = noise().copy()
    picture.putpixel((0, 0), (shade, shade, shade))
    return Prompt(turns=(Turn(question=question, images=(picture,)),), thinking=False)


def written(engine: Engine, prompt: Prompt, traces: int = 1, temperature: float = 0.0) -> int:
    """Tokens that so many traces write, each :data:`WORDS` and the room for marks."""
    sampling = Sampling(temperature=temperature, max_thought_tokens=0, max_answer_tokens=WORDS)
    samplings = [replace(sampling, seed=i) for i in range(traces)]
    return sum(piece.answer_tokens for _, piece in engine.streams(prompt, samplings) if isinstance(piece, Usage))


def together(engine: Engine, prompts: list[Prompt]) -> int:
    """Tokens that so many users get, each from a thread of their own."""
    counts: list[int] = []
    asking = [threading.Thread(target=lambda prompt=prompt: counts.append(written(engine, prompt))) for prompt in prompts]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return sum(counts)


def first_token_s(engine: LocalEngine, prompt: Prompt) -> float:
    pieces = stream(engine, prompt, Sampling(max_thought_tokens=0, max_answer_tokens=2))
    started = time.perf_counter()
    next(pieces)
    spent = time.perf_counter() - started
    pieces.close()
    return spent


def step_ms(engine: LocalEngine, prompt: Prompt) -> str:
    """What a step of one row and of eight takes, its draw included, and how much of that the device computes."""

    def measured() -> str:
        begun, told = engine.prefill.read(engine.encoder.encode(prompt)), []
        for rows in (1, 8):
            batch = engine.new_batch()
            batch.join(list(range(rows)), begun)  # type: ignore[arg-type]
            knobs = Knobs(([0.7] * rows, [0.95] * rows, [0.3] * rows), cold=False)
            batch.draw([5] * rows, knobs)
            _wait()
            started = time.perf_counter()
            for _ in range(50):
                batch.draw([5] * rows, knobs)
            _wait()
            told.append(f"{20 * (time.perf_counter() - started):.2f} ms of {rows} row{'s' * (rows > 1)}")
            store = getattr(batch, "_store", None)
            if CUDA and store is not None:
                began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                began.record()
                for _ in range(50):
                    store._recorded["warm"].replay()
                ended.record()
                _wait()
                told[-1] += f" ({began.elapsed_time(ended) / 50:.2f} ms on the device)"
        return ", ".join(told)

    def work() -> str:
        with torch.inference_mode():
            return measured()

    return computed(work)


def generated(loaded: Loaded, prompt: Prompt) -> int:
    """Tokens of bare ``model.generate``."""
    encoded = LocalEngine(loaded, 0, compiling="off").encoder.encode(prompt)
    inputs = {name: part.to(loaded.model.device) for name, part in encoded.inputs.items()}
    inputs["pixel_values"] = inputs["pixel_values"].to(loaded.model.dtype)
    inputs |= {"input_ids": encoded.ids.to(loaded.model.device), "max_new_tokens": WORDS, "min_new_tokens": WORDS}
    made = loaded.model.generate(**inputs, do_sample=False, top_k=None, top_p=None)
    return int(made.shape[1] - encoded.length)


def decoding(report: Report, shape: str, rate: float) -> None:
    """How fast a model of ``shape`` answers."""
    loaded = built(shape)
    floor = rate / text_bytes(loaded.model)
    report.tell(shape, f"floor, {text_bytes(loaded.model) / 1e9:.1f} GB of text weights", f"{floor:.0f} tokens/s")
    prompt = asked()

    def speed(engine: LocalEngine, temperature: float = 0.7) -> str:
        rounds = []  # drawn: greedy traces of random weights repeat themselves, and plain steps would quote
        for i in range(3):
            _wait()
            started = time.perf_counter()
            tokens = written(engine, prompt, 1, temperature)
            _wait()
            if i:
                rounds.append(tokens / (time.perf_counter() - started))
        return f"{max(rounds):.1f} tokens/s, {100 * max(rounds) / floor:.0f} % of the floor"

    started = time.perf_counter()
    engine = engine_of(loaded, "auto")
    report.tell(shape, "steps", f"{engine.steps}; set up in {time.perf_counter() - started:.1f} s")
    report.attempt(shape, f"single stream, {engine.steps}", lambda: speed(engine))
    report.attempt(shape, "a step without the engine around it", lambda: step_ms(engine, prompt))
    report.attempt(shape, "single stream, greedy", lambda: speed(engine, 0.0))

    def five() -> str:
        one, more = (median_s(lambda n=n: written(engine, prompt, n, 0.7)) for n in (1, 5))
        return f"{more / one:.2f}x of one's time"

    def eight() -> str:
        prompts = [asked(shade=i) for i in range(8)]
        one = median_s(lambda: written(engine, prompts[0]), 2)
        alone = written(engine, prompts[0])
        more = median_s(lambda: together(engine, prompts), 2)
        return f"{more / one:.2f}x of one's time, {8 * alone / more:.0f} tokens/s together, {8 * one / more:.1f}x one user's"

    def again() -> str:
        engine.forget()
        first, second = first_token_s(engine, asked("Which is the highest?", 7)), first_token_s(engine, asked("Which is the lowest?", 7))
        return f"{1000 * first:.0f} ms, then {1000 * second:.0f} ms ({second / first:.2f}x)"

    report.attempt(shape, "five traces", five)
    report.attempt(shape, "eight users at once", eight)
    report.attempt(shape, "first token, then that of another question about the picture", again)
    if CUDA:
        report.tell(shape, "peak memory", f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
    plain = engine_of(loaded, "off")
    report.attempt(shape, "single stream, plain steps", lambda: speed(plain))
    report.attempt(shape, "`model.generate`", lambda: f"{WORDS / median_s(lambda: generated(loaded, prompt), 1):.1f} tokens/s")


def in_bits(report: Report, shape: str) -> None:
    """Speed in 8 and 4 bits, made from the same random weights."""
    for name in ("Linear4bit", "Linear8bitLt"):

        def measure(name: str = name) -> str:
            import bitsandbytes.nn

            kind, loaded = getattr(bitsandbytes.nn, name), built(shape)
            for parent in list(loaded.model.model.language_model.modules()):
                for part, module in list(parent.named_children()):
                    if type(module) is torch.nn.Linear:
                        nf4 = {"compute_dtype": torch.bfloat16, "quant_type": "nf4"}
                        options = nf4 if name == "Linear4bit" else {"has_fp16_weights": False}
                        few = kind(module.in_features, module.out_features, bias=False, **options)
                        few.load_state_dict({"weight": module.weight.data.cpu()})
                        setattr(parent, part, few.to(loaded.model.device))
            engine = engine_of(loaded, "auto")
            written(engine, asked())
            seconds = median_s(lambda: written(engine, asked()), 1)
            return f"{written(engine, asked()) / seconds:.1f} tokens/s, {engine.steps}"

        report.attempt(shape, f"single stream in {name[6:]}", measure)


def tuning(report: Report, shape: str) -> None:
    """LoRA steps as published (2 rows, activations computed anew) and as we do it (more rows, activations kept)."""
    from peft import LoraConfig, get_peft_model

    length = 1024 if CUDA else 32
    for name, rows, anew in (("published: 2 rows, checkpointing", 2, True), ("ours: 8 rows, activations kept", 8, False)):

        def measure(rows: int = rows, anew: bool = anew) -> str:
            loaded = built(shape)
            language = loaded.model.model.language_model
            linear = [name for name, module in language.named_modules() if type(module) is torch.nn.Linear]
            tuned = get_peft_model(language, LoraConfig(r=16, lora_alpha=32, target_modules=linear))
            if anew:
                language.gradient_checkpointing_enable({"use_reentrant": False})
                tuned.enable_input_require_grads()
            tuned.train()
            ids = torch.randint(300, 1200, (rows, length), device=loaded.model.device)

            def step() -> None:
                hidden = tuned(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, :-1]
                apart = hidden.detach().requires_grad_()
                # the loss in pieces: logits of a vocabulary of 262,208 would take more memory than all else
                for part, due in zip(apart.split(128, 1), ids[:, 1:].split(128, 1), strict=True):
                    torch.nn.functional.cross_entropy(loaded.model.lm_head(part).float().flatten(0, 1), due.flatten()).backward()
                hidden.backward(apart.grad)
                tuned.zero_grad()

            seconds = median_s(step, 2)
            flops = 4 * text_bytes(loaded.model) / loaded.model.dtype.itemsize * rows * length  # no gradients of frozen weights
            peak = f", peak {torch.cuda.max_memory_allocated() / 1e9:.0f} GB" if CUDA else ""
            share = f", {100 * flops / seconds / 989e12:.0f} % of an H100's peak" if CUDA else ""
            return f"{rows * length / seconds:.0f} tokens/s{share}{peak}"

        if CUDA:
            torch.cuda.reset_peak_memory_stats()
        report.attempt(shape, f"LoRA step, {name}", measure)


def compiled(report: Report, shape: str) -> None:
    """Compiled steps, last: compiling may take longer than there is."""
    loaded, prompt = built(shape), asked()

    def measure() -> str:
        started = time.perf_counter()
        engine = engine_of(loaded, "on")
        spent = time.perf_counter() - started
        seconds = median_s(lambda: written(engine, prompt), 1)
        return f"{written(engine, prompt) / seconds:.1f} tokens/s, after {spent:.0f} s of compiling"

    report.attempt(shape, "single stream, compiled", measure)


def parts(report: Report, shapes: list[str], rate: float) -> Iterator[Callable[[], None]]:
    yield lambda: decoding(report, shapes[0], rate)
    yield from (lambda shape=shape: decoding(report, shape, rate) for shape in shapes[1:])
    yield lambda: tuning(report, shapes[0])
    yield lambda: in_bits(report, shapes[0])
    yield lambda: compiled(report, shapes[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default="4b,27b" if CUDA else "tiny", help="of these, with commas: tiny, 4b, 12b, 27b")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which nothing new is begun")
    parser.add_argument("--out", type=Path, help="also written here, a JSON object a line")
    args = parser.parse_args()
    report = Report(args.out, args.minutes)
    rate = copied_bytes_s()
    device = torch.cuda.get_device_name() if CUDA else "CPU"
    report.tell(device, "a large copy, read and written", f"{rate / 1e12:.2f} TB/s")
    for part in parts(report, args.shapes.split(","), rate):
        if time.monotonic() < report.until:
            with suppress(torch.OutOfMemoryError):
                part()
        gc.collect()


if __name__ == "__main__":
    main()
