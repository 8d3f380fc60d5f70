"""The values behind a chart, each with where it comes from: printed at its name, measured against the axis, or read by a model.

    table = tabulate(writing, readings_of(reply.thought))
    table.csv()

What is printed or measured is surer than what a model read: it stands in the table, and what the model said is kept beside it.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vision.answers.answers import number_of
from vision.pictures.box import Box
from vision.pictures.lines import without_marks
from vision.pictures.writing import Text, Writing
from vision.thoughts.names import labels_of

Origin = Literal["printed", "drawn", "read", "typed"]
"""``printed`` at its name, ``drawn`` and measured against the axis, ``read`` by a model and not told by its place, or ``typed``."""

VALUES_HEADER = "Values of the picture:\n"
MOST_LINES = 200
"""Rows of a table that a model is given."""

MOST_CELLS = 2_000
"""Of a table."""
CLOSE = 0.04
"""Share of its size by which a model's reading may differ from what is drawn, to be told as the same."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value.

    Attributes:
        value: as it is printed or was read; about what is drawn.
        origin: where it comes from.
        box: where it stands in the picture, None where that is not known.
        said: what a model read instead, or what stood there before a person typed; "" where that is the same or nothing.
    """

    value: str
    origin: Origin
    box: Box | None = None
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a chart or a table shows.

    Attributes:
        heads: of the columns, the names' first.
        rows: a name and its cells, None where nothing is known.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]

    @property
    def cells(self) -> Iterator[tuple[str, str, Cell]]:
        """Name, head and cell of all that is known."""
        for name, cells in self.rows:
            yield from ((name, head, cell) for head, cell in zip(self.heads[1:], cells, strict=True) if cell is not None)

    def csv(self) -> str:
        """As text with commas. A cell that a spreadsheet would take for a formula is quoted with an apostrophe."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        writer.writerow(map(_harmless, self.heads))
        for name, cells in self.rows:
            writer.writerow([_harmless(name), *("" if cell is None else _harmless(cell.value) for cell in cells)])
        return stream.getvalue()

    def lines(self) -> str:
        """As a model is given it: its header, a line for each row, and an empty line behind; "" where nothing is known.

        >>> Table(heads=("Name", "Value"), rows=(("Museum", (Cell(value="64", origin="printed"),)), ("Park", (None,)))).lines()
        'Values of the picture:\\nName | Value\\nMuseum | 64\\nPark |\\n\\n'
        """
        rows = [self.heads, *((name, *("" if cell is None else cell.value for cell in cells)) for name, cells in self.rows[:MOST_LINES])]
        shown = "".join(" | ".join(without_marks(" ".join(cell.split())) for cell in row).rstrip() + "\n" for row in rows)
        return f"{VALUES_HEADER}{shown}\n" if self.rows else ""

    def with_cell(self, row: int, column: int, value: str) -> Table:
        """The same with a ``value`` that a person typed.

        Raises:
            IndexError: where there is no such cell, or nothing in it.
        """
        name, cells = self.rows[row]
        before = cells[column]
        if min(row, column) < 0 or before is None:
            raise IndexError(f"there is no value at row {row}, column {column}")
        typed = Cell(value=value, origin="typed", box=before.box, said=before.said if before.origin == "typed" else before.value)
        changed = (name, (*cells[:column], typed, *cells[column + 1 :]))
        return replace(self, rows=(*self.rows[:row], changed, *self.rows[row + 1 :]))

    def as_json(self) -> dict[str, object]:
        """Ready for JSON."""
        rows = [
            {"name": name, "head": head, "value": cell.value, "origin": cell.origin}
            | ({"box": [cell.box.left, cell.box.top, cell.box.right, cell.box.bottom]} if cell.box is not None else {})
            | ({"said": cell.said} if cell.said else {})
            for name, head, cell in self.cells
        ]
        return {"heads": list(self.heads), "cells": rows, "csv": self.csv()}


def _harmless(cell: str) -> str:
    """``cell`` in one line, and no formula of a spreadsheet's."""
    cell = " ".join(cell.split())
    return f"'{cell}" if cell[:1] in ("=", "+", "@") or (cell[:1] == "-" and number_of(cell) is None) else cell


Reading = tuple[str, str, str]
"""Series ("" for none), name, value."""

MOST_LINE = 2_000
"""Characters of a line in which values are looked for."""
_NUMBER = r"[-−+]?[$€£]?(?:\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)(?:\s?(?:%|k\b|K\b|M\b|bn\b|million\b|billion\b|thousand\b))?"
_PAIR = re.compile(rf"(?P<name>[^\W\d_][^,;:|=]{{0,60}}?)(?:\s*[:=(]\s*|\s+(?:[-–—]|is|was|are|of|at)\s+|\s+)(?P<value>{_NUMBER})\)?$")
_SERIES = re.compile(r"^(?P<series>[^:|]{1,60}):\s+(?P<rest>[^:]*\d[^:]*)$")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_LEAD = re.compile(r"^(?:read|look up|the values? (?:is|are)|values?)\b:?\s*", re.IGNORECASE)
_CONCLUDES = re.compile(r"^(?:so|thus|therefore|hence)\b|\banswer\b|^(?:it|this|that)\b", re.IGNORECASE)
_COMPUTES = re.compile(r"\d\s*[-+*/×÷<>=]\s*\d")


def readings_of(text: str) -> list[Reading]:
    """The values that a text tells: a table in Markdown, ``Museum: 64`` in lines, or ``2023: Oslo 46, Rome 9`` in a sentence.

    >>> readings_of("Read Men: A 30, B 45. Women: A 3, B 4.\\n30 + 45 = 75")
    [('Men', 'A', '30'), ('Men', 'B', '45'), ('Women', 'A', '3'), ('Women', 'B', '4')]
    >>> readings_of("| City | 2023 | 2024 |\\n|---|---|---|\\n| Oslo | 46 | 50 |")
    [('2023', 'Oslo', '46'), ('2024', 'Oslo', '50')]
    >>> readings_of("- **Museum**: 64\\n- Library: 41 visitors")
    [('', 'Museum', '64'), ('', 'Library', '41')]
    """
    found = dict[tuple[str, str], str]()
    lines = [" ".join(line.split()) for line in text.replace("**", "").splitlines() if line.strip() and len(line) <= MOST_LINE]
    for series, name, value in [*_of_markdown(lines), *_of_sentences(line for line in lines if "|" not in line)]:
        found.setdefault((series, name), value)
    return [(series, name, value) for (series, name), value in list(found.items())[:MOST_CELLS]]


def _of_markdown(lines: Sequence[str]) -> Iterator[Reading]:
    heads: list[str] = []
    for line in lines:
        if line.count("|") < 2 or re.fullmatch(r"[|:\s-]+", line):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not heads:
            heads = cells
            continue
        for head, cell in zip(heads[1:], cells[1:], strict=False):
            if number_of(cell) is not None:
                yield (head if len(heads) > 2 else "", cells[0], cell)


def _of_sentences(lines: Iterable[str]) -> Iterator[Reading]:
    for line in lines:
        for sentence in re.split(r"(?<=[\d%a-z)])\.\s+(?=[A-Z])|;\s+", _BULLET.sub("", line).rstrip(".")):
            sentence = _LEAD.sub("", sentence.strip())
            if _CONCLUDES.search(sentence) or _COMPUTES.search(sentence) and not _SERIES.match(sentence):
                continue
            series, rest = "", sentence
            if (match := _SERIES.match(sentence)) and "," in match["rest"] or (match and _PAIR.search(match["rest"].strip())):
                series, rest = match["series"].strip(), match["rest"]
            for part in re.split(r",\s+(?:and\s+)?|\s+and\s+", rest):
                if pair := _PAIR.match(_without_unit(part.strip())):
                    yield series, pair["name"].strip(" -–("), pair["value"].strip()


def _without_unit(part: str) -> str:
    """``part`` without a word behind its number: ``Library: 41 visitors``."""
    return re.sub(rf"({_NUMBER})\s+(?!million|billion|thousand)[a-zA-Z°²³/]+$", r"\1", part)


def tabulate(writing: Writing, readings: Sequence[Reading] = ()) -> Table:
    """The table of a picture: what is printed, what is drawn, and what a model read besides."""
    cells = _printed(writing)
    listed = _listed(writing)
    if len(listed) > len(cells):
        cells = listed
    for drawn in writing.drawn:
        cell = Cell(value=drawn.about, origin="drawn", box=drawn.box)
        at = (drawn.name, drawn.series)
        # A number of the axis may stand nearest to a bar without a number of its own.
        if at not in cells or not _is_near(drawn.value, cells[at].value):
            cells[at] = cell
    known = {(_key(name), _key(series)): (name, series) for name, series in cells}
    by_name: dict[str, list[tuple[str, str]]] = {}
    for name, series in cells:
        by_name.setdefault(_key(name), []).append((name, series))
    readings_of_several = len({series for series, _, _ in readings}) > 1
    for series, name, value in readings:
        alone = by_name.get(_key(name), [])
        same = alone[0] if len(alone) == 1 and (not series or not alone[0][1]) and not (series and readings_of_several) else None
        place = known.get((_key(name), _key(series))) or same
        if place is None:
            cells.setdefault((name, series), Cell(value=value, origin="read"))
        elif not _same(cells[place], value):
            cells[place] = replace(cells[place], said=value)
    names = {name for name, _ in cells}
    return _arranged(cells, _places([text for text in writing.texts if text.text in names]))


def _key(name: str) -> str:
    return "".join(re.findall(r"\w+", name.casefold()))


def _is_near(drawn: float, printed: str) -> bool:
    value = number_of(printed)
    return value is not None and any(abs(float(value) * scale - drawn) <= 0.1 * abs(drawn) for scale in (1, 1_000, 1_000_000))


def _same(cell: Cell, value: str) -> bool:
    a, b = number_of(cell.value.lstrip("≈")), number_of(value)
    if a is None or b is None:
        return cell.value == value
    return abs(a - b) <= (CLOSE * abs(float(a)) if cell.origin == "drawn" else 0)


def _printed(writing: Writing) -> dict[tuple[str, str], Cell]:
    """The numbers that stand at their names: at the row and the column of a table, at a bar and in the order of the legend, at a slice."""
    labels = labels_of(writing)
    cells: dict[tuple[str, str], Cell] = {}
    across = [line for line in labels.lines if line.across]
    down = [line for line in labels.lines if not line.across]
    for number in labels.numbers:
        columns = [label for line in across for label in line.labels if any(each is number for each in labels.numbers_of(label))]
        rows = [label for line in down for label in line.labels if any(each is number for each in labels.numbers_of(label))]
        name, series = _of_number(number, rows, columns, writing)
        if name:
            cells.setdefault((name, series), Cell(value=number.text, origin="printed", box=number.box))
    return cells


def _listed(writing: Writing) -> dict[tuple[str, str], Cell]:
    """The rows of a picture that are a name and its numbers, where there are as many in each: a table, or a list with shares.

    A row above them with a text for each number holds the heads.
    """
    values = labels_of(writing).values
    rows = [row for row in writing.rows if len(row) > 1 and id(row[0]) not in values and all(id(text) in values for text in row[1:])]
    counts = [len(row) - 1 for row in rows]
    many = max(set(counts), key=counts.count, default=0)
    rows = [row for row in rows if len(row) - 1 == many]
    if len(rows) < 2 or len(rows) * many < 0.6 * len(labels_of(writing).numbers):
        return {}
    heads = [""] * many
    above = [row for row in writing.rows if row[0].box.bottom <= rows[0][0].box.middle[1] and not any(id(text) in values for text in row)]
    if above and len(above[-1]) in (many, many + 1) and many > 1:
        heads = [text.text for text in above[-1][-many:]]
    if len(set(heads)) < many and many > 1:
        return {}
    return {
        (row[0].text, head): Cell(value=number.text, origin="printed", box=number.box)
        for row in rows
        for head, number in zip(heads, row[1:], strict=True)
    }


def _of_number(number: Text, rows: Sequence[Text], columns: Sequence[Text], writing: Writing) -> tuple[str, str]:
    """Name and series of a number, two empty texts where its place does not tell."""
    labels = labels_of(writing)
    if len(rows) == 1 and len(columns) == 1:
        return rows[0].text, columns[0].text
    if len(rows) + len(columns) == 1:
        label = (*rows, *columns)[0]
        own = labels.numbers_of(label)
        if len(own) == 1:
            return label.text, ""
        series = next((text.text for text in labels.legend if labels.is_series(number, label, text)), "")
        return (label.text, series) if series else ("", "")
    near = [text for text in writing.texts if labels.is_label(text) and labels.stands(number, text) == "with it"]
    return (near[0].text, "") if len(near) == 1 and not rows and not columns else ("", "")


def _places(names: Sequence[Text]) -> dict[str, float]:
    """Where names stand along their axis, from the left or from the top; nothing where they do not stand in a line."""
    boxes = [text.box for text in names]
    near = max((min(box.width, box.height) for box in boxes), default=0.0)
    rows = ([box.top for box in boxes], [box.middle[1] for box in boxes], [box.bottom for box in boxes])
    columns = ([box.left for box in boxes], [box.middle[0] for box in boxes], [box.right for box in boxes])
    for lines, along in ((rows, 0), (columns, 1)):
        if boxes and min(max(line) - min(line) for line in lines) <= near:
            return {text.text: text.box.middle[along] for text in names}
    return {}


def _arranged(cells: dict[tuple[str, str], Cell], places: Mapping[str, float]) -> Table:
    """``cells`` with a row for each name and a column for each series: by their ``places`` along the axis, else as they were met."""
    names, series = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    if all(name in places for (name, _), cell in cells.items() if cell.origin != "read"):
        names.sort(key=lambda name: places.get(name, math.inf))
    heads = ("Name", *(head or "Value" for head in series))
    return Table(heads=heads, rows=tuple((name, tuple(cells.get((name, head)) for head in series)) for name in names))
