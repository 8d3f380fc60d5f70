"""Drawn letters as OCR would read them, its faults included: what training puts in the prompt where an app puts real OCR.

    texts = as_read(rng, letters, image.size)
    prompt = lines_of(texts)  # vision.pictures.lines

Most pictures are read nearly rightly, as after the mending of what OCR gave; some have the faults of raw OCR, so that a
model learns to look where the text is wrong: neighbours run together (``Cookie 5% France 4%``), names cut (``bile`` for
``Mobile``), ``%6`` for ``9%``, a tick's dash read with its number, missing lone digits, turned labels mutilated.
The kinds and rates are those of RapidOCR on 120 drawn charts (numbers 94.4 % exact, merged 4.4 %, missing 0.7 %; names
94.7 % exact; turned labels 37 % exact, 54 % mutilated, 9 % missing). Whether a picture comes with any text is the caller's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace

from finetune.charts.canvas import Letter, texts_of
from vision.pictures.lines import Placed


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Shares of texts with each fault, as raw OCR makes them.

    Attributes:
        merged: level neighbours that nearly touch are read as one text.
        glued: of those, the share without a space between.
        lost_lone: a single letter or digit is not read.
        lost: a longer text is not read.
        cut: a name loses letters at an end.
        swapped: one letter of a name is taken for one that looks like it.
        spoiled: a number loses or changes digits.
        dashed: a number carries the dash of its tick.
        percent: of shares in percent, those with the sign first and the digit wrong.
        turned_lost: a turned label is not read.
        turned_spoiled: a turned label is mutilated.
    """

    merged: float = 0.55
    glued: float = 0.15
    lost_lone: float = 0.03
    lost: float = 0.008
    cut: float = 0.02
    swapped: float = 0.01
    spoiled: float = 0.008
    dashed: float = 0.02
    percent: float = 0.06
    turned_lost: float = 0.1
    turned_spoiled: float = 0.5

    def scaled(self, by: float) -> Faults:
        """The same faults, each ``by`` times as frequent."""
        return replace(self, **{field.name: min(1.0, by * getattr(self, field.name)) for field in fields(self) if field.name != "glued"})


RAW = Faults()
"""What OCR reads, nothing mended."""
SEVERITIES = ((0.0, 0.25), (0.12, 0.45), (0.4, 0.15), (1.0, 0.12), (1.6, 0.03))
"""(how many times :data:`RAW`'s faults, share of the pictures)"""
JITTER = (0.0035, 0.003)
"""Standard deviation of a text's middle, as shares of the picture's sides."""
LOOKALIKE = {"I": "l", "l": "I", "O": "0", "0": "O", "1": "l", "5": "S", "S": "5", "8": "B", "6": "5", "3": "8"}


@dataclass(frozen=True)
class _Box:
    """A level text: where it begins, ends and has its middle, and the size of its letters, as shares of the picture."""

    text: str
    left: float
    right: float
    y: float
    em: tuple[float, float]

    def joined(self, other: _Box, between: str) -> _Box:
        return _Box(self.text + between + other.text, self.left, other.right, (self.y + other.y) / 2, other.em)


def as_read(rng: random.Random, letters: list[Letter], size: tuple[int, int], faults: Faults | None = None) -> list[Placed]:
    """The texts of a picture of ``size`` (width, height) in pixels and where their middles stand, as OCR reads them.

    Args:
        letters: as a renderer gives them.
        faults: how often it errs; drawn from :data:`SEVERITIES` for this picture when None.
    """
    if faults is None:
        severity = rng.choices([times for times, _ in SEVERITIES], [share for _, share in SEVERITIES])[0]
        faults = RAW.scaled(severity)
    width, height = size
    read: list[Placed] = []
    level: list[_Box] = []
    for (_, em_x, em_y), text in texts_of(letters):
        written = "".join(letter for letter, *_ in text).strip()
        x, y = sum(letter[1] for letter in text) / len(text), sum(letter[2] for letter in text) / len(text)
        rise, run = abs(text[-1][2] - text[0][2]) * height, abs(text[-1][1] - text[0][1]) * width
        if not written:
            continue
        if len(text) > 1 and rise > 0.3 * run:
            chance = rng.random()
            if chance >= faults.turned_lost:
                spoiled = chance < faults.turned_lost + faults.turned_spoiled
                read.append((_spoiled(rng, written) if spoiled else written, *_shaken(rng, x, y)))
            continue
        xs = [letter[1] for letter in text]
        level.append(_Box(written, min(xs) - 0.3 * em_x, max(xs) + 0.3 * em_x, y, (em_x, em_y)))
    for box in _merged(rng, level, faults):
        text_read = _misread(rng, box.text, faults)
        if text_read:
            read.append((text_read, *_shaken(rng, (box.left + box.right) / 2, box.y)))
    return read


def _shaken(rng: random.Random, x: float, y: float) -> tuple[float, float]:
    return x + rng.gauss(0, JITTER[0]), y + rng.gauss(0, JITTER[1])


def _merged(rng: random.Random, level: list[_Box], faults: Faults) -> list[_Box]:
    """``level`` from the top and the left, some that nearly touch run together."""
    merged: list[_Box] = []
    for box in sorted(level, key=lambda box: (round(1.5 * box.y / max(box.em[1], 1e-6)), box.left)):
        last = merged[-1] if merged else None
        near = last is not None and abs(last.y - box.y) < 0.3 * box.em[1] and -0.2 < (box.left - last.right) / box.em[0] < 0.8
        if last is not None and near and rng.random() < faults.merged:
            merged[-1] = last.joined(box, "" if rng.random() < faults.glued else " ")
        else:
            merged.append(box)
    return merged


def _misread(rng: random.Random, text: str, faults: Faults) -> str:
    """``text`` with at most one fault, "" where it is not read."""
    chance = rng.random()
    if len(text) == 1:
        return "" if chance < faults.lost_lone else text
    if chance < faults.lost:
        return ""
    chance -= faults.lost
    if not text.strip("%").replace(".", "").replace(",", "").isdigit():
        if chance < faults.cut:
            return _cut(rng, text)
        return _swapped(rng, text) if chance < faults.cut + faults.swapped else text
    if chance < faults.spoiled:
        return _spoiled(rng, text)
    chance -= faults.spoiled
    if "%" in text:
        return _percent_first(rng, text) if chance < faults.percent else text
    if chance < faults.dashed:
        return text + rng.choice(("-", " -")) if rng.random() < 0.8 else "-" + text
    return text


def _cut(rng: random.Random, text: str) -> str:
    """``text`` without a few letters at one of its ends."""
    gone = rng.randint(1, max(1, min(3, len(text) // 2)))
    return text[gone:].strip() if rng.random() < 0.6 else text[:-gone].strip()


def _swapped(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    return text[:at] + LOOKALIKE.get(text[at], text[at]) + text[at + 1 :]


def _percent_first(rng: random.Random, text: str) -> str:
    """``9%`` as it was read upside down: ``%6``."""
    over = {"9": "6", "6": "9"}
    digits = text.strip("%")
    return "%" + ("".join(over.get(digit, digit) for digit in reversed(digits)) if rng.random() < 0.6 else digits)


def _spoiled(rng: random.Random, text: str) -> str:
    """``text`` with a tenth to six tenths of its letters gone or wrong."""
    letters = list(text)
    for _ in range(max(1, round(len(letters) * rng.uniform(0.1, 0.6)))):
        if len(letters) < 2:
            break
        at = rng.randrange(len(letters))
        if rng.random() < 0.75:
            del letters[at]
        else:
            letters[at] = LOOKALIKE.get(letters[at], rng.choice("adeinorst"))
    return "".join(letters)
