"""Nano's tokenizer: byte-fallback BPE with Gemma 3's special tokens and chat format, which spells what pictures show.

The words that questions and thoughts are made of are tokens; names, titles and numbers are spelled letter by letter. A model
that reads a name then writes what stands there, one letter after the other; with pieces of several letters it would have
to know how the name is cut before it can write its beginning. Runs of one to four newlines are tokens as in Gemma's.
"""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from transformers import AddedToken, Gemma3ImageProcessorPil, Gemma3Processor, GemmaTokenizer

from finetune.charts.figures import KINDS, sample
from finetune.charts.questions import ask
from finetune.nano.model import IMAGE_SIDE, IMAGE_TOKENS
from finetune.nano.rows import picture_exchanges
from vision.prompts import SYSTEM_PROMPT

WORDS = 300
"""Whole words at most."""

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


def _phrases(count: int) -> Iterator[tuple[str, set[str]]]:
    """Texts that training will show, from training seeds, each with the words that it takes from its picture."""
    for _ in range(count // 12):
        yield f"{SYSTEM_PROMPT}\nCompute\nAdd\nWork out\nRepeat\nLook up\nRead on from\nRead line", set()
    for seed in range(count):
        rng = random.Random(seed)
        figure = sample(rng, rng.choice(KINDS))
        asked = ask(rng, figure)
        for text in (asked.text, *asked.steps, "The answer is"):
            yield text, figure.words()
        for _, question, answer in picture_exchanges(rng, figure):
            yield f"{question}\n{answer}", figure.words()


def whole_words(count: int) -> list[str]:
    """The words that questions and thoughts are made of, with the space before them, most frequent first."""
    word = re.compile(r" ?->|(?: [a-z]|(?<![^\n])[A-Z])[a-z]*(?!\w)| [^\s\w]")
    found = Counter[str]()
    for text, shown in _phrases(count):
        found.update(piece for piece in word.findall(text) if piece.strip() not in shown and len(piece) > 1)
    return ["<think>", "</think>", *(piece for piece, times in found.most_common(WORDS) if times >= count // 150)]


def _merges(whole: list[str]) -> list[tuple[str, str]]:
    """Merges that build each of the ``whole`` words letter by letter from its first one, and nothing in the middle of others.

    First of all a space joins the letter or digit behind it, so that a name never begins with the start of a sentence's word.
    """
    merges = dict.fromkeys(("▁", letter) for letter in string.digits + string.ascii_letters)
    for piece in whole:
        word = piece.replace(" ", "▁")
        merges |= dict.fromkeys((word[:i], word[i]) for i in range(1, len(word)))
    return list(merges)


def train(count: int = 4_000) -> GemmaTokenizer:
    """Find the tokenizer's words in the texts about ``count`` training figures."""
    merges = _merges(whole_words(count))
    printable = [chr(code) for code in range(33, 127)] + list("▁×÷−–—°€£²≈·…’‘“”µ±≤≥→√π")
    tokens = dict.fromkeys(
        (*SPECIAL, *NEWLINES, *(f"<0x{byte:02X}>" for byte in range(256)), *printable, *("".join(pair) for pair in merges))
    )
    tokenizer = GemmaTokenizer(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=merges,
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
