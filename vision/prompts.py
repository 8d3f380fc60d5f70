"""What is said to the model: the system prompt, a conversation as chat-template messages, old thoughts left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from vision.errors import PromptError
from vision.pictures.crops import PanAndScan
from vision.thoughts.reasoning import split

SYSTEM_PROMPT = (
    "Look at the picture and reason step by step inside <think> and </think>: "
    'read what matters, do one operation a step, and check it. Then finish with "The answer is ...".'
)
"""Asks for a thought in tags before the answer; tunes of this project were trained with it word for word."""

MAX_QUESTION_CHARS = 8_000


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One question with its pictures and, once given, its answer.

    Attributes:
        question: the user's words.
        images: pictures that came with this question, RGB.
        answer: the model's text; a thought in it is left out of later prompts.
    """

    question: str
    images: tuple[Image.Image, ...] = ()
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Turns, the last of which is to be answered.

    Attributes:
        turns: oldest first, at least one.
        thinking: whether a thought is asked for.
        system: the system prompt for thinking.
        pan_and_scan: whether long pictures are also shown in crops.
        draft: what the model had already written of its answer when it was stopped; it goes on from there.
    """

    turns: tuple[Turn, ...]
    thinking: bool = True
    system: str = field(default=SYSTEM_PROMPT)
    pan_and_scan: PanAndScan = "auto"
    draft: str = ""

    @property
    def images(self) -> list[Image.Image]:
        """All pictures in the order of their marks in the prompt."""
        return [image for turn in self.turns for image in turn.images]


def check_question(question: str) -> str:
    """``question`` without surrounding white space.

    Raises:
        PromptError: when it is empty or longer than :data:`MAX_QUESTION_CHARS`.
    """
    question = question.strip()
    if not question:
        raise PromptError("the question is empty; ask something about the picture")
    if len(question) > MAX_QUESTION_CHARS:
        raise PromptError(f"the question has {len(question)} characters; at most {MAX_QUESTION_CHARS} are accepted")
    return question


def messages(prompt: Prompt) -> list[dict[str, Any]]:
    """``prompt`` as messages for ``processor.apply_chat_template``; pictures stand before their question.

    Thoughts of earlier answers are left out: Gemma's authors ask for it, and models imitate stale tags.
    """
    made: list[dict[str, Any]] = []
    if prompt.thinking:
        made.append({"role": "system", "content": [{"type": "text", "text": prompt.system}]})
    for i, turn in enumerate(prompt.turns):
        content: list[dict[str, Any]] = [{"type": "image"} for _ in turn.images]
        made.append({"role": "user", "content": [*content, {"type": "text", "text": turn.question}]})
        if i < len(prompt.turns) - 1:
            made.append({"role": "assistant", "content": [{"type": "text", "text": split(turn.answer).answer}]})
    return made
