"""Splits a model's streamed text into its thought and its answer, whatever tags it marks them with.

A small state machine is fed with chunks of any size and holds back only what may still become a tag::

    parser = ReasoningParser()
    for chunk in stream:
        for event in parser.feed(chunk):
            ...
    events = parser.flush()

Rules that keep it honest: what lies between tags is thought, however often it comes, and the words around it are the answer;
a closing tag without an opening one makes what came before it the thought; a thought that never closes is a truncated
thought and never an answer; tags inside code, fenced or between backticks, are text. Letters of a tag may be large or small.

>>> list(ReasoningParser.parse("<think>2 + 2 = 4</think>\\n\\nIt is 4."))
[Thought(text='2 + 2 = 4'), ThoughtClosed(), Answer(text='It is 4.')]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PAIRS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),  # Qwen, DeepSeek, GLM and most others
    ("<thought>", "</thought>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[think]", "[/think]"),  # Mistral
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<start_working_out>", "<end_working_out>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),  # Command
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<|channel|>analysis<|message|>", "<|end|>"),  # gpt-oss
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>"),
)
"""Opening and closing tags of a thought, as models write them, in small letters."""

ANSWER_PAIRS: tuple[tuple[str, str], ...] = (
    ("<answer>", "</answer>"),
    ("<solution>", "</solution>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|start_response|>", "<|end_response|>"),
    ("<output>", "</output>"),
    ("<|channel|>final<|message|>", "<|return|>"),
    ("<|start|>assistant<|channel|>final<|message|>", "<|return|>"),
)
"""Tags around an answer; they end a thought that was left open and are not shown."""

_OPENING = dict(PAIRS)
_CLOSING = tuple(dict.fromkeys(closing for _, closing in PAIRS))
_ANSWER_OPENING = tuple(opening for opening, _ in ANSWER_PAIRS)
_ANSWER_TAGS = tuple(dict.fromkeys(tag for pair in ANSWER_PAIRS for tag in pair))
TAGS = frozenset((*_OPENING, *_CLOSING, *_ANSWER_TAGS))
"""All of them."""
_LONGEST = max(map(len, TAGS))
_FIRST = frozenset(tag[0] for tag in TAGS)
_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
"""Makes letters small and keeps the length of a text, which ``str.lower`` may not."""


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
        self._large = False  # whether the opening tag was in large letters
        self._several = False  # whether a thought has closed before
        self._state = "thought" if thinking else "start"
        self._trim = False  # white space right after a tag is layout, not text
        self._fence = False
        self._line_start = True
        self._ticks = 0  # backticks in this line so far, without those of a fence
        self._last = ""  # letter that was given out last
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
        """The tag that ends the thought the text is in, in letters as large as those of the tag that began it; "" outside one."""
        return (self._closing.upper() if self._large else self._closing) if self.thinking else ""

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
        if self._state == "thought":
            return (self._closing, *_ANSWER_OPENING)
        if self._state == "start" or self._lone_allowed:
            return (*_OPENING, *_CLOSING, *_ANSWER_TAGS)
        return (*_OPENING, *_ANSWER_TAGS)

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
            self._large = self._large if tag not in _OPENING else self._pending[at : at + len(tag)] == tag.upper() != tag
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
        """The first whole tag outside code and its place, or None and how much is surely no tag."""
        text, fence, line_start, ticks = self._pending, self._fence, self._line_start, self._ticks
        small, tags = text.translate(_SMALL), self._tags()
        at = 0
        while at < len(text):
            if line_start and text.startswith("```", at):
                fence = not fence
                at += 3
                line_start = False
                continue
            if line_start and len(text) - at < 3 and "```".startswith(text[at:]):
                return None, at
            if text[at] in _FIRST and not fence:
                for tag in tags:
                    if small.startswith(tag, at) and not _in_code(tag, ticks, text[at - 1] if at else self._last):
                        return tag, at
                if len(text) - at < _LONGEST and any(tag.startswith(small[at:]) for tag in tags):
                    return None, at
            ticks = 0 if text[at] == "\n" else ticks + (text[at] == "`")
            line_start = text[at] == "\n" or (line_start and text[at] in " \t")
            at += 1
        return None, at

    def _turn(self, tag: str, events: list[Event]) -> None:
        self._trim = True
        if tag in _OPENING:
            self._state, self._closing = "thought", _OPENING[tag]
            events.append(Thought("\n\n" if self._several else ""))
            return
        if self._state == "thought":
            events.append(ThoughtClosed())
            self._several = True
        elif tag in _CLOSING:
            events += [Reopened(), ThoughtClosed()]
            self._several = True
        self._state, self._lone_allowed = "answer", False

    def _emit(self, text: str, events: list[Event]) -> None:
        self._follow_fences(text)
        self._last = text[-1:] or self._last
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
                self._line_start, self._ticks = True, 0
            self._ticks += line.count("`")
            if self._line_start and line.lstrip(" \t").startswith("```"):
                self._fence, self._ticks = not self._fence, self._ticks - 3
            if line.strip(" \t"):
                self._line_start = False


def _in_code(tag: str, ticks: int, before: str) -> bool:
    """Whether a tag stands in a span of code: behind ``ticks`` backticks in its line. One that ends a thought is text only right
    behind one of them, since a thought may leave a span open."""
    return ticks % 2 == 1 and (tag in _OPENING or before == "`")


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
