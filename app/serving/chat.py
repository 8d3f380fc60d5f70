"""What a client of the endpoint may ask: OpenAI's chat completions as values, and as a prompt and budgets of ours."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vision.answers.consensus import Weighing
from vision.engines.engine import Sampling
from vision.errors import PromptError
from vision.pictures.crops import PanAndScan
from vision.pictures.documents import Picture, open_pictures
from vision.pictures.images import Limits
from vision.pictures.lines import GiveWriting
from vision.prompts import SYSTEM_PROMPT, TEXT_IS_DATA, TEXT_PROMPT, Prompt, Turn, check_question
from vision.thoughts.reasoning import ReasoningParser

MAX_MESSAGES = 400
MAX_PICTURES = 32
"""Pictures of one conversation."""
MAX_CHOICES = 16
LEAST_ANSWER = 16
"""Tokens that a small budget leaves for the answer at least."""
MAX_CHARS = 100_000
"""Characters of one message, and of all together four times as many."""
MOST_LARGE = 4
"""Pictures of the largest size that a request may hold; of smaller ones more."""
Stop = Annotated[str, Field(max_length=200)]


class Wishes(BaseModel):
    """What a request may ask for beyond the protocol, under ``logicflow``.

    Attributes:
        thinking: whether to think before answering; also by ``reasoning_effort: none``.
        vote: traces that vote on the answer, 0 for none.
        weights: how they weigh.
        writing, pan_and_scan: as in the settings.
        max_thought_tokens: budget of the thought; by default what ``max_tokens`` leaves, and at most that of the settings.
        abstain: whether an answer that is not traced is withheld.
    """

    model_config = ConfigDict(extra="forbid")

    thinking: bool | None = None
    vote: int = Field(0, ge=0, le=64)
    weights: Weighing = "count"
    writing: GiveWriting | None = None
    pan_and_scan: PanAndScan | None = None
    max_thought_tokens: int | None = Field(None, ge=0, le=65536)
    abstain: bool | None = None


class ImageUrl(BaseModel):
    """A picture as an address or a data URI."""

    url: str


class Part(BaseModel):
    """A piece of a message."""

    type: Literal["text", "image_url"]
    text: Annotated[str, Field(max_length=MAX_CHARS)] = ""
    image_url: ImageUrl | None = None


class Message(BaseModel):
    """One message of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=MAX_CHARS)] | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its words."""
        return self.content or "" if not isinstance(self.content, list) else "".join(part.text for part in self.content)

    @property
    def pictures(self) -> list[str]:
        """Addresses and data URIs of its pictures."""
        return [part.image_url.url for part in self.content if part.image_url] if isinstance(self.content, list) else []


class StreamOptions(BaseModel):
    """Whether the last chunk tells what the request took."""

    include_usage: bool = False


class Completion(BaseModel):
    """A request; what is not named here and changes an answer is refused (:data:`UNKNOWN`), the rest is ignored."""

    model_config = ConfigDict(extra="allow")

    model: str = ""
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int = Field(1, ge=1, le=MAX_CHOICES)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**63)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    reasoning_effort: str | None = None
    continue_final_message: bool = False
    logicflow: Wishes = Field(default_factory=Wishes)


UNKNOWN = ("tools", "functions", "response_format", "logprobs", "top_logprobs", "logit_bias", "audio", "modalities", "prediction")
"""Fields of the protocol that would change the answer and are not known here."""


def prompt_of(body: Completion, limits: Limits, pan_and_scan: PanAndScan) -> Prompt:
    """The chat of a request as turns.

    Raises:
        PromptError, ImageError: for what cannot be asked.
    """
    messages = list(body.messages)
    draft = messages.pop().text if body.continue_final_message and messages[-1].role == "assistant" else ""
    rules = "\n".join(message.text for message in messages if message.role in ("system", "developer")).strip()
    chat = [message for message in messages if message.role in ("user", "assistant")]
    if not chat or chat[-1].role != "user":
        raise PromptError("the last message is not the user's; end with the question")
    if sum(len(message.text) for message in body.messages) > 4 * MAX_CHARS:
        raise PromptError(f"the conversation has more than {4 * MAX_CHARS:,} characters; begin a new one")
    if sum(len(message.pictures) for message in chat) > MAX_PICTURES:
        raise PromptError(f"the conversation has more than {MAX_PICTURES} pictures; send fewer")
    turns: list[Turn] = []
    pixels = 0
    words, pictures, answered = "", list[Picture](), True
    for message in chat:
        if message.role == "assistant":
            if not answered:
                turns.append(_turn(words, pictures, message.text))
            words, pictures, answered = "", [], True
            continue
        words = f"{words}\n\n{message.text}" if words else message.text
        for url in message.pictures:
            opened = open_pictures(_picture(url, limits), limits)
            pixels += sum(each.image.width * each.image.height for each in opened)
            if pixels > MOST_LARGE * limits.max_pixels:
                raise PromptError(f"the pictures have more than {MOST_LARGE * limits.max_pixels / 1e6:.0f} megapixels together; send fewer")
            pictures = [*pictures, *opened]
        answered = False
    turns.append(_turn(words, pictures, ""))
    if sum(len(turn.images) for turn in turns) > MAX_PICTURES:
        raise PromptError(f"the conversation has more than {MAX_PICTURES} pictures; send fewer")
    ours = [text for text in (SYSTEM_PROMPT, TEXT_PROMPT) if text in rules]  # another LogicFlow asks for a thought in words
    thinking = body.logicflow.thinking if body.logicflow.thinking is not None else body.reasoning_effort != "none"
    for text in (*ours, TEXT_IS_DATA) if ours else ():
        rules = rules.replace(text, "").strip()
    return Prompt(turns=tuple(turns), thinking=thinking or bool(ours), pan_and_scan=pan_and_scan, draft=draft, rules=rules)


def _turn(words: str, pictures: list[Picture], answer: str) -> Turn:
    images, writing = tuple(each.image for each in pictures), tuple(each.writing for each in pictures)
    return Turn(question=check_question(words), images=images, writing=writing, answer=answer)


def _picture(url: str, limits: Limits) -> str | bytes:
    """The bytes of a data URI, or an address that may be fetched; never a file of this machine."""
    if url.startswith("data:"):
        kind, comma, data = url.partition(",")
        try:
            if not comma or not kind.endswith(";base64"):
                raise ValueError("no base64")
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise PromptError(f"a picture is no data URI with base64 ({exc}); send data:image/png;base64,…") from exc
    if not url.startswith(("http://", "https://")):
        raise PromptError(f"a picture is {url[:60]!r}; expected a data URI" + (" or an http(s) address" if limits.allow_urls else ""))
    return url


def budgets(body: Completion, usual: Sampling, *, thinking: bool, draft: str = "") -> tuple[int, int]:
    """Tokens of thought and of answer; a limit of both together leaves the answer a quarter of it.

    What a ``draft`` holds of them comes on top: it was written before. Where it has closed its thought, all is for the answer.

    >>> budgets(Completion(messages=[Message(role="user")], max_tokens=400), Sampling(), thinking=True)
    (300, 100)
    """
    total = body.max_completion_tokens or body.max_tokens
    most = body.logicflow.max_thought_tokens
    if draft:
        drafted = ReasoningParser()
        drafted.feed(draft)
        open_still = drafted.thinking or not drafted.thought
        thought, answer = budgets(body, usual, thinking=thinking and open_still)
        return thought + len(drafted.thought), answer + len(drafted.answer)  # a token has a character at least
    if not thinking:
        return 0, total or usual.max_answer_tokens
    if total is None:
        return usual.max_thought_tokens if most is None else most, usual.max_answer_tokens
    answer = min(max(total // 4, LEAST_ANSWER), total, usual.max_answer_tokens) if most is None else max(total - most, 1)
    return (min(total - answer, usual.max_thought_tokens) if most is None else min(most, total)), answer
