"""Every kind of model that transformers chats with, tiny and random, held token for token to what ``generate`` makes of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import torch
from PIL import Image

from tests.vision.engines.local.test_batch import PICTURES
from vision.engines.engine import Delta, Sampling
from vision.engines.loading import Loaded
from vision.engines.local.batch import shares
from vision.engines.local.engine import LocalEngine
from vision.engines.local.prefill import prepared
from vision.engines.local.trace import Decoder
from vision.errors import PromptError
from vision.prompts import Prompt, Turn
from vision.settings import NANO

WORDS = 24
"""Tokens that are compared."""
MARKS = "<|image_pad|> <|vision_start|> <|vision_end|> <image> <fake_token_around_image> <global-img> <end_of_utterance>".split()
COUNTED = {"image_grid_thw", "num_soft_tokens_per_image"}
"""What image processors tell whose models take the kind of each token."""
FILM_MARKS = ("video_token_id", "video_start_token_id", "video_end_token_id")
TEMPLATE = (
    "{% for message in messages %}<start_of_turn>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'image' %}MARK{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    "<end_of_turn>\n{% endfor %}<start_of_turn>model\n"
)
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 4096,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "initializer_range": 0.1,
}
WINDOW: dict[str, Any] = {"sliding_window": 12}
EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LENT = {"num_hidden_layers": 6, "layer_types": ["sliding_attention", "full_attention"] * 3, "num_kv_shared_layers": 2} | WINDOW
LINEAR = {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
TEXT: dict[str, tuple[dict[str, Any], bool]] = {
    "llama": ({}, True),
    "mistral": (WINDOW, True),
    "qwen2": ({}, True),
    "qwen3": ({}, True),
    "qwen3_moe": (EXPERTS, True),
    "gemma": ({}, True),
    "gemma2": (WINDOW, True),
    "gemma3_text": (WINDOW, True),
    "smollm3": ({}, True),
    "phi3": ({}, True),
    "glm4": ({}, True),
    "olmo3": (WINDOW, True),
    "cohere2": (WINDOW, True),
    "gpt_oss": (WINDOW | {"num_local_experts": 4, "num_experts_per_tok": 2}, False),  # attends to a sink
    "gemma3n_text": (LENT | {"laurel_rank": 4, "intermediate_size": [64] * 6, "activation_sparsity_pattern": [0.0] * 6}, False),
    "gemma4_text": (LENT | {"global_head_dim": 8, "hidden_size_per_layer_input": 8}, False),  # layers lend their keys
    "qwen3_next": (EXPERTS | LINEAR | {"shared_expert_intermediate_size": 32}, False),  # keeps no keys in most layers
    "mamba": ({}, False),
}
"""Kind -> what is beside the common sizes, and whether its rows share their steps."""


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokenizer.add_special_tokens({"additional_special_tokens": MARKS})
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def text_model(kind: str, words: int) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, vocab_size=words, **(SIZES | {"vocab_size_per_layer_input": words} | TEXT[kind][0]))
    return AutoModelForCausalLM.from_config(config).eval()


class Shown:
    """A processor as transformers' own are, without the part for films, which needs torchvision."""

    def __init__(self, image_processor: Any, tokenizer: Any, mark: str, count: Callable[[Any, int], int]) -> None:
        self.image_processor, self.tokenizer, self.mark, self.count = image_processor, tokenizer, mark, count
        self.chat_template = TEMPLATE

    def apply_chat_template(self, talk: Any, **options: Any) -> str:
        return str(self.tokenizer.apply_chat_template(talk, **options)).replace("MARK", f"<|vision_start|>{self.mark}<|vision_end|>")

    def __call__(self, text: list[str], images: Any = None, **_: Any) -> dict[str, Any]:
        shown = dict(self.image_processor(images[0], return_tensors="pt")) if images else {}
        first, *others = text[0].split(self.mark)
        whole = first + "".join(self.mark * self.count(shown, i) + other for i, other in enumerate(others))
        tokens = dict(self.tokenizer([whole], return_tensors="pt", add_special_tokens=False))
        tokens.pop("token_type_ids", None)
        kinds = (tokens["input_ids"] == self.tokenizer.convert_tokens_to_ids(self.mark)).long()
        tokens |= {"mm_token_type_ids": kinds} if COUNTED & shown.keys() else {}
        shown.pop("num_soft_tokens_per_image", None)
        return tokens | shown


def pil(kind: str, name: str, **options: Any) -> Any:
    return getattr(import_module(f"transformers.models.{kind}.image_processing_pil_{kind}"), name)(**options)


def qwen_vl(kind: str, tokenizer: Any) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForImageTextToText

    patch = 14 if kind == "qwen2_5_vl" else 16
    vision: dict[str, Any] = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32}
    vision |= {"initializer_range": 0.1, "patch_size": patch, "num_position_embeddings": 64}
    vision |= {"deepstack_visual_indexes": [0], "fullatt_block_indexes": [1]}
    ropes = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
    names = ("image_token_id", "vision_start_token_id", "vision_end_token_id")
    marks = dict(zip(names, tokenizer.convert_tokens_to_ids(MARKS[:3]), strict=True))
    text = SIZES | {"vocab_size": len(tokenizer), "rope_parameters": ropes}
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(kind, text_config=text, vision_config=vision, **marks)).eval()
    square = (2 * patch) ** 2
    images = pil("qwen2_vl", "Qwen2VLImageProcessorPil", patch_size=patch, min_pixels=4 * square, max_pixels=24 * square)
    return model, Shown(images, tokenizer, MARKS[0], lambda shown, i: int(shown["image_grid_thw"][i].prod()) // 4)


def glm4v(_: str, tokenizer: Any) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForImageTextToText

    vision: dict[str, Any] = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32}
    vision |= {"initializer_range": 0.1, "patch_size": 14}
    names = ("image_token_id", "image_start_token_id", "image_end_token_id")
    marks = dict(zip(names, tokenizer.convert_tokens_to_ids(MARKS[:3]), strict=True)) | dict.fromkeys(FILM_MARKS, len(tokenizer) - 1)
    ropes = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0, "partial_rotary_factor": 1.0}
    text = SIZES | {"vocab_size": len(tokenizer), "rope_parameters": ropes}
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(AutoConfig.for_model("glm4v", text_config=text, vision_config=vision, **marks)).eval()
    images = pil("glm4v", "Glm4vImageProcessorPil", size={"shortest_edge": 4 * 28 * 28, "longest_edge": 48 * 28 * 28})
    return model, Shown(images, tokenizer, MARKS[0], lambda shown, i: int(shown["image_grid_thw"][i].prod()) // 4)


def gemma4(_: str, tokenizer: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, Gemma4Config, Gemma4TextConfig, Gemma4VisionConfig

    words, sizes = len(tokenizer), {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8}
    text = Gemma4TextConfig(vocab_size=words, vocab_size_per_layer_input=words, **(SIZES | TEXT["gemma4_text"][0]))
    vision = Gemma4VisionConfig(num_attention_heads=4, num_key_value_heads=4, initializer_range=0.1, **sizes)
    names = ("image_token_id", "boi_token_id", "eoi_token_id")
    marks = dict(zip(names, tokenizer.convert_tokens_to_ids(MARKS[:3]), strict=True))
    config = Gemma4Config(text_config=text, vision_config=vision, video_token_id=words - 1, audio_token_id=words - 1, **marks)
    config.audio_config = None
    torch.manual_seed(0)
    images = pil("gemma4", "Gemma4ImageProcessorPil", max_soft_tokens=70)
    shown = Shown(images, tokenizer, MARKS[0], lambda shown, i: int(shown["num_soft_tokens_per_image"][i]))
    return AutoModelForImageTextToText.from_config(config).eval(), shown


def llava(_: str, tokenizer: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, CLIPVisionConfig, LlamaConfig, LlavaConfig

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    vision = CLIPVisionConfig(image_size=56, patch_size=14, **sizes)
    mark = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(vision_config=vision, text_config=LlamaConfig(vocab_size=len(tokenizer), **SIZES), image_token_id=mark)
    torch.manual_seed(0)
    images = pil("clip", "CLIPImageProcessorPil", size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    return AutoModelForImageTextToText.from_config(config).eval(), Shown(images, tokenizer, "<image>", lambda shown, i: 16)


def idefics3(_: str, tokenizer: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, Idefics3Config, Idefics3Processor, LlamaConfig

    mark = tokenizer.convert_tokens_to_ids("<image>")
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.1}
    vision |= {"image_size": 56, "patch_size": 14}
    text = LlamaConfig(vocab_size=len(tokenizer), **SIZES)
    config = Idefics3Config(vision_config=vision, text_config=text, image_token_id=mark, scale_factor=2)
    torch.manual_seed(0)
    images = pil("idefics3", "Idefics3ImageProcessorPil", size={"longest_edge": 56}, max_image_size={"longest_edge": 56})
    processor = Idefics3Processor(image_processor=images, tokenizer=tokenizer, image_seq_len=4)
    processor.chat_template = TEMPLATE.replace("MARK", "<image>")
    return AutoModelForImageTextToText.from_config(config).eval(), processor


SEEING: dict[str, Callable[[str, Any], tuple[Any, Any]]] = {
    "qwen2_5_vl": qwen_vl,
    "qwen3_vl": qwen_vl,
    "glm4v": glm4v,
    "llava": llava,
    "idefics3": idefics3,
    "gemma4": gemma4,
}


def of(kind: str, tokenizer: Any) -> tuple[LocalEngine, Any]:
    """An engine of a ``kind``, and its model as transformers has it."""
    model, processor = SEEING[kind](kind, tokenizer) if kind in SEEING else (text_model(kind, len(tokenizer)), tokenizer)
    plain = copy.deepcopy(model)
    engine = LocalEngine(Loaded(model=model, processor=processor, name=kind, image_side=0, image_tokens=0))
    engine.ends = frozenset()
    return engine, plain


def texts(engine: LocalEngine, prompts: list[tuple[Prompt, int]]) -> list[list[str]]:
    """What is written for each prompt by so many traces, all drawn side by side."""
    sampling = Sampling(max_answer_tokens=WORDS, max_thought_tokens=WORDS)
    running = [engine.streams(prompt, [sampling] * count) for prompt, count in prompts]
    written = [[""] * count for _, count in prompts]
    going = dict(enumerate(running))
    while going:
        for i, pieces in list(going.items()):
            found = next(pieces, None)
            if found is None:
                del going[i]
            elif isinstance(found[1], Delta):
                written[i][found[0]] += found[1].text
    return written


def generated(engine: LocalEngine, plain: Any, prompt: Prompt) -> str:
    encoded = engine.encoder.encode(prompt)
    ids = plain.generate(
        input_ids=encoded.ids,
        **({"attention_mask": torch.ones_like(encoded.ids)} | encoded.inputs),
        max_new_tokens=WORDS,
        do_sample=False,
        eos_token_id=None,
    )[0, encoded.length :]
    decoder = Decoder(engine.tokenizer)
    return "".join(decoder.feed(int(token)) for token in ids)


SHORT = Prompt(turns=(Turn(question="What is 3 + 4?"),))
LONG = Prompt(turns=(Turn(question="How many are there in the second row, and why?"), Turn(question="And below it?")))


@pytest.mark.parametrize("kind", TEXT)
def test_a_model_writes_what_generate_writes(kind: str, tokenizer: Any) -> None:
    """Alone, in a vote, and beside another user."""
    engine, plain = of(kind, tokenizer)
    assert engine.shares == TEXT[kind][1]
    due = {prompt: generated(engine, plain, prompt) for prompt in (SHORT, LONG)}
    for asked in ([(SHORT, 1)], [(SHORT, 3)], [(SHORT, 2), (LONG, 1)]):
        for (prompt, _), written in zip(asked, texts(engine, asked), strict=True):
            assert all(text.startswith(due[prompt]) for text in written)


def looking(*pictures: Image.Image, then: str = "") -> Prompt:
    first = Turn(question="What is the total?", images=pictures, answer="7" if then else "")
    return Prompt(turns=(first, Turn(question=then)) if then else (first,))


@pytest.mark.parametrize("kind", SEEING)
def test_a_model_that_sees_writes_what_generate_writes(kind: str, tokenizer: Any) -> None:
    """Alone, in a vote, beside another user; the same picture again, another picture, two of them, a text that follows."""
    engine, plain = of(kind, tokenizer)
    assert engine.shares == (kind != "gemma4") and engine.sees  # its layers lend their keys
    one, other = PICTURES[0].resize((130, 90)), PICTURES[1].resize((90, 160))
    prompts = [looking(one), looking(other), looking(one, other), looking(one, then="And the mean?"), SHORT]
    due = {i: generated(engine, plain, prompt) for i, prompt in enumerate(prompts)}
    assert due[0] != due[1], "the picture counts"
    for wanted in ([(0, 1)], [(1, 3)], [(0, 2), (1, 1), (4, 1)], [(2, 1), (3, 2)], [(0, 1)]):
        for (i, _), written in zip(wanted, texts(engine, [(prompts[i], count) for i, count in wanted]), strict=True):
            assert all(text.startswith(due[i]) for text in written), i
    shown = engine.seen(one)
    assert shown is not None and shown.tokens == int(engine.encoder.encode(prompts[0]).image.sum()) > 0


def test_another_question_goes_on_behind_the_picture(tokenizer: Any) -> None:
    engine, plain = of("qwen2_5_vl", tokenizer)
    picture = PICTURES[0].resize((130, 90))
    texts(engine, [(looking(picture), 1)])
    read: list[int] = []
    engine.model.register_forward_pre_hook(lambda module, args, given: read.append(given["input_ids"].shape[1]), with_kwargs=True)
    engine.model.model.visual.register_forward_pre_hook(lambda module, args: pytest.fail("the picture is looked at again"))
    asked = Prompt(turns=(Turn(question="Which one is it?", images=(picture,)),))
    (written,) = texts(engine, [(asked, 1)])
    assert written[0].startswith(generated(engine, plain, asked))
    encoded = engine.encoder.encode(asked)
    assert read[0] == encoded.length - encoded.last_picture < encoded.length


def test_a_model_that_reads_text_is_given_what_was_read_and_refuses_what_was_not(tokenizer: Any) -> None:
    engine, _ = of("llama", tokenizer)
    assert engine.seen(PICTURES[0]) is None and not engine.sees
    with pytest.raises(PromptError, match="llama reads text only, and it is given no text of the picture: .* choose a model that sees"):
        next(engine.streams(looking(PICTURES[0]), [Sampling()]))
    told = Prompt(turns=(Turn(question="How many?", images=(PICTURES[0],), lines=("20 40 64\n\n",)),))
    assert "20 40 64" in engine.tokenizer.decode(engine.encoder.encode(told).ids[0])


def test_a_model_that_would_share_wrongly_does_not(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rehearsal holds the steps to the model, whatever it is called."""
    model = text_model("llama", len(tokenizer))
    before = model.config._attn_implementation
    monkeypatch.setattr("vision.engines.local.batch.windows_of", lambda _: [2] * 4)
    assert not shares(model) and model.config._attn_implementation == before
    monkeypatch.undo()
    assert shares(model)


def test_what_generate_prepares_is_the_first_step(tokenizer: Any) -> None:
    engine, plain = of("qwen2_5_vl", tokenizer)
    ids, options = prepared(plain, engine.encoder.encode(looking(PICTURES[0].resize((130, 90)))))
    assert options["position_ids"].shape == (4, 1, ids.shape[1]) and "mm_encoder_outputs" in options and options["use_cache"]
