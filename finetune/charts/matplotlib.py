"""The matplotlib renderer: the same figures in matplotlib's, seaborn's and pandas' habits, with many styles.

About 60 ms a picture. Nothing here touches matplotlib's global state outside :func:`render`'s own context.
"""

from __future__ import annotations

import math
import random
from typing import Any

import matplotlib
import numpy as np
from matplotlib import style as mpl_style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Plot
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text
from PIL import Image

from finetune.charts.canvas import PALETTES, Letter, Marks, contrast
from finetune.charts.figures import Figure, number
from finetune.charts.fonts import advance, font
from finetune.charts.shapes import triangle_corners
from finetune.charts.variety import draw_pie, fit, head, vary

_STYLES = (
    *("default",) * 8,
    "ggplot",
    "seaborn-v0_8",
    "seaborn-v0_8-whitegrid",
    "seaborn-v0_8-darkgrid",
    "seaborn-v0_8-ticks",
    "seaborn-v0_8-white",
    "seaborn-v0_8-muted",
    "fivethirtyeight",
    "bmh",
    "fast",
    "tableau-colorblind10",
    "Solarize_Light2",
    "classic",
    "dark_background",
)
_FAMILIES = (*("DejaVu Sans",) * 8, "DejaVu Serif", "STIXGeneral", "DejaVu Sans Mono", "cmss10")
_PROPORTIONS = font(0, 100)
_SIZES = (*((4, 3),) * 6, (3.6, 2.4), (4, 3.2), (4, 4), (3.5, 2.5), (5, 3), (4.8, 2.88), (4.5, 4), (5, 4))


Shown = dict[tuple[str, str], Text | tuple[float, float]]
"""(series, category) -> the text that shows its value, or the point in data coordinates where it must be read."""


def render(rng: random.Random, figure: Figure, *, more: random.Random | None = None) -> tuple[Image.Image, list[Letter], Marks]:
    """Draw ``figure`` in a random style: an RGB picture of about 250 to 700 pixels a side, with the place of every letter and value.

    They are as :func:`finetune.charts.pillow.render` gives them. There are looks of more libraries where there is ``more`` to draw from.
    """
    size = rng.choice(_SIZES)
    dpi = rng.choice((80, 100, 100, 120, 140))
    smaller = 1.0
    if more is not None and more.random() < 0.35:  # as on a page that is meant to be read large
        smaller, dpi = more.uniform(0.6, 0.95), max(dpi, 120)
    settings = _letters(rng, size[0], smaller)
    with (
        matplotlib.rc_context(),
        mpl_style.context(rng.choice(_STYLES[: -1 if figure.kind == "table" else None])),
        matplotlib.rc_context(settings),
    ):
        plot = Plot(figsize=size, dpi=dpi)
        canvas = FigureCanvasAgg(plot)
        axes = plot.add_subplot()
        if rng.random() < 0.5 and figure.kind not in ("flow", "geometry", "table"):
            axes.set_prop_cycle(color=rng.choice(PALETTES))
        if more is not None and figure.kind == "pie" and more.random() < 0.6:
            shown = draw_pie(more, axes, figure)
        else:
            shown = _DRAW[figure.kind](rng, axes, figure)
        if more is not None and _DRAW[figure.kind] in (_bar, _line):
            vary(more, axes, figure)
        if figure.title:
            head(rng, axes, figure.title)
        if rng.random() < 0.95:
            plot.tight_layout(pad=rng.uniform(0.4, 1.1))
        renderer = canvas.get_renderer()
        if more is not None:
            fit(plot, axes, renderer)
        written, texts = _listen(renderer)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
        if rng.random() < 0.4 or figure.kind == "table":
            tight = plot.get_tightbbox(renderer).padded(0.1)  # inches
            box = [round(edge * dpi) for edge in (tight.x0, size[1] - tight.y1, tight.x1, size[1] - tight.y0)]
            box = [max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3])]
        else:
            box = [0, 0, *image.size]
    wide, high = box[2] - box[0], box[3] - box[1]

    def share(letter: Letter) -> Letter:
        name, x, y = letter
        return (name, x / wide, y / high) if name == "\n" else (name, (x - box[0]) / wide, (y - box[1]) / high)

    marks = {names: [share(place)[1:] for place in places] for names, places in _read_at(figure, shown, texts, axes, image.height).items()}
    return image.crop(box), [share(letter) for letter in written], marks  # type: ignore[arg-type]


def _letters(rng: random.Random, width: float, smaller: float) -> dict[str, Any]:
    """matplotlib's settings of type for a picture of so many inches."""
    return {
        "font.family": [rng.choice(_FAMILIES), "DejaVu Sans"],
        "font.size": round(rng.uniform(0.035, 0.052) * smaller * width * 72 * 2) / 2,
        "axes.titlesize": rng.choice(("medium", "medium", "large")),
        "axes.labelsize": "medium",
        "xtick.labelsize": "medium",
        "ytick.labelsize": "medium",
        "legend.fontsize": "medium",
        "axes.unicode_minus": False,
        "text.usetex": False,
    }


def _read_at(figure: Figure, shown: Shown, texts: dict[Text, list[Letter]], axes: Any, height: int) -> dict[tuple[str, str], list[Letter]]:
    """Where each letter of each value is read, in pixels from the top left of a picture of that ``height``."""
    found: dict[tuple[str, str], list[Letter]] = {}
    for (series, category), at in shown.items():
        value = number(figure.series[series][figure.categories.index(category)])
        if isinstance(at, tuple):
            x, y = axes.transData.transform(at)
            found[series, category] = [("", float(x), height - float(y))] * len(value)
        else:
            found[series, category] = texts[at][at.get_text().rindex(value) :][: len(value)]
    return found


def _listen(renderer: Any) -> tuple[list[Letter], dict[Text, list[Letter]]]:
    """Have ``renderer`` note each text that it draws: letters at pixels from the top left, a newline before each text; and by text."""
    written: list[Letter] = []
    texts: dict[Text, list[Letter]] = {}
    draw_text = renderer.draw_text

    def noting(gc: Any, x: float, y: float, text: str, font: Any, angle: float, *rest: Any, **more: Any) -> None:
        """Draw ``text`` as ever, and note its letters with the places of their middles."""
        width, height, descent = renderer.get_text_width_height_descent(text, font, False)
        widths = [advance(_PROPORTIONS, letter) for letter in text]
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        up, along, total = (height - descent) * 0.5, 0.0, sum(widths) or 1.0
        size = font.get_size_in_points() * renderer.dpi / 72
        written.append(("\n", size, size))
        for letter, wide in zip(text, widths, strict=True):
            reach = (along + wide / 2) / total * width
            written.append((letter, x + reach * cos - up * sin, y - reach * sin - up * cos))
            along += wide
        texts[more["mtext"]] = written[len(written) - len(text) :]
        draw_text(gc, x, y, text, font, angle, *rest, **more)

    renderer.draw_text = noting
    return written, texts


def _letters_across(axes: Any) -> float:
    """About how many letters of ordinary text fit across the picture."""
    return float(axes.figure.get_figwidth() * 72 / (matplotlib.rcParams["font.size"] * 0.6))


def _dress(rng: random.Random, axes: Any, figure: Figure, *, horizontal: bool = False) -> None:
    """Axis titles, grid, spines and turned labels as people set them."""
    value_title = f"{figure.quantity} ({figure.unit})" if figure.unit else figure.quantity
    if rng.random() < 0.6:
        (axes.set_xlabel if horizontal else axes.set_ylabel)(value_title)
    if rng.random() < 0.45:
        (axes.set_ylabel if horizontal else axes.set_xlabel)(figure.topic)
    grid = rng.random()
    if grid < 0.2:
        axes.grid(True, axis="x" if horizontal else "y", alpha=rng.uniform(0.3, 0.9), linestyle=rng.choice(("-", "--", ":")))
        axes.set_axisbelow(True)
    elif grid < 0.3:
        axes.grid(True, alpha=0.4)
        axes.set_axisbelow(True)
    if rng.random() < 0.3:
        axes.spines[["top", "right"]].set_visible(False)
    if horizontal:
        return
    crowded = max(map(len, figure.categories)) * len(figure.categories) + 2 * len(figure.categories) > _letters_across(axes) * 0.85
    if crowded or rng.random() < 0.12:
        turn = rng.choice((90, 45, 45, 30))
        axes.tick_params(axis="x", labelrotation=turn)
        if turn < 90 and rng.random() < 0.7:
            for label in axes.get_xticklabels():
                label.set_ha("right")
    if len(figure.series) > 1:
        _legend(rng, axes, figure)


def _legend(rng: random.Random, axes: Any, figure: Figure) -> None:
    """Beside the plot, above it where no title stands, or inside with room made for it."""
    place = rng.random()
    if place < 0.4:
        axes.legend(loc="center left", bbox_to_anchor=(1, rng.choice((0.5, 0.8))))
    elif place < 0.7 and not figure.title:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(figure.series))
    else:
        bottom, top = axes.get_ylim()
        axes.set_ylim(bottom, top + (top - bottom) * (0.16 * len(figure.series) + 0.05))
        axes.legend(loc=rng.choice(("best", "upper right", "upper left")))


def _bar(rng: random.Random, axes: Any, figure: Figure) -> Shown:
    horizontal = figure.kind == "hbar"
    shown: Shown = {}
    places = range(len(figure.categories))
    count = len(figure.series)
    place = "edge"
    fill = rng.uniform(0.5, 0.9)
    edge: dict[str, str | list[str]] = {"edgecolor": "black"} if rng.random() < 0.15 else {}
    for s, (name, values) in enumerate(figure.series.items()):
        wide = fill / count
        at = [place + wide * (s - (count - 1) / 2) for place in places]
        colors = rng.choice(PALETTES)
        if count == 1 and rng.random() < 0.5:
            many = rng.random() < 0.5
            edge["color"] = [colors[i % len(colors)] for i in places] if many else colors[0]
        bars = (axes.barh if horizontal else axes.bar)(at, values, wide, label=name or None, **edge)
        if figure.printed:
            place = rng.choice(("edge", "edge", "edge", "center")) if s == 0 else place
            face = "#" + "".join(f"{round(255 * part):02x}" for part in bars[0].get_facecolor()[:3])
            labels = axes.bar_label(
                bars,
                labels=[number(value) for value in values],
                label_type=place,
                padding=2 if place == "edge" else 0,
                fontsize=None if count * len(figure.categories) < 7 else "small",
                **({"color": contrast(face)} if place == "center" else {}),
            )
            shown |= {(name, category): label for category, label in zip(figure.categories, labels, strict=True)}
        else:
            ends = [(value, y) if horizontal else (y, value) for y, value in zip(at, values, strict=True)]
            shown |= {(name, category): end for category, end in zip(figure.categories, ends, strict=True)}
    (axes.set_yticks if horizontal else axes.set_xticks)(list(places), figure.categories)
    if horizontal:
        axes.invert_yaxis()
    top = max(value for values in figure.series.values() for value in values) * (1.2 if figure.printed else rng.choice((1.05, 1.05, 1.15)))
    (axes.set_xlim if horizontal else axes.set_ylim)(0, top)
    _dress(rng, axes, figure, horizontal=horizontal)
    return shown


def _line(rng: random.Random, axes: Any, figure: Figure) -> Shown:
    shown: Shown = {}
    marker = rng.choice(("o", "o", "o", "s", "^", None))
    width = rng.choice((1.5, 1.5, 2, 2.5))
    size = matplotlib.rcParams["font.size"]
    for s, (name, values) in enumerate(figure.series.items()):
        axes.plot(
            figure.categories, values, marker=marker, linewidth=width, label=name or None, linestyle=rng.choice(("-", "-", "-", "--"))
        )
        for place, (category, value) in enumerate(zip(figure.categories, values, strict=True)):
            shown[name, category] = (place, value)
            if figure.printed:
                away = (0, -1.3 * size if s == 1 else 0.5 * size)
                shown[name, category] = axes.annotate(number(value), (place, value), xytext=away, textcoords="offset points", ha="center")
    if rng.random() < 0.4:
        axes.set_ylim(bottom=0)
    elif figure.printed:
        axes.margins(y=0.2)
    _dress(rng, axes, figure)
    return shown


def _pie(rng: random.Random, axes: Any, figure: Figure) -> Shown:
    form = rng.choice(("%.0f%%", "%.0f%%", "%.0f%%", "%1.1f%%", "%.0f"))
    legend = rng.random() < 0.25 and max(map(len, figure.categories)) < 9
    wedges, _, shares = axes.pie(
        figure.values,
        labels=None if legend else figure.categories,
        autopct=form,
        startangle=rng.choice((0, 90, 90, rng.randint(0, 359))),
        counterclock=rng.random() < 0.6,
        pctdistance=rng.choice((0.6, 0.7)),
        wedgeprops={"edgecolor": "white"} if rng.random() < 0.4 else {},
    )
    if legend:
        axes.legend(wedges, figure.categories, loc="center left", bbox_to_anchor=(1, 0.5))
    return {("", category): share for category, share in zip(figure.categories, shares, strict=True)}


def _table(rng: random.Random, axes: Any, figure: Figure) -> Shown:
    axes.axis("off")
    rows = [[name, *(number(values[i]) for values in figure.series.values())] for i, name in enumerate(figure.categories)]
    header = [figure.topic or "Name", *(name or figure.quantity for name in figure.series)]
    shade = rng.choice((None, None, "#dddddd", "#cfe2f3", "#fff2cc"))
    table = axes.table(
        cellText=rows,
        colLabels=header,
        loc=rng.choice(("center", "center", "upper center")),
        cellLoc=rng.choice(("center", "left", "right")),
        colColours=[shade] * len(header) if shade else None,
        edges=rng.choice(("closed", "closed", "closed", "horizontal", "open")),
    )
    for cell in table.get_celld().values():
        cell.get_text().set_color("black")
        cell.set_facecolor(cell.get_facecolor() if shade else "white")
    table.auto_set_font_size(False)
    table.set_fontsize(matplotlib.rcParams["font.size"])
    table.auto_set_column_width(list(range(len(header))))
    table.scale(1, rng.uniform(1.3, 2.2))
    return {
        (name, category): table[r + 1, c + 1].get_text()
        for c, name in enumerate(figure.series)
        for r, category in enumerate(figure.categories)
    }


def _flow(rng: random.Random, axes: Any, figure: Figure) -> Shown:
    axes.axis("off")
    boxes = figure.categories
    size_x, size_y = axes.figure.get_size_inches()
    longest = max(len(name) for name in boxes)
    font_pt = matplotlib.rcParams["font.size"]
    wide = (longest + 2) * font_pt * 0.62 / 72
    across = max(1, int(size_x * 0.9 // (wide + 0.35)))
    columns = min(len(boxes), 1 if size_y / len(boxes) > 0.62 and rng.random() < 0.5 else across)
    rows = -(-len(boxes) // columns)
    axes.set(xlim=(0, size_x), ylim=(0, size_y))
    centers = []
    for i in range(len(boxes)):
        row, column = divmod(i, columns)
        centers.append((size_x * (column + 0.5) / columns, size_y * (1 - (row + 0.5) / rows)))
    high = min(size_y / rows * 0.5, 0.5)
    fill = rng.choice(("white", "#dbe9f6", "#e2f0d9", "#fff2cc", "#f8d7da", "lightgray"))
    shape = rng.choice(("round,pad=0.02", "square,pad=0.02", "round,pad=0.02,rounding_size=0.15"))
    line = matplotlib.rcParams["text.color"]
    for (ax, ay), (bx, by) in zip(centers, centers[1:], strict=False):
        same = abs(ay - by) < 0.01
        start = (ax + wide / 2, ay) if same else (ax, ay - high / 2)
        end = (bx - wide / 2, by) if same else (bx, by + high / 2)
        axes.add_patch(
            FancyArrowPatch(start, end, arrowstyle=rng.choice(("->", "-|>")), mutation_scale=14, color=line, shrinkA=2, shrinkB=2)
        )
    for (x, y), name in zip(centers, boxes, strict=True):
        axes.add_patch(FancyBboxPatch((x - wide / 2, y - high / 2), wide, high, boxstyle=shape, facecolor=fill, edgecolor=line))
        axes.text(x, y, name, ha="center", va="center", fontsize=font_pt, color="black")
    return {}


def _geometry(rng: random.Random, axes: Any, figure: Figure) -> Shown:
    axes.axis("off")
    axes.set_aspect("equal")
    unit = f" {figure.unit}" if figure.unit and figure.unit != "°" else figure.unit
    texts = [number(value) + unit for value in figure.values]
    line = matplotlib.rcParams["text.color"]
    face = rng.choice(("none", "#dbe9f6", "#e2f0d9", "#fff2cc"))
    font_pt = matplotlib.rcParams["font.size"]
    if figure.shape == "rectangle":
        wide, high = figure.values
        axes.add_patch(Rectangle((0, 0), wide, high, facecolor=face, edgecolor=line, linewidth=rng.choice((1, 2))))
        gap = max(wide, high) * 0.04
        axes.text(wide / 2, -gap, texts[0], ha="center", va="top", fontsize=font_pt)
        axes.text(-gap, high / 2, texts[1], ha="right", va="center", fontsize=font_pt)
        axes.set(xlim=(-wide * 0.35, wide * 1.1), ylim=(-max(high, wide * 0.4) * 0.35, high * 1.1))
        return {}
    corners = [(x, -y) for x, y in triangle_corners(rng, figure, (0.0, 0.0, 4.0, 3.0))]
    axes.add_patch(Polygon(corners, facecolor=face, edgecolor=line, linewidth=rng.choice((1, 2))))
    cx, cy = sum(x for x, _ in corners) / 3, sum(y for _, y in corners) / 3
    if figure.shape == "angles":
        for text, (x, y) in zip([*texts, "?"], corners, strict=True):
            axes.text(
                x + (cx - x) * 0.28,
                y + (cy - y) * 0.28,
                text,
                ha="center",
                va="center",
                fontsize=font_pt,
                color="black" if face != "none" else line,
            )
    elif figure.shape == "right triangle":
        (ax, ay), (bx, _), (_, top) = corners
        axes.text((ax + bx) / 2, ay - 0.1, texts[0], ha="center", va="top", fontsize=font_pt)
        left = ax < bx
        axes.text(ax + (-0.1 if left else 0.1), (ay + top) / 2, texts[1], ha="right" if left else "left", va="center", fontsize=font_pt)
    else:
        for i, text in enumerate(texts):
            (ax, ay), (bx, by) = corners[i], corners[(i + 1) % 3]
            mx, my = (ax + bx) / 2, (ay + by) / 2
            gap = ((mx - cx) ** 2 + (my - cy) ** 2) ** 0.5 or 1.0
            axes.text(mx + (mx - cx) / gap * 0.5, my + (my - cy) / gap * 0.5, text, ha="center", va="center", fontsize=font_pt)
    axes.set(xlim=(-1.2, 5.2), ylim=(-3.8, 0.8))
    return {}


_DRAW = {
    "bar": _bar,
    "hbar": _bar,
    "grouped": _bar,
    "line": _line,
    "pie": _pie,
    "table": _table,
    "flow": _flow,
    "geometry": _geometry,
}
