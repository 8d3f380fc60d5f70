"""More looks of matplotlib's charts, for training: other ticks and axes, thin and wide bars, rods, areas, rings, legends.

What the renderer drew is changed afterwards, by a generator of its own, so that records for measuring, which are drawn
without it, stay what they were.
"""

from __future__ import annotations

import random
from math import cos, radians, sin
from typing import Any

import matplotlib
from matplotlib.ticker import FuncFormatter, MaxNLocator

from finetune.charts.figures import Figure, number
from finetune.charts.ticks import tick_text


def vary(more: random.Random, axes: Any, figure: Figure) -> None:
    """Change the drawn ``axes`` of a bar or line chart to the habits of other libraries."""
    if figure.kind == "line":
        _vary_lines(more, axes, figure)
    else:
        _vary_bars(more, axes, figure)
    _vary_axis(more, axes, across=figure.kind == "hbar")
    legend = axes.get_legend()
    if legend is not None and more.random() < 0.4:
        legend.set_frame_on(False)
    if legend is not None and more.random() < 0.15:
        legend.set_title(more.choice(("series", "group", "variable", "Legend")))


def fit(plot: Any, axes: Any, renderer: Any) -> None:
    """Make the ``axes`` so small that no text is cut off at the edges of the ``plot``."""
    wide, high = plot.get_size_inches()
    for _ in range(3):
        tight = plot.get_tightbbox(renderer)
        if min(tight.x0, tight.y0, wide - tight.x1, high - tight.y1) > -0.01:
            return
        place = axes.get_position()
        scale = max(0.6, min(1.0, wide / tight.width, high / tight.height) * 0.96)
        right = (wide - tight.x0 - tight.x1) / 2 / wide * scale
        up = (high - tight.y0 - tight.y1) / 2 / high * scale
        left = place.x0 + place.width * (1 - scale) / 2 + right
        axes.set_position((left, place.y0 + place.height * (1 - scale) / 2 + up, place.width * scale, place.height * scale))


def _vary_axis(more: random.Random, axes: Any, *, across: bool) -> None:
    axis = axes.xaxis if across else axes.yaxis
    form = more.choice(("", "", "separator", "space", "k", "k"))
    low, high = sorted(axes.get_xlim() if across else axes.get_ylim())
    bins = more.choice((0, 0, 2, 3, 3, 4, 8))
    if bins:
        axis.set_major_locator(MaxNLocator(bins))
        if sum(low <= mark <= high for mark in axis.get_majorticklocs()) < 2:
            axis.set_major_locator(MaxNLocator(5))
    if form:
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(round(value, 6), form)))
    named = axes.get_legend() is None and len(axes.texts) > 0  # at the ends of lines, where ticks would stand
    if not named and more.random() < 0.12:
        axis.tick_top() if across else axis.tick_right()
    if more.random() < 0.25:
        axes.tick_params(length=0)
    if more.random() < 0.2:
        axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    if more.random() < 0.2:
        axes.grid(True, axis="x" if across else "y", alpha=more.uniform(0.2, 0.8), linestyle=more.choice(("-", "--", ":")))
        axes.set_axisbelow(True)
    elif more.random() < 0.15:
        axes.grid(False)


def _vary_bars(more: random.Random, axes: Any, figure: Figure) -> None:
    across, chance = figure.kind == "hbar", more.random()
    if chance > 0.45:
        return
    factor = more.uniform(0.25, 0.6) if chance < 0.2 else 0.06 if chance < 0.3 else 1.15 if len(figure.series) == 1 else 1.0
    for bar in axes.patches:
        wide = bar.get_height() if across else bar.get_width()
        if across:
            bar.set_y(bar.get_y() + wide * (1 - factor) / 2)
            bar.set_height(wide * factor)
        else:
            bar.set_x(bar.get_x() + wide * (1 - factor) / 2)
            bar.set_width(wide * factor)
        if 0.2 <= chance < 0.3:  # a rod with a dot at its end
            middle = (bar.get_y() + bar.get_height() / 2) if across else bar.get_x() + bar.get_width() / 2
            end = (bar.get_width(), middle) if across else (middle, bar.get_height())
            axes.plot(*end, marker="o", color=bar.get_facecolor(), markersize=matplotlib.rcParams["font.size"] * 0.6, clip_on=False)


def _vary_lines(more: random.Random, axes: Any, figure: Figure) -> None:
    lines = axes.get_lines()[: len(figure.series)]
    if more.random() < 0.35:
        axes.margins(x=more.choice((0.0, 0.02, 0.15)))
    marker = more.choice(("", "", "none", "hollow", "small"))
    bottom, top = axes.get_ylim()
    filled = more.random() < 0.15
    for line in lines:
        if marker == "none":
            line.set_marker("")
        elif marker == "hollow":
            line.set(marker="o", markerfacecolor=axes.get_facecolor())
        elif marker == "small":
            line.set(marker=more.choice(".ov^D"), markersize=matplotlib.rcParams["font.size"] * 0.35)
        if more.random() < 0.2:
            line.set_linewidth(more.choice((0.8, 1.0, 3.0)))
        if filled:
            axes.fill_between(range(len(figure.categories)), line.get_ydata(), bottom, color=line.get_color(), alpha=0.25)
    axes.set_ylim(bottom, top)
    if len(lines) > 1 and more.random() < 0.25:
        _name_at_ends(axes, figure, lines)


def _name_at_ends(axes: Any, figure: Figure, lines: list[Any]) -> None:
    """The names of the series at the ends of their lines, apart from each other, in place of a legend."""
    if axes.get_legend() is not None:
        axes.get_legend().remove()
    bottom, top = axes.get_ylim()
    size = matplotlib.rcParams["font.size"]
    apart = (top - bottom) * size * 1.5 / (axes.figure.get_figheight() * 72 * 0.7)
    at = bottom - apart
    for line, name, value in sorted(
        zip(lines, figure.series, (v[-1] for v in figure.series.values()), strict=True), key=lambda end: end[2]
    ):
        at = max(value, at + apart)
        axes.annotate(
            name,
            (len(figure.categories) - 1, at),
            xytext=(size * 0.8, 0),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
            annotation_clip=False,
        )


def draw_pie(more: random.Random, axes: Any, figure: Figure) -> dict[tuple[str, str], Any]:
    """A pie or ring in more layouts: legends at the right or below, with shares or without, names on lines, slices apart.

    Returns:
        ("", name) -> the text that shows its share.
    """
    layout = more.choice(("legend", "legend", "below", "shares", "leader", "together", "beside"))
    form = more.choice(("%", "%", "", ".0%" if layout != "together" else "%"))
    shares = [number(value) + form for value in figure.values]
    ring = more.uniform(0.3, 0.55) if more.random() < 0.4 else 0.0
    joint = more.choice((" ", " ", ": ", " (", ", "))
    both = [f"{name}{joint}{share}{')' if '(' in joint else ''}" for name, share in zip(figure.categories, shares, strict=True)]
    wedges, names = axes.pie(
        figure.values,
        labels=both if layout == "together" else figure.categories if layout == "beside" else None,
        startangle=more.choice((0, 90, 90, more.randint(0, 359))),
        counterclock=more.random() < 0.5,
        explode=[more.choice((0.03, 0.06))] * len(shares) if more.random() < 0.2 else None,
        shadow=more.random() < 0.05,
        radius=more.choice((1.0, 1.0, 1.2, 0.8)),
        wedgeprops={"width": ring} if ring else {"edgecolor": "white"} if more.random() < 0.5 else {},
    )[:2]
    if layout in ("legend", "below", "shares"):
        place = (
            {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
            if layout == "below"
            else {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        )
        columns = max(1, min(3, int(34 / (max(map(len, figure.categories)) + 4)))) if layout == "below" else 1
        labels = both if layout == "shares" else figure.categories
        legend = axes.legend(wedges, labels, frameon=more.random() < 0.5, ncols=columns, **place)
        names = legend.get_texts()
    if layout in ("together", "shares"):
        return {("", category): text for category, text in zip(figure.categories, names, strict=True)}
    outside = layout in ("legend", "below") and more.random() < 0.3
    shown = {}
    for wedge, category, share in zip(wedges, figure.categories, shares, strict=True):
        (x, y), radius = _out(wedge), wedge.r
        if layout == "leader":
            line = {"arrowstyle": "-", "color": matplotlib.rcParams["text.color"]}
            end = (1.3 * x + (0.12 if x > 0 else -0.12), 1.25 * y)
            axes.annotate(category, (x, y), xytext=end, ha="left" if x > 0 else "right", va="center", arrowprops=line)
        reach = 1.12 if outside else 1 - ring / 2 / radius if ring else 0.65
        shown["", category] = axes.text(reach * x, reach * y, share, ha="center", va="center")
    return shown


def _out(wedge: Any) -> tuple[float, float]:
    """The middle of a wedge's outer edge."""
    middle = radians((wedge.theta1 + wedge.theta2) / 2)
    return wedge.center[0] + wedge.r * cos(middle), wedge.center[1] + wedge.r * sin(middle)


def head(rng: random.Random, axes: Any, title: str) -> None:
    """A ``title`` over a plot, small where it is long."""
    fits = len(title) < 26
    place = rng.choice(("center", "center", "center", "left"))
    weight = rng.choice(("normal", "normal", "bold")) if fits else "normal"
    axes.set_title(title, loc=place, fontweight=weight, fontsize=None if fits else "small")
