"""The engine on transformers in this process.

Decoding is a plain loop in the caller's own thread: a generator. So a stop takes effect at the next token, an error
reaches the caller as an exception, and a consumer that goes away closes the generator and frees everything;
there is no thread to leave behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from PIL import Image

from vision.engine import Control, Delta, EndReason, Sampling, Usage
from vision.errors import GenerationError, PromptError
from vision.images import MAX_CROPS, MIN_CROP, MIN_RATIO, PanAndScan, Seen, seen, smallest_crop
from vision.loading import Loaded
from vision.prompts import Conversation, messages
from vision.reasoning import ReasoningParser


class LocalEngine:
    """Answers with a loaded model.

    Args:
        loaded: from :func:`vision.loading.load`.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.name = loaded.name
        self.model, self.processor = loaded.model, loaded.processor
        self.tokenizer = loaded.processor.tokenizer
        ends = self.model.generation_config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])
        text_config = self.model.config.get_text_config()
        self._context = int(getattr(text_config, "max_position_embeddings", 131072))

    def stream(self, conversation: Conversation, sampling: Sampling, control: Control | None = None) -> Iterator[Delta | Usage]:
        """See :class:`vision.engine.Engine`."""
        import torch

        control = control or Control()
        trace = _Trace(self, sampling, control, conversation.draft)
        try:
            yield from trace.run(self._encode(conversation))
        except torch.OutOfMemoryError as exc:
            raise GenerationError(
                "the machine ran out of memory while answering; use fewer or smaller pictures, or --precision 4bit"
            ) from exc
        except RuntimeError as exc:
            raise GenerationError(f"the model failed while answering: {str(exc).splitlines()[0][:200]}") from exc

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen:
        """See :class:`vision.engine.Engine`."""
        crop = self._smallest_crop(pan_and_scan)
        return seen(image, side=self.loaded.image_side, tokens_per_image=self.loaded.image_tokens, min_crop=crop)

    def _smallest_crop(self, wanted: PanAndScan) -> int:
        made_for = getattr(self.processor.image_processor, "do_pan_and_scan", None)
        return smallest_crop(wanted, side=self.loaded.image_side, made_for_crops=made_for)

    def _encode(self, conversation: Conversation) -> dict[str, Any]:
        """Token ids, masks and pixels of the prompt on the model's device.

        Raises:
            PromptError: when the prompt leaves no room for an answer.
        """
        text = self.processor.apply_chat_template(messages(conversation), add_generation_prompt=True, tokenize=False) + conversation.draft
        images = conversation.images
        # The template writes <bos> itself.
        crop = self._smallest_crop(conversation.pan_and_scan)
        cropping = {
            "do_pan_and_scan": bool(crop),
            "pan_and_scan_min_crop_size": crop or MIN_CROP,
            "pan_and_scan_max_num_crops": MAX_CROPS,
            "pan_and_scan_min_ratio_to_activate": MIN_RATIO,
        }
        batch = self.processor(
            text=[text], images=[images] if images else None, images_kwargs=cropping, return_tensors="pt", add_special_tokens=False
        )
        length = batch["input_ids"].shape[1]
        if length + 16 > self._context:
            raise PromptError(
                f"the conversation has {length} tokens, the model reads at most {self._context}; start a new one or drop pictures"
            )
        return dict(batch.to(self.model.device, dtype=self.model.dtype))


class _Trace:
    """One answer in the making."""

    def __init__(self, engine: LocalEngine, sampling: Sampling, control: Control, draft: str = "") -> None:
        import torch

        self.engine, self.sampling, self.control = engine, sampling, control
        self.random = torch.Generator(device="cpu").manual_seed(sampling.seed)
        self.parser = ReasoningParser()
        self.decoder = _Decoder(engine.tokenizer)
        self.thought_tokens = self.answer_tokens = 0
        self.first_at = self.thought_at = self.answer_at = 0.0
        self.closed_by = ""
        written = engine.tokenizer(draft, add_special_tokens=False)["input_ids"] if draft else []
        self.draft_tokens = len(written)
        for token in written:
            list(self._take(token))

    def run(self, inputs: dict[str, Any]) -> Iterator[Delta | Usage]:
        """Prefill, then one token at a time; a forced closing tag is fed as a few tokens at once."""
        import torch
        from transformers import DynamicCache

        started = time.perf_counter()
        prompt_tokens = inputs["input_ids"].shape[1] - self.draft_tokens
        cache = DynamicCache(config=self.engine.model.config.get_text_config())
        room = self.engine._context - inputs["input_ids"].shape[1]
        mask = inputs.pop("attention_mask")
        logits = self._forward(cache, mask, **inputs)
        end: EndReason = "length"
        for _ in range(room - 8):
            if self.control.stopped:
                end = "stopped"
                break
            token = self._pick(logits)
            if token in self.engine._ends:
                end = "end"
                break
            self.first_at = self.first_at or time.perf_counter()
            ids = [token]
            yield from self._take(token)
            if self._must_close():
                ids += (closing := self._closing_ids())
                for forced in closing:
                    yield from self._take(forced)
            if self.answer_tokens >= self.sampling.max_answer_tokens:
                break
            mask = torch.cat([mask, mask.new_ones(1, len(ids))], dim=1)
            fed = torch.tensor([ids], device=mask.device)
            logits = self._forward(cache, mask, input_ids=fed)
        rest = self.decoder.flush()
        if rest:
            self._follow(rest)
            yield Delta(rest)
        yield self._usage(prompt_tokens, started, end)

    def _forward(self, cache: Any, mask: Any, **inputs: Any) -> Any:
        """One pass over new tokens. Gradient mode belongs to a thread, and a page may resume a generator on another
        one, so it is set around each pass and never across a ``yield``."""
        import torch

        with torch.inference_mode():
            return (
                self.engine.model(**inputs, attention_mask=mask, past_key_values=cache, use_cache=True, logits_to_keep=1)
                .logits[0, -1]
                .clone()
            )

    def _pick(self, logits: Any) -> int:
        """The next token: the likeliest at temperature 0, else drawn from the top-p share by this trace's own seed."""
        import torch

        if self.sampling.temperature == 0:
            return int(logits.argmax())
        scaled = logits.float().cpu() / self.sampling.temperature
        ordered, order = torch.sort(torch.softmax(scaled, -1), descending=True)
        ordered[ordered.cumsum(-1) - ordered >= self.sampling.top_p] = 0.0
        return int(order[torch.multinomial(ordered, 1, generator=self.random)])

    def _take(self, token: int) -> Iterator[Delta]:
        """Count ``token`` and give out the text that it settles."""
        thinking = self.parser.thinking
        text = self.decoder.feed(token)
        if text:
            self._follow(text)
        if thinking or self.parser.thinking:
            self.thought_tokens += 1
        else:
            self.answer_tokens += 1
        if text:
            yield Delta(text)

    def _follow(self, text: str) -> None:
        """Keep the parser and its times in step with what was written."""
        thinking = self.parser.thinking
        self.parser.feed(text)
        now = time.perf_counter()
        if self.parser.thinking and not thinking:
            self.thought_at = now
            # The opening tag was counted as answer before it was known to be one.
            self.thought_tokens, self.answer_tokens = self.thought_tokens + self.answer_tokens, 0
        elif thinking and not self.parser.thinking:
            self.answer_at = now
            self.closed_by = self.closed_by or "model"

    def _must_close(self) -> bool:
        if not self.parser.thinking:
            return False
        if self.control.wants_answer:
            self.closed_by = "user"
        elif self.thought_tokens >= self.sampling.max_thought_tokens:
            self.closed_by = "budget"
        return bool(self.closed_by)

    def _closing_ids(self) -> list[int]:
        text = f"\n{self.parser.closing}\n\n"
        return list(self.engine.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _usage(self, prompt_tokens: int, started: float, end: EndReason) -> Usage:
        now = time.perf_counter()
        return Usage(
            prompt_tokens=prompt_tokens,
            thought_tokens=self.thought_tokens,
            answer_tokens=self.answer_tokens,
            first_token_s=(self.first_at or now) - started,
            thinking_s=(self.answer_at or now) - self.thought_at if self.thought_at else 0.0,
            total_s=now - started,
            end=end,
            thought_closed_by=self.closed_by,
        )


class _Decoder:
    """Token by token to text, holding back bytes that are not yet a whole character."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.ids: list[int] = []
        self.start = 0  # where the context for decoding begins
        self.done = 0  # up to where text was given out

    def feed(self, token: int) -> str:
        self.ids.append(token)
        before = self.tokenizer.decode(self.ids[self.start : self.done])
        now = self.tokenizer.decode(self.ids[self.start :])
        if now.endswith("\ufffd") and len(self.ids) - self.done < 8:
            return ""
        self.start, self.done = self.done, len(self.ids)
        return str(now[len(before) :])

    def flush(self) -> str:
        before = self.tokenizer.decode(self.ids[self.start : self.done])
        return str(self.tokenizer.decode(self.ids[self.start :])[len(before) :])
