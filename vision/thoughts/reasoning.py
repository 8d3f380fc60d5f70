"""Splits a model's streamed text into its thought and its answer, whatever tags it marks them with.

A small state machine is fed with chunks of any size and holds back only what may still become a tag::

    parser = ReasoningParser()
    for chunk in stream:
        for event in parser.feed(chunk):
            ...
    events = parser.flush()

Rules that keep it honest: a thought opens only where nothing but white space came before it; a closing tag
without an opening one makes what came before it the thought; a thought that never closes is a truncated
thought and never an answer; tags inside a code fence are text.

>>> list(ReasoningParser.parse("<think>2 + 2 = 4</think>\\n\\nIt is 4."))
[Thought(text='2 + 2 = 4'), ThoughtClosed(), Answer(text='It is 4.')]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PAIRS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thought>", "</thought>"),
    ("<Thought>", "</Thought>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<start_working_out>", "<end_working_out>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel>thought", "<channel|>"),
)
"""Opening and closing tags of a thought, as models write them."""

ANSWER_PAIRS: tuple[tuple[str, str], ...] = (
    ("<answer>", "</answer>"),
    ("<SOLUTION>", "</SOLUTION>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<Output>", "</Output>"),
)
"""Tags around an answer; they end a thought that was left open and are not shown."""

_OPENING = {opening: closing for opening, closing in PAIRS}
_CLOSING = tuple(closing for _, closing in PAIRS)
_ANSWER_OPENING = tuple(opening for opening, _ in ANSWER_PAIRS)
_ANSWER_TAGS = tuple(tag for pair in ANSWER_PAIRS for tag in pair)


@dataclass(frozen=True)
class Thought:
    """A piece of the thought."""

    text: str


@dataclass(frozen=True)
class ThoughtClosed:
    """The thought has ended; what follows is the answer."""


@dataclass(frozen=True)
class Answer:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True)
class Reopened:
    """A closing tag came without an opening one: all answer text so far was the thought."""


Event = Thought | ThoughtClosed | Answer | Reopened


@dataclass(frozen=True)
class Parsed:
    """A finished text taken apart.

    Attributes:
        thought: the reasoning, "" where there was none.
        answer: the rest; "" for a truncated thought.
        truncated: whether a thought was opened and never closed.
    """

    thought: str
    answer: str
    truncated: bool


class ReasoningParser:
    """Turns chunks into :data:`Event` values; one parser for one text.

    Args:
        thinking: start inside a thought, for a prompt that ends with the opening tag.

    Attributes:
        thought, answer: what the events so far add up to.
    """

    def __init__(self, *, thinking: bool = False) -> None:
        self.thought = self.answer = ""
        self._pending = ""
        self._closing = PAIRS[0][1] if thinking else ""
        self._state = "thought" if thinking else "start"
        self._trim = False  # white space right after a tag is layout, not text
        self._fence = False
        self._line_start = True
        self._lone_allowed = True

    @property
    def thinking(self) -> bool:
        """Whether the text is inside a thought now."""
        return self._state == "thought"

    @property
    def begun(self) -> bool:
        """Whether it is settled that the text begins with a thought, or without one."""
        return self._state != "start"

    @property
    def closing(self) -> str:
        """The tag that ends the thought the text is in, "" outside one."""
        return self._closing if self.thinking else ""

    @classmethod
    def parse(cls, text: str) -> Iterator[Event]:
        """The events of a whole ``text``."""
        parser = cls()
        yield from parser.feed(text)
        yield from parser.flush()

    def feed(self, chunk: str) -> list[Event]:
        """The events that ``chunk`` settles; text that may be the start of a tag waits for the next one."""
        self._pending += chunk
        return self._run(final=False)

    def flush(self) -> list[Event]:
        """The events of what is left when the text has ended."""
        return self._run(final=True)

    def _tags(self) -> tuple[str, ...]:
        if self._state == "start":
            return (*_OPENING, *_CLOSING, *_ANSWER_TAGS)
        if self._state == "thought":
            return (self._closing, *_ANSWER_OPENING)
        return (*_ANSWER_TAGS, *(_CLOSING if self._lone_allowed else ()))

    def _run(self, *, final: bool) -> list[Event]:
        events: list[Event] = []
        while self._pending:
            tag, at = self._find()
            if tag is None:
                safe = len(self._pending) if final else at
                self._emit(self._pending[:safe], events)
                self._pending = self._pending[safe:]
                break
            self._emit(self._pending[:at], events)
            self._pending = self._pending[at + len(tag) :]
            self._turn(tag, events)
        merged = _merged(events)
        for event in merged:
            if isinstance(event, Thought):
                self.thought += event.text
            elif isinstance(event, Answer):
                self.answer += event.text
            elif isinstance(event, Reopened):
                self.thought, self.answer = self.answer, ""
        return merged

    def _find(self) -> tuple[str | None, int]:
        """The first whole tag outside code fences and its place, or None and how much is surely no tag."""
        text, fence, line_start = self._pending, self._fence, self._line_start
        at = 0
        while at < len(text):
            if line_start and text.startswith("```", at):
                fence = not fence
                at += 3
                line_start = False
                continue
            if line_start and "```".startswith(text[at:]):
                return None, at
            if text[at] == "<" and not fence:
                for tag in self._tags():
                    if text.startswith(tag, at) and self._may_be(tag, at):
                        return tag, at
                if any(tag.startswith(text[at:]) for tag in self._tags() if self._may_be(tag, at)):
                    return None, at
            line_start = text[at] == "\n" or (line_start and text[at] in " \t")
            at += 1
        return None, at

    def _may_be(self, tag: str, at: int) -> bool:
        """An opening tag counts only where nothing but white space precedes it."""
        return tag not in _OPENING or not self._pending[:at].strip()

    def _turn(self, tag: str, events: list[Event]) -> None:
        self._trim = True
        if tag in _OPENING:
            self._state, self._closing = "thought", _OPENING[tag]
            events.append(Thought(""))
        elif tag in _ANSWER_TAGS:
            if self._state == "thought":
                events.append(ThoughtClosed())
            self._state, self._lone_allowed = "answer", False
        elif self._state == "thought":
            self._state, self._lone_allowed = "answer", False
            events.append(ThoughtClosed())
        else:
            self._state, self._lone_allowed = "answer", False
            events += [Reopened(), ThoughtClosed()]

    def _emit(self, text: str, events: list[Event]) -> None:
        self._follow_fences(text)
        if self._trim or self._state == "start":
            text = text.lstrip()
        if not text:
            return
        self._trim = False
        if self._state == "start":
            self._state = "answer"
        events.append(Thought(text) if self._state == "thought" else Answer(text))

    def _follow_fences(self, text: str) -> None:
        for i, line in enumerate(text.split("\n")):
            if i:
                self._line_start = True
            if self._line_start and line.lstrip(" \t").startswith("```"):
                self._fence = not self._fence
            if line.strip(" \t"):
                self._line_start = False


def _merged(events: list[Event]) -> list[Event]:
    """``events`` with neighbouring pieces of one kind joined and empty openings dropped."""
    merged: list[Event] = []
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, Thought) and isinstance(last, Thought):
            merged[-1] = Thought(last.text + event.text)
        elif isinstance(event, Answer) and isinstance(last, Answer):
            merged[-1] = Answer(last.text + event.text)
        else:
            merged.append(event)
    return merged


def split(text: str, *, thinking: bool = False) -> Parsed:
    """A finished ``text`` as thought and answer.

    >>> split("<think>a thought that never closes")
    Parsed(thought='a thought that never closes', answer='', truncated=True)
    """
    parser = ReasoningParser(thinking=thinking)
    parser.feed(text)
    parser.flush()
    return Parsed(parser.thought.strip(), parser.answer.strip(), parser.thinking)
