"""What differs between models, read from their configuration and their chat template.

Nothing here is a list of all models: what transformers can load as a chat model is answered with. What a model's own template
says of thoughts and system prompts is followed; the rest is asked for in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vision.settings import NANO
from vision.thoughts.reasoning import PAIRS

GEMMA_MARKS = ("<start_of_turn>", "<end_of_turn>")

SPLITS = frozenset(
    "glm4v idefics3 llava llava_next llava_onevision mistral3 qwen2_vl qwen2_5_vl qwen3_vl qwen3_vl_moe smolvlm internvl".split()
)
"""Kinds whose pictures look at nothing that comes after them: what was read up to the last picture is kept, and another question goes
on from there. Gemma 3 is one too, and its pictures are kept one by one (:mod:`vision.engines.local.prefill`)."""


@dataclass(frozen=True)
class Template:
    """What a chat template does.

    Attributes:
        text: the template itself, "" where there is none.
    """

    text: str

    @property
    def tags(self) -> tuple[str, str] | None:
        """The tags in which the model was taught to think, None for one that has to be told.

        >>> Template("{%- if enable_thinking %}<think>{% endif %} ... </think>").tags
        ('<think>', '</think>')
        """
        small = self.text.lower()
        return next(((opening, closing) for opening, closing in PAIRS if opening in small and closing in small), None)

    @property
    def switches(self) -> bool:
        """Whether a thought can be turned on and off in it."""
        return "enable_thinking" in self.text


def give_template(tokenizer: Any) -> None:
    """Give a ``tokenizer`` without a template that of Gemma 3 where it knows its marks: files of weights alone often bring none."""
    if not getattr(tokenizer, "chat_template", None) and set(GEMMA_MARKS) <= set(tokenizer.get_vocab()):
        tokenizer.chat_template = (NANO / "chat_template.jinja").read_text(encoding="utf-8")


def template_of(processor: Any) -> Template:
    """The template of a processor or tokenizer; of several, the one for chats."""
    written = getattr(processor, "chat_template", None) or getattr(getattr(processor, "tokenizer", None), "chat_template", None)
    if isinstance(written, dict):
        written = written.get("default", next(iter(written.values()), ""))
    return Template(written or "")


def image_token_of(config: Any) -> int | None:
    """The token that stands for a piece of a picture, None where the configuration names none."""
    for name in ("image_token_id", "image_token_index"):
        if isinstance(value := getattr(config, name, None), int):
            return value
    return None


def opening_at_end(prompt: str) -> str:
    """The opening tag, with white space behind it, with which a written prompt ends; "" where it ends otherwise.

    >>> opening_at_end("<|im_start|>assistant\\n<think>\\n")
    '<think>\\n'
    """
    bare = prompt.rstrip()
    for opening, _ in PAIRS:
        if bare.lower().endswith(opening):
            return prompt[len(bare) - len(opening) :]
    return ""
