"""Appearance of a drawn picture, and a Pillow canvas that writes text at any angle.

Sizes and colours imitate what plotting libraries, notebooks and spreadsheets produce; nothing here
knows about charts.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFont

from finetune.charts.fonts import FAMILIES, advance, font

Letter = tuple[str, float, float]
"""A written letter and the place of its middle, as shares of the picture's width and height.

A newline opens each text; in place of its own it has the size of the text to the em, as the same shares."""

Marks = dict[tuple[str, str], list[tuple[float, float]]]
"""(series, category) -> where each letter of its value is read, as shares of the picture: where it is printed, or where its bar ends."""

Color = str | tuple[int, int, int]

PALETTES: tuple[tuple[str, ...], ...] = (
    ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
    ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3", "#8c8c8c", "#ccb974", "#64b5cd"),
    ("#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#eeca3b", "#b279a2", "#ff9da6", "#9d755d", "#bab0ac"),
    ("#4472c4", "#ed7d31", "#a5a5a5", "#ffc000", "#5b9bd5", "#70ad47", "#264478", "#9e480e", "#636363", "#997300"),
    ("#4285f4", "#ea4335", "#fbbc04", "#34a853", "#ff6d01", "#46bdc6", "#7baaf7", "#f07b72", "#fcd04f", "#71c287"),
    ("#636efa", "#ef553b", "#00cc96", "#ab63fa", "#ffa15a", "#19d3f3", "#ff6692", "#b6e880", "#ff97ff", "#fecb52"),
    ("#66c2a5", "#fc8d62", "#8da0cb", "#e78ac3", "#a6d854", "#ffd92f", "#e5c494", "#b3b3b3", "#80b1d3", "#fb8072"),
    ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d", "#b5838d", "#6d6875", "#457b9d", "#a8dadc"),
    ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725", "#46327e", "#365c8d", "#1fa187", "#4ac16d"),
    ("#003f5c", "#58508d", "#bc5090", "#ff6361", "#ffa600", "#2f4b7c", "#665191", "#a05195", "#d45087", "#f95d6a"),
)


def texts_of(letters: list[Letter]) -> list[tuple[Letter, list[Letter]]]:
    """The written texts, each as its opening (with the size of the text) and its letters; what was drawn over is gone."""
    texts: list[tuple[Letter, list[Letter]]] = []
    for letter in letters:
        texts.append((letter, [])) if letter[0] == "\n" else texts[-1][1].append(letter)
    return [text for text in texts if text[1]]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a picture looks.

    Attributes:
        width, height: canvas size in pixels.
        text: size of ordinary text in pixels to the em.
        family: index into :data:`finetune.charts.fonts.FAMILIES`.
        ink, paper, plot, faint: colours of text and axes, canvas, plot area, and grid lines.
        colors: colours of the data in order.
        bold_title, left_title: how the headline is set.
        title_scale: size of the headline relative to the text.
        frame: ``box``, ``corner`` or ``none``.
        grid: ``none``, ``value`` or ``both``.
        turn: angle of crowded category labels in degrees.
        fill: share of a category's room that its bars take.
        labels: where printed values stand: ``above``, ``inside`` or ``middle``.
        legend: ``right``, ``top``, ``bottom`` or ``inside``.
        ticks: how ticks are written (:func:`finetune.charts.ticks.tick_text`), and about how many; "" and 0 as they come.
        far_axis: whether the ticks stand at the right, or above horizontal bars.
        rod: whether a thin line with a dot at its end stands for each bar.
        names_above: whether the names of horizontal bars stand above them.
        from_edge: whether lines begin and end at the edges of the plot.
        area: whether what is below a line is filled.
        named_lines: whether the names of lines stand at their ends, in place of a legend.
        pie: ``outside`` for shares around and a legend, ``leader`` for names on lines, ``below`` for a legend in rows,
            ``shares`` for a legend that has them; "" as it comes.
        apart: how far slices stand from each other, as a share of the radius.
    """

    width: int
    height: int
    text: int
    family: int
    ink: Color
    paper: Color
    plot: Color
    faint: Color
    colors: tuple[str, ...]
    bold_title: bool
    left_title: bool
    title_scale: float
    frame: str
    grid: str
    turn: int
    fill: float
    labels: str
    legend: str
    ticks: tuple[str, int] = ("", 0)
    far_axis: bool = False
    rod: bool = False
    names_above: bool = False
    from_edge: bool = False
    area: bool = False
    named_lines: bool = False
    pie: str = ""
    apart: float = 0.0


def style(rng: random.Random, ease: float = 0.0) -> Style:
    """A random appearance; ``ease`` above 0 prefers large text on plain paper."""
    usual = ((640, 480), (640, 480), (480, 360), (400, 300), (600, 400), (500, 400), (400, 400), (500, 500), (720, 432))
    width, height = rng.choice(usual)
    if rng.random() < 0.5:
        width = rng.randint(320, 800)
        height = round(width / rng.uniform(0.85, 1.8))
    least = 0.036 + 0.008 * ease
    text = round(min(rng.uniform(least, 0.054 + 0.006 * ease) * width, rng.uniform(0.064, 0.08) * height))
    palette = list(rng.choice(PALETTES))
    if rng.random() < 0.45:
        rng.shuffle(palette)
    ink, paper, plot, faint = rng.choices(
        (
            ("#000000", "#ffffff", "#ffffff", "#cccccc"),
            ("#333333", "#ffffff", "#ffffff", "#e5e5e5"),
            ("#262626", "#ffffff", "#eaeaf2", "#ffffff"),
            ("#555555", "#ffffff", "#e5e5e5", "#ffffff"),
            ("#2a3f5f", "#ffffff", "#e5ecf6", "#ffffff"),
            ("#595959", "#ffffff", "#ffffff", "#d9d9d9"),
            ("#222222", "#f7f3ea", "#f7f3ea", "#ddd6c6"),
            ("#111111", "#f0f0f0", "#f0f0f0", "#cbcbcb"),
            ("#eeeeee", "#101018", "#101018", "#3a3a44"),
        ),
        weights=(10, 6, 4, 2, 3, 4, 1.5, 2, 1.5 * (1 - ease)),
    )[0]
    return Style(
        width=width,
        height=height,
        text=text,
        family=rng.choices(range(len(FAMILIES)), [weight for _, _, weight in FAMILIES])[0],
        ink=ink,
        paper=paper,
        plot=plot,
        faint=faint,
        colors=tuple(palette),
        bold_title=rng.random() < 0.3,
        left_title=rng.random() < 0.18,
        title_scale=rng.uniform(1.0, 1.45),
        frame=rng.choice(("box", "box", "corner", "corner", "none")),
        grid=rng.choice(("none", "none", "value", "value", "both")),
        turn=rng.choice((45, 45, 90, 90, 30)),
        fill=rng.uniform(0.45, 0.92),
        labels=rng.choice(("above", "above", "above", "inside", "middle")),
        legend=rng.choice(("right", "right", "top", "bottom", "inside")),
    )


def varied(rng: random.Random, look: Style) -> Style:
    """``look`` with the habits of more libraries and magazines: other ticks, axes, bars, lines and pies."""
    form = rng.choice(("", "", "plain", "separator", "space", "k", "k"))
    fill = look.fill
    if rng.random() < 0.3:
        fill = rng.choice((rng.uniform(0.18, 0.45), rng.uniform(0.92, 1.0)))
    return replace(
        look,
        fill=fill,
        ticks=(form, rng.choice((0, 0, 2, 3, 3, 4, 10))),
        frame=rng.choice((look.frame, "none", "box", "corner")),
        grid=rng.choice((look.grid, look.grid, "none", "value", "both")),
        left_title=look.left_title or rng.random() < 0.25,
        far_axis=rng.random() < 0.12,
        rod=rng.random() < 0.08,
        names_above=rng.random() < 0.12,
        from_edge=rng.random() < 0.4,
        area=rng.random() < 0.15,
        named_lines=rng.random() < 0.25,
        pie=rng.choice(("", "", "outside", "leader", "below", "shares")),
        apart=rng.choice((0.0, 0.0, 0.0, rng.uniform(0.02, 0.09))),
    )


def contrast(color: str) -> str:
    """Black or white, whichever is read more easily on ``color`` (``#rrggbb``)."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


class Canvas:
    """A Pillow picture with the few drawing verbs that charts need. Coordinates are pixels from the top left."""

    def __init__(self, look: Style) -> None:
        self.look = look
        self.image = Image.new("RGB", (look.width, look.height), look.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.draw.fontmode = "L"
        self.letters: list[Letter] = []
        self.marks: Marks = {}

    def mark(self, series: str, category: str, value: str, at: tuple[float, float] | None = None) -> None:
        """Note where ``value`` is read: in the text that was written last, or else at the point ``at``."""
        if at is None:
            start = max(i for i, (letter, *_) in enumerate(self.letters) if letter == "\n")
            places = [(x, y) for _, x, y in self.letters[start + 1 :]]
            text = "".join(letter for letter, *_ in self.letters[start + 1 :])
            places = places[text.rindex(value) :][: len(value)]
        else:
            places = [(at[0] / self.look.width, at[1] / self.look.height)] * len(value)
        self.marks[series, category] = places

    def measure(self, text: str, scale: float = 1.0, bold: bool = False) -> tuple[int, int]:
        """(width, height) of ``text`` in pixels."""
        set_in = font(self.look.family, max(8, round(self.look.text * scale)), bold)
        ascent, descent = set_in.getmetrics()
        return round(sum(advance(set_in, letter) for letter in text)), ascent + descent

    def text(
        self,
        at: tuple[float, float],
        text: str,
        anchor: str = "mm",
        *,
        scale: float = 1.0,
        bold: bool = False,
        color: Color | None = None,
        turn: int = 0,
    ) -> None:
        """Write ``text`` with its Pillow ``anchor`` (``mm`` middle, ``lm`` left …) at a point.

        Text that is turned by ``turn`` degrees hangs from its end at the point, as tick labels do,
        except at exactly 90 degrees with anchor ``mm``, where it is centred on it.
        """
        set_in = font(self.look.family, max(8, round(self.look.text * scale)), bold)
        color = color or self.look.ink
        if not turn:
            self.draw.text(at, text, font=set_in, fill=color, anchor=anchor)
            self._note(text, set_in, _middle_left(at, anchor, *self.measure(text, scale, bold)), 0)
            return
        width, height = self.measure(text, scale, bold)
        mask = Image.new("L", (width + 2, height + 2), 0)
        ImageDraw.Draw(mask).text((1, 1), text, font=set_in, fill=255)
        mask = mask.rotate(turn, expand=True, resample=Image.Resampling.BICUBIC)
        x, y = at
        if anchor == "mm":
            corner = (x - mask.width / 2, y - mask.height / 2)
        elif turn == 90:
            corner = (x - mask.width / 2, y)
        else:
            corner = (x - mask.width + height * 0.45, y)
        self.image.paste(Image.new("RGB", mask.size, color), (round(corner[0]), round(corner[1])), mask)
        center = (corner[0] + mask.width / 2, corner[1] + mask.height / 2)
        along = math.radians(turn)
        self._note(text, set_in, (center[0] - width / 2 * math.cos(along), center[1] + width / 2 * math.sin(along)), turn)

    def _note(self, text: str, set_in: ImageFont.FreeTypeFont, start: tuple[float, float], turn: int) -> None:
        """Remember where each letter of a text stands that begins at ``start`` and rises by ``turn`` degrees."""
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        before = 0.0
        self.letters.append(("\n", set_in.size / self.look.width, set_in.size / self.look.height))
        for letter in text:
            after = before + advance(set_in, letter)
            reach = (before + after) / 2
            self.letters.append((letter, (start[0] + reach * cos) / self.look.width, (start[1] - reach * sin) / self.look.height))
            before = after


def _middle_left(at: tuple[float, float], anchor: str, width: int, height: int) -> tuple[float, float]:
    """Where the middle of a text's left edge is, for the anchors that charts use."""
    x = at[0] - {"l": 0.0, "m": width / 2, "r": width}[anchor[0]]
    return x, at[1] - (height * 0.4 if anchor[1] == "b" else 0.0)
