"""What pretraining shows: one picture with several short exchanges about it, and rows of text alone.

A picture is encoded once and shared: every exchange sees the picture's prefix and itself, never its
neighbours (the mask is :func:`attention_mask`), so that each is learned exactly as it will be asked alone.

The base learns to describe, to read one series, to answer directly, to look up in a text, to repeat, and to
do arithmetic in text. It is not taught to think about a picture: that is the adapter's part.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import numpy as np
import torch
from transformers import GemmaTokenizer

from finetune.charts.canvas import Letter, Marks, texts_of
from finetune.charts.drills import REWORDED, Exchange, text_exchange
from finetune.charts.elsewhere import SHARE, aside
from finetune.charts.figures import Figure, number
from finetune.charts.questions import ask
from finetune.charts.readings import describe, read
from finetune.charts.wordings import asked as in_words
from finetune.charts.wordings import reworded
from finetune.nano.model import IMAGE_TOKENS
from vision.prompts import Prompt, Turn

SPOTS = 6
"""Image tokens in which a token may stand, at most."""
REPEATS = 3
"""How often a word may stand in a picture for its places to say something."""

READ_OUT = ("describe", "series", "look up", "names", "title", "value", "read", "read line", "read on")
"""Tasks whose answers are read out of the picture; numbers in other answers are worked out."""

_DESCRIBE = ("Describe the chart.", "Describe the picture.", "What does the chart show?", "Read the chart.", "List all values.")


def _ask(rng: random.Random, form: str, plainly: str) -> str:
    """``plainly``, or one of the other wordings of ``form``."""
    return in_words(rng, form, "trained") if rng.random() < REWORDED else plainly


def _shows(reading: str) -> str:
    return f"It shows {reading}."


def reading_exchanges(rng: random.Random, lines: list[str]) -> list[Exchange]:
    """Exchanges about a picture with a few lines of text."""
    made: list[Exchange] = [("read", rng.choice(("Read the text.", "What is written here?")), _shows(", ".join(lines) or "nothing"))]
    for i in rng.sample(range(len(lines)), min(2, len(lines))):
        made.append(("read line", f"Read line {i + 1}.", _shows(lines[i])))
    return made


def page_exchanges(rng: random.Random, lines: list[str]) -> list[Exchange]:
    """Exchanges about a page full of text: find a word and read on from there."""
    made = []
    for line in rng.sample(lines, min(4, len(lines))):
        first = line.split()[0]
        if sum(first in other.split() for other in lines) == 1:
            made.append(("read on", f"Read on from {first}.", _shows(line)))
    return made


def picture_exchanges(rng: random.Random, figure: Figure, questions: int = 3) -> list[Exchange]:
    """Exchanges about a picture of ``figure``, in any order: its description, parts of it, and ``questions`` with direct answers.

    Every second question asks for a single value: finding it is the step that all others build on.
    """
    made: list[Exchange] = [("describe", _ask(rng, "describe", rng.choice(_DESCRIBE)), _shows(describe(figure)))]
    if len(figure.series) > 1:
        for name in rng.sample(list(figure.series), min(2, len(figure.series))):
            made.append(("series", f"Read {name}.", _shows(f"{name}: {read(figure.categories, figure.series[name])}")))
        if figure.kind != "table":
            at = rng.randrange(len(figure.categories))
            pair = read(tuple(figure.series), tuple(values[at] for values in figure.series.values()))
            made.append(("series", f"Read {figure.categories[at]}.", _shows(f"{figure.categories[at]}: {pair}")))
    elif figure.kind not in ("flow", "geometry"):
        for _ in range(max(1, questions // 4)):
            chosen = rng.sample(range(len(figure.categories)), min(3, len(figure.categories)))
            names = tuple(figure.categories[i] for i in chosen)
            made.append(("look up", f"Look up {', '.join(names)}.", _shows(read(names, tuple(figure.values[i] for i in chosen)))))
    if figure.kind != "geometry":
        joint = " -> " if figure.kind == "flow" else ", "
        made.append(("names", _ask(rng, "names", "List the names."), _shows(joint.join(figure.categories))))
    if figure.title and rng.random() < 0.4:
        made.append(("title", _ask(rng, "title", "What is the title?"), _shows(figure.title)))
    for _ in range(questions):
        asked = ask(rng, figure, "value" if rng.random() < 0.5 else "")
        asked = reworded(rng, asked) if rng.random() < REWORDED else asked
        made.append((asked.task, asked.text, asked.said))
    if rng.random() < SHARE * len(made):
        apart = aside(rng, figure)
        made.append((apart.task, apart.text, apart.said))
    made = list(dict.fromkeys(made))
    rng.shuffle(made)  # the last ones may not fit into a row
    return made


@dataclass
class Row:
    """Token arrays of one packed row, each (length,).

    Attributes:
        ids: tokens.
        segment: 0 for the shared prefix, 1.. for exchanges, -1 for padding.
        position: position of each token in its own conversation.
        learn: whether the token is the model's own, to be predicted.
        spots: (length, :data:`SPOTS`) image tokens in which the token's letters may stand, -1 where there is none.
        tasks: the task of exchange ``i + 1``.
    """

    ids: np.ndarray
    segment: np.ndarray
    position: np.ndarray
    learn: np.ndarray
    spots: np.ndarray
    tasks: list[str]


Pairs = dict[tuple[str, str], list[list[int]]]
"""(name, value) -> for each place where such a value is read, the image token of each of its letters."""


def pairs(figure: Figure, marks: Marks) -> Pairs:
    """Where the values of ``figure`` are read, by the words that a reading names them with."""
    made: Pairs = {}
    side = int(IMAGE_TOKENS**0.5)
    for (series, category), places in marks.items():
        value = number(figure.series[series][figure.categories.index(category)])
        cells = [int(min(max(y, 0.0), 0.999) * side) * side + int(min(max(x, 0.0), 0.999) * side) for x, y in places]
        for name in {series, category} - {""}:
            made.setdefault((name, value), []).append(cells)
    return made


class Written:
    """Where the texts of a picture stand and where its values are read: a reader is taught to look there when it writes them."""

    def __init__(self, letters: list[Letter], values: Pairs | None = None) -> None:
        self.values = values or {}
        self.whole: dict[str, list[list[int]]] = {}
        self.words: dict[str, list[list[int]]] = {}
        side = int(IMAGE_TOKENS**0.5)
        for _, text in texts_of(letters):
            written = "".join(letter for letter, *_ in text)
            cells = [
                min(int(y * side), side - 1) * side + min(int(x * side), side - 1)
                for _, x, y in ((c, max(x, 0.0), max(y, 0.0)) for c, x, y in text)
            ]
            self.whole.setdefault(written, []).append(cells)
            for word in re.finditer(r"\S+", written):
                self.words.setdefault(word[0].strip(".,:()%"), []).append(cells[word.start() : word.end()])
        self.longest_first = sorted((text for text in self.whole if text.strip()), key=len, reverse=True)

    def find(self, text: str, asked: str = "") -> dict[int, list[int]]:
        """Offset of each letter of ``text`` that stands in the picture -> the image tokens in which it may stand.

        Values behind their names, or answering a question in which they are ``asked`` for, come first, then whole texts,
        then single words; what stands in the picture more than :data:`REPEATS` times says nothing.
        """
        found: dict[int, list[int]] = {}
        for (name, value), read_at in self.values.items():
            before = rf"(?<![\w.]){re.escape(name)}" if name not in asked else "^The answer is"
            for match in re.finditer(rf"{before} {re.escape(value)}(?![\w]|\.\d)", text):
                for i in range(len(value)):
                    found[match.end() - len(value) + i] = sorted({cells[i] for cells in read_at})

        def note(start: int, end: int, places: list[list[int]]) -> None:
            if len(places) <= REPEATS and not any(i in found for i in range(start, end)):
                for i in range(start, end):
                    found[i] = sorted({cells[i - start] for cells in places})

        for written in self.longest_first:
            for match in re.finditer(rf"(?<![\w.]){re.escape(written)}(?![\w]|\.\d)", text):
                note(match.start(), match.end(), self.whole[written])
        for match in re.finditer(r"[^\s.,:()%]+(?:\.\d+)?", text):
            if match[0] in self.words:
                note(match.start(), match.end(), self.words[match[0]])
        return found


class Packer:
    """Lays exchanges out as rows of ``length`` tokens."""

    def __init__(self, tokenizer: GemmaTokenizer, length: int) -> None:
        self.tokenizer = tokenizer
        self.length = length
        self.text_prefix = self.coded("<bos><start_of_turn>user\n")

    def prefix_for(self, lines: str, *, thinking: bool) -> list[int]:
        """What stands before the question about a picture whose text is given as ``lines``, word for word as the app sends it."""
        system = Prompt(turns=(Turn(question="", lines=(lines,)),), thinking=thinking).instructions()
        picture = "\n\n<start_of_image>" + "<image_soft_token>" * IMAGE_TOKENS + "<end_of_image>\n\n"
        return self.coded(f"<bos><start_of_turn>user\n{system}\n\n{picture}{lines}" if system else f"<bos><start_of_turn>user\n{picture}")

    def coded(self, text: str) -> list[int]:
        """The tokens of ``text`` alone."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # type: ignore[no-any-return]

    def pack(self, exchanges: list[Exchange], prefix: list[int], *, shared: bool, written: Written | None = None) -> Row:
        """One row: the shared picture prefix once, or ``prefix`` before every exchange where it is not shared.

        ``written`` says where the words of the exchanges stand in the picture.
        """
        ids, segment, position, learn = (np.zeros(self.length, kind) for kind in (np.int64, np.int64, np.int64, bool))
        segment[:] = -1
        spots = np.full((self.length, SPOTS), -1, np.int64)
        at, start = 0, 0
        if shared:
            at = start = len(prefix)
            ids[:at], segment[:at], position[:at] = prefix, 0, np.arange(at)
        tasks: list[str] = []
        for task, question, answer in exchanges:
            asked = ([] if shared else prefix) + self.coded(f"{question}<end_of_turn>\n<start_of_turn>model\n")
            tokens = asked + self.coded(f"{answer}<end_of_turn>")
            end = at + len(tokens)
            if end > self.length:
                continue
            tasks.append(task)
            ids[at:end], segment[at:end] = tokens, len(tasks)
            position[at:end] = np.arange(start, start + len(tokens))
            learn[at + len(asked) : end] = True
            if written is not None:
                self._note_spots(spots[at:], question, written)
                if task in READ_OUT or not answer.removeprefix("The answer is ")[:1].isdigit():
                    self._note_spots(spots[at + len(asked) :], answer, written, question if task == "value" else "")
            at = end
        return Row(ids, segment, position, learn, spots, tasks)

    def _note_spots(self, spots: np.ndarray, text: str, written: Written, asked: str = "") -> None:
        found = written.find(text, asked)
        coded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for i, (start, end) in enumerate(coded["offset_mapping"]):
            cells = sorted({cell for letter in range(start, end) for cell in found.get(letter, ())})
            spots[i, : len(cells)] = cells[:SPOTS]

    def picture_row(
        self,
        rng: random.Random,
        exchanges: list[Exchange],
        letters: list[Letter] | None = None,
        values: Pairs | None = None,
        lines: str = "",
    ) -> Row:
        """A row about one picture with its ``letters``, ``values`` and the ``lines`` of its text.

        One in ten carries the system prompt that thinking is asked with.
        """
        prefix = self.prefix_for(lines, thinking=rng.random() < 0.1)
        return self.pack(exchanges, prefix, shared=True, written=Written(letters, values) if letters else None)

    def text_row(self, rng: random.Random) -> Row:
        """A row filled with exchanges in text alone."""
        return self.pack([text_exchange(rng) for _ in range(self.length // 30)], self.text_prefix, shared=False)


def attention_mask(segment: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Additive mask (B, 1, L, L) in bf16: causal inside an exchange and its prefix, both ways among image tokens.

    Args:
        segment: (B, L) as in :class:`Row`.
        image: (B, L), whether a token is an image token.
    """
    length = segment.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segment.device).tril()
    key, query = segment[:, None, :], segment[:, :, None]
    seen = causal & ((key == query) | (key == 0)) | (image[:, None, :] & image[:, :, None])
    return torch.where(seen, 0.0, -1e9).to(torch.bfloat16)[:, None]
