"""A prompt as the model takes it: through its own chat template and processor, with nothing in it that somebody could steer by."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from PIL import Image

from vision.engines.families import image_token_of, opening_at_end, template_of
from vision.engines.loading import Loaded
from vision.engines.local.prefill import pictures_apart
from vision.engines.local.rows import Encoded
from vision.errors import PromptError
from vision.pictures.crops import MAX_CROPS, MIN_CROP, MIN_RATIO, PanAndScan, Seen, content, content_box, seen, smallest_crop
from vision.prompts import Prompt, Turn, messages
from vision.thoughts.reasoning import TAGS

ROOM = 16
"""Tokens that a prompt leaves for an answer at least."""


class Encoder:
    """Writes prompts for a loaded model.

    Args:
        loaded: from :func:`vision.engines.loading.load`.

    Attributes:
        context: tokens that the model reads at most.
        template: of its chats.
        takes_system: whether the template takes a system prompt; known after the first prompt that has one.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded, self.processor, self.tokenizer = loaded, loaded.processor, loaded.tokenizer
        special = sorted((str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")
        self._foreign = re.compile("|".join(re.escape(mark) for mark in special if mark.lower() not in TAGS) or r"(?!)")
        self.context = int(getattr(loaded.model.config.get_text_config(), "max_position_embeddings", 0) or 131072)
        self.template = template_of(self.processor)
        self.takes_system = True
        self._apart = pictures_apart(loaded.model)
        self._cost = lru_cache(1024)(self._tokens_of)

    def encode(self, prompt: Prompt) -> Encoded:
        """``prompt`` as tokens and pictures.

        Raises:
            PromptError: when it leaves no room for an answer, or when a model that reads text only gets a picture without any.
        """
        last = prompt.turns[-1]
        if last.images and not self.loaded.sees and not any(last.lines):
            raise PromptError(
                f"{self.loaded.name} reads text only, and it is given no text of the picture: none was found in it, or --writing is off; "
                "choose a model that sees pictures, such as google/gemma-3-4b-it"
            )
        text = self._written(prompt)
        opening = opening_at_end(text)
        if opening and prompt.draft.startswith(opening.strip()):
            text = text[: -len(opening)]  # the draft has it, too
        draft = self._foreign.sub(_broken, prompt.draft)  # its tags are the model's own
        encoded = self._tokens(text + draft, prompt, "" if prompt.draft else opening)
        if encoded.length + ROOM > self.context:
            raise PromptError(
                f"the conversation has {encoded.length} tokens, the model reads at most {self.context}; start a new one or drop pictures"
            )
        return encoded

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan) -> Seen | None:
        """What the model is shown of ``image``; None where it reads text only."""
        if not self.loaded.sees:
            return None
        if self.loaded.image_side:
            crop = self._smallest_crop(pan_and_scan)
            return seen(image, side=self.loaded.image_side, tokens_per_image=self.loaded.image_tokens, min_crop=crop)
        shown = content(image)
        return Seen(squares=(shown,), boxes=(content_box(image),), tokens=self._cost(shown.size))

    def _tokens_of(self, size: tuple[int, int]) -> int:
        """Tokens of a picture of such a ``size``, as the processor writes them."""
        alone = Prompt(turns=(Turn(question="", images=(Image.new("RGB", size),)),))
        return int(self._tokens(self._written(alone), alone, "").image.sum())

    def _smallest_crop(self, wanted: PanAndScan) -> int:
        made_for = getattr(self.processor.image_processor, "do_pan_and_scan", None)
        return smallest_crop(wanted, side=self.loaded.image_side, made_for_crops=made_for)

    def _written(self, prompt: Prompt) -> str:
        """The chat in the words of the model's template."""
        return self._templated(self.talk(prompt), prompt)

    def opening(self, prompt: Prompt) -> str:
        """The tag with which the written prompt already opens the thought, "" for none."""
        return opening_at_end(self._written(prompt))

    def talk(self, prompt: Prompt) -> list[dict[str, Any]]:
        """The chat as the model's template takes it, with no mark in it that somebody has written."""
        from jinja2.exceptions import TemplateError

        talk = messages(prompt, tags=self.template.tags is not None)
        for part in (part for message in talk for part in message["content"] if part["type"] == "text"):
            # A mark that somebody has written is text: it neither opens a turn nor stands for a picture.
            part["text"] = self._special.sub(_broken, part["text"])
        if not self.loaded.sees:
            talk = [message | {"content": "".join(part.get("text", "") for part in message["content"])} for message in talk]
        if self.takes_system and talk[0]["role"] == "system":
            try:
                self._templated(talk, prompt)
            except TemplateError:
                self.takes_system = False
        return talk if self.takes_system else _without_system(talk)

    def _templated(self, talk: list[dict[str, Any]], prompt: Prompt) -> str:
        switches = {"enable_thinking": prompt.thinking} if self.template.switches else {}
        return str(self.processor.apply_chat_template(talk, add_generation_prompt=True, tokenize=False, **switches))

    def _tokens(self, text: str, prompt: Prompt, opening: str) -> Encoded:
        import torch

        # The template writes <bos> itself.
        options: dict[str, Any] = {"return_tensors": "pt", "add_special_tokens": False}
        images = prompt.images if self.loaded.sees else []
        if self.loaded.sees:
            options["images"] = [images] if images else None
            if self._apart:
                options["images_kwargs"] = self._cropping(prompt.pan_and_scan)
        batch = dict(self.processor(text=[text], **options))
        ids, mask = batch.pop("input_ids"), batch.pop("attention_mask", None)
        marked = image_token_of(self.loaded.model.config)
        image = ids[0] == marked if marked is not None and images else torch.zeros(ids.shape[1], dtype=torch.bool)
        if images:
            batch["attention_mask"] = mask
        else:  # a picture's tokens have kinds; text alone needs none
            batch = {}
        return Encoded(ids, image, batch, apart=self._apart, opening=opening)

    def _cropping(self, wanted: PanAndScan) -> dict[str, Any]:
        crop = self._smallest_crop(wanted)
        return {
            "do_pan_and_scan": bool(crop),
            "pan_and_scan_min_crop_size": crop or MIN_CROP,
            "pan_and_scan_max_num_crops": MAX_CROPS,
            "pan_and_scan_min_ratio_to_activate": MIN_RATIO,
        }


def _broken(mark: re.Match[str]) -> str:
    return f"{mark[0][0]} {mark[0][1:]}"


def _without_system(talk: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``talk`` with its system prompt before the first question, for templates that take none."""
    if talk[0]["role"] != "system":
        return talk
    system, first, *rest = talk
    told, asked = system["content"], first["content"]
    if isinstance(told, str):
        return [first | {"content": f"{told}\n\n{asked}"}, *rest]
    return [first | {"content": [{"type": "text", "text": f"{told[0]['text']}\n\n"}, *asked]}, *rest]
