"""The matplotlib renderer: the same figures in matplotlib's, seaborn's and pandas' habits, with many styles.

About 60 ms a picture. Nothing here touches matplotlib's global state outside :func:`render`'s own context.
"""

from __future__ import annotations

import io
import random
from typing import Any

import matplotlib
from matplotlib import style as mpl_style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Plot
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from PIL import Image

from finetune.charts.canvas import PALETTES, contrast
from finetune.charts.figures import Figure, number
from finetune.charts.shapes import triangle_corners

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
_SIZES = (*((6.4, 4.8),) * 6, (6, 4), (5, 4), (5, 5), (4, 3), (7, 5), (8, 5), (6, 6), (8, 6), (4.5, 4.5), (10, 6))


def render(rng: random.Random, figure: Figure) -> Image.Image:
    """Draw ``figure`` with matplotlib in a random style; an RGB picture of about 300 to 1000 pixels a side."""
    size = rng.choice(_SIZES)
    dpi = rng.choice((72, 80, 100, 100, 100, 120))
    settings = {
        "font.family": [rng.choice(_FAMILIES), "DejaVu Sans"],
        "font.size": rng.choice((10, 10, 10, 11, 12)) if size[0] < 8 else rng.choice((12, 13, 14)),
        "axes.unicode_minus": False,
        "text.usetex": False,
    }
    with matplotlib.rc_context(), mpl_style.context(rng.choice(_STYLES)), matplotlib.rc_context(settings):
        plot = Plot(figsize=size, dpi=dpi)
        FigureCanvasAgg(plot)
        axes = plot.add_subplot()
        if rng.random() < 0.5 and figure.kind not in ("flow", "geometry", "table"):
            axes.set_prop_cycle(color=rng.choice(PALETTES))
        _DRAW[figure.kind](rng, axes, figure)
        if figure.title:
            axes.set_title(
                figure.title, loc=rng.choice(("center", "center", "center", "left")), fontweight=rng.choice(("normal", "normal", "bold"))
            )
        if rng.random() < 0.85:
            plot.tight_layout()
        stream = io.BytesIO()
        plot.savefig(stream, format="png", bbox_inches="tight" if rng.random() < 0.4 or figure.kind == "table" else None)
    return Image.open(stream).convert("RGB")


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
    crowded = sum(len(name) + 2 for name in figure.categories) > 62 * axes.figure.get_figwidth() / 6.4
    if crowded or rng.random() < 0.15:
        turn = rng.choice((90, 45, 45, 30))
        axes.tick_params(axis="x", labelrotation=turn)
        if turn < 90 and rng.random() < 0.7:
            for label in axes.get_xticklabels():
                label.set_ha("right")
    if len(figure.series) > 1:
        axes.legend(title=rng.choice((None, None, figure.quantity)), loc=rng.choice(("best", "best", "upper right", "upper left")))


def _bar(rng: random.Random, axes: Any, figure: Figure) -> None:
    horizontal = figure.kind == "hbar"
    places = range(len(figure.categories))
    count = len(figure.series)
    place = "edge"
    fill = rng.uniform(0.5, 0.9)
    edge = {"edgecolor": "black"} if rng.random() < 0.15 else {}
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
            axes.bar_label(
                bars,
                labels=[number(value) for value in values],
                label_type=place,
                padding=2 if place == "edge" else 0,
                fontsize=None if count < 3 else "small",
                **({"color": contrast(face)} if place == "center" else {}),
            )
    (axes.set_yticks if horizontal else axes.set_xticks)(list(places), figure.categories)
    if horizontal:
        axes.invert_yaxis()
    top = max(value for values in figure.series.values() for value in values) * (1.12 if figure.printed else rng.choice((1.05, 1.05, 1.15)))
    (axes.set_xlim if horizontal else axes.set_ylim)(0, top)
    _dress(rng, axes, figure, horizontal=horizontal)


def _line(rng: random.Random, axes: Any, figure: Figure) -> None:
    marker = rng.choice(("o", "o", "o", "s", "^", None))
    width = rng.choice((1.5, 1.5, 2, 2.5))
    for s, (name, values) in enumerate(figure.series.items()):
        axes.plot(
            figure.categories, values, marker=marker, linewidth=width, label=name or None, linestyle=rng.choice(("-", "-", "-", "--"))
        )
        if figure.printed:
            for place, value in enumerate(values):
                below = s == 1
                axes.annotate(number(value), (place, value), xytext=(0, -13 if below else 5), textcoords="offset points", ha="center")
    if rng.random() < 0.4:
        axes.set_ylim(bottom=0)
    elif figure.printed:
        axes.margins(y=0.14)
    _dress(rng, axes, figure)


def _pie(rng: random.Random, axes: Any, figure: Figure) -> None:
    form = rng.choice(("%.0f%%", "%.0f%%", "%.0f%%", "%1.1f%%", "%d"))
    legend = rng.random() < 0.25
    wedges, *_ = axes.pie(
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


def _table(rng: random.Random, axes: Any, figure: Figure) -> None:
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
    table.set_fontsize(rng.choice((11, 12, 13, 14)))
    table.auto_set_column_width(list(range(len(header))))
    table.scale(1, rng.uniform(1.3, 2.2))


def _flow(rng: random.Random, axes: Any, figure: Figure) -> None:
    axes.axis("off")
    boxes = figure.categories
    size_x, size_y = axes.figure.get_size_inches()
    longest = max(len(name) for name in boxes)
    font_pt = rng.choice((10, 11, 12))
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


def _geometry(rng: random.Random, axes: Any, figure: Figure) -> None:
    axes.axis("off")
    axes.set_aspect("equal")
    unit = f" {figure.unit}" if figure.unit and figure.unit != "°" else figure.unit
    texts = [number(value) + unit for value in figure.values]
    line = matplotlib.rcParams["text.color"]
    face = rng.choice(("none", "#dbe9f6", "#e2f0d9", "#fff2cc"))
    font_pt = rng.choice((12, 13, 14, 16))
    if figure.shape == "rectangle":
        wide, high = figure.values
        axes.add_patch(Rectangle((0, 0), wide, high, facecolor=face, edgecolor=line, linewidth=rng.choice((1, 2))))
        gap = max(wide, high) * 0.04
        axes.text(wide / 2, -gap, texts[0], ha="center", va="top", fontsize=font_pt)
        axes.text(-gap, high / 2, texts[1], ha="right", va="center", fontsize=font_pt)
        axes.set(xlim=(-wide * 0.35, wide * 1.1), ylim=(-max(high, wide * 0.4) * 0.35, high * 1.1))
        return
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
            axes.text(mx + (mx - cx) / gap * 0.35, my + (my - cy) / gap * 0.35, text, ha="center", va="center", fontsize=font_pt)
    axes.set(xlim=(-1.0, 5.0), ylim=(-3.8, 0.8))


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
