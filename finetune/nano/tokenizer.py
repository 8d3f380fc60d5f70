"""Nano's tokenizer: byte-fallback BPE trained on the charts' own texts, with Gemma 3's special tokens and chat format.

Digits stay single; punctuation is never glued to words; runs of one to four newlines are tokens as in Gemma's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AddedToken, Gemma3ImageProcessorPil, Gemma3Processor, GemmaTokenizer

from finetune.charts import words
from finetune.charts.figures import KINDS, sample
from finetune.charts.questions import ask
from finetune.charts.readings import describe
from finetune.nano.model import IMAGE_SIDE, IMAGE_TOKENS
from vision.prompts import SYSTEM_PROMPT

VOCABULARY = 2048

SPECIAL = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<mask>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
)
NEWLINES = ("\n", "\n\n", "\n\n\n", "\n\n\n\n")

# The same format as Gemma 3's own template: the system text opens the first user turn, images are marked in place.
CHAT_TEMPLATE = """\
{{ bos_token }}
{%- set ns = namespace(system='') -%}
{%- if messages and messages[0]['role'] == 'system' -%}
  {%- set content = messages[0]['content'] -%}
  {%- set ns.system = (content if content is string else content[0]['text']) + '\n\n' -%}
  {%- set messages = messages[1:] -%}
{%- endif -%}
{%- for message in messages -%}
  {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
    {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
  {%- endif -%}
  {{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' }}
  {%- if loop.first -%}{{ ns.system }}{%- endif -%}
  {%- if message['content'] is string -%}
    {{ message['content'] | trim }}
  {%- else -%}
    {%- for part in message['content'] -%}
      {%- if part['type'] == 'image' -%}{{ '<start_of_image>' }}
      {%- elif part['type'] == 'text' -%}{{ part['text'] | trim }}{%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}
"""


def _texts(count: int) -> Iterator[str]:
    """Texts that training will show, from training seeds: questions, thoughts, titles and invented words."""
    for _ in range(count // 12):
        yield from (SYSTEM_PROMPT, "user", "model", "think", "</think>", "The answer is")
    for word in words.LISTED:
        yield " " + word
    for seed in range(count):
        rng = random.Random(seed)
        figure = sample(rng, rng.choice(KINDS))
        asked = ask(rng, figure)
        yield from (figure.title, asked.text, *asked.steps, f"The answer is {asked.answer}.", " " + describe(figure))
        yield "".join(f" {word}" for word in (words.invent(rng) for _ in range(4)) if not words.is_held_out(word))


def train(count: int = 12_000) -> GemmaTokenizer:
    """Train the tokenizer on ``count`` training figures."""
    learner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    learner.normalizer = normalizers.Replace(" ", "▁")
    # A word keeps its leading space; a digit or a mark keeps its own; nothing else is ever joined.
    learner.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?->|▁?\p{L}+|▁?\d|▁?[^\s\p{L}\d▁]|▁"), "isolated")
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    printable = [chr(code) for code in range(33, 127)] + list("▁×÷−–—°€£²≈·…’‘“”µ±≤≥→√π")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL, *NEWLINES, *fallback],
        initial_alphabet=printable,
        limit_alphabet=400,
        show_progress=False,
    )
    learner.train_from_iterator(_texts(count), trainer)
    learned = _json(learner)["model"]
    tokenizer = GemmaTokenizer(
        vocab=learned["vocab"],
        merges=[tuple(pair) for pair in learned["merges"]],
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
        model_max_length=4096,
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in NEWLINES])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]}, replace_extra_special_tokens=False)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _json(tokenizer: Tokenizer) -> dict[str, dict]:  # type: ignore[type-arg]
    import json

    return json.loads(tokenizer.to_str())  # type: ignore[no-any-return]


def processor(tokenizer: GemmaTokenizer) -> Gemma3Processor:
    """The processor around ``tokenizer``: pictures squeezed to the square, normalised to -1..1."""
    images = Gemma3ImageProcessorPil(
        size={"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        image_seq_length=IMAGE_TOKENS,
        do_pan_and_scan=False,
        pan_and_scan_min_crop_size=256,
        pan_and_scan_max_num_crops=4,
        pan_and_scan_min_ratio_to_activate=1.2,
    )
    return Gemma3Processor(images, tokenizer, chat_template=CHAT_TEMPLATE, image_seq_length=IMAGE_TOKENS)


def save(folder: Path) -> GemmaTokenizer:
    """Train the tokenizer and write it and the processor's files into ``folder``."""
    tokenizer = train()
    processor(tokenizer).save_pretrained(folder)
    return tokenizer
