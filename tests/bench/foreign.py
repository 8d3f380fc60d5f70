"""Charts by libraries that no renderer of ours is made with, and the texts in them: for benchmarks only, not for training.

    pip install seaborn vl-convert-python plotly kaleido    (plotly draws with a Chrome that kaleido must find)

matplotlib in the manner of pandas, seaborn, Vega-Lite, and plotly; each is drawn where it is installed. Where texts stand is taken
from matplotlib's own extents, and from the SVG that the others write beside the picture.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from xml.etree import ElementTree

import numpy
from PIL import Image

NAMES = "Oslo Lisbon Copenhagen Apples Oranges North South Germany Brazil Revenue Costs Online Retail Monday Friday Alpha Beta".split()
TITLES = ("Visitors per city", "Sales in 2023", "Energy use (kWh)", "Survey results", "Exports, million tons", "Average rainfall")


@dataclass(frozen=True)
class Label:
    """A text that was drawn: its middle and size in pixels, its direction in degrees, and the middles of its letters where known."""

    text: str
    x: float
    y: float
    em: float
    angle: float
    letters: tuple[tuple[float, float], ...] = ()


Drawn = tuple[Image.Image, list[Label]]


def table(rng: random.Random) -> tuple[str, list[str], list[float]]:
    """(title, names, values) of a chart."""
    names = rng.sample(NAMES, rng.randint(3, 7))
    top, digits = rng.choice(((9, 0), (100, 0), (100, 1), (2500, 0), (90_000, 0), (1, 2)))
    return rng.choice(TITLES), names, [round(rng.uniform(0.1, 1) * top, digits) if digits else rng.randint(1, top) for _ in names]


def written(value: float) -> str:
    return f"{value:,}" if value >= 1000 else str(value)


def pandas_style(rng: random.Random) -> Drawn:
    """matplotlib with its own defaults, names turned by 90 degrees as ``DataFrame.plot.bar`` does."""
    from matplotlib.figure import Figure

    title, names, values = table(rng)
    figure = Figure(figsize=(6.4, 4.8), dpi=100)
    axes = figure.subplots()
    axes.bar(names, values, width=0.5)
    axes.bar_label(axes.containers[0], labels=[written(value) for value in values])
    axes.set(title=title, ylabel=rng.choice(("Value", "Count")))
    axes.tick_params(axis="x", rotation=rng.choice((0, 45, 90)) if len(names) < 5 else 90)
    figure.tight_layout()
    return _painted(figure)


def seaborn_style(rng: random.Random) -> Drawn:
    """A seaborn bar or line plot in one of its themes."""
    import seaborn
    from matplotlib.figure import Figure

    title, names, values = table(rng)
    with (
        seaborn.axes_style(rng.choice(("darkgrid", "whitegrid", "white", "ticks"))),
        seaborn.plotting_context(rng.choice(("notebook", "talk"))),
    ):
        figure = Figure(figsize=(8, 5), dpi=rng.choice((80, 100)))
        axes = figure.subplots()
        if rng.random() < 0.6:
            seaborn.barplot(x=values, y=names, ax=axes, orient="h")
            axes.bar_label(axes.containers[0], labels=[written(value) for value in values], padding=3)
        else:
            seaborn.lineplot(x=names, y=values, ax=axes, marker="o")
        axes.set(title=title)
        figure.tight_layout()
        return _painted(figure)


def _painted(figure: Any) -> Drawn:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(numpy.asarray(canvas.buffer_rgba())).convert("RGB")
    labels = []
    for text in figure.findobj(Text):
        extent = text.get_window_extent()
        if text.get_visible() and text.get_text().strip() and _shown(image, extent):
            x, y = (extent.x0 + extent.x1) / 2, image.height - (extent.y0 + extent.y1) / 2
            labels.append(Label(text.get_text(), x, y, text.get_fontsize() * figure.dpi / 72, text.get_rotation()))
    return image, labels


def _shown(image: Image.Image, extent: Any) -> bool:
    """Whether a text lies in the picture and leaves ink there; matplotlib keeps labels of ticks that it does not draw."""
    box = (math.floor(extent.x0), math.floor(image.height - extent.y1), math.ceil(extent.x1), math.ceil(image.height - extent.y0))
    if box[0] < 0 or box[1] < 0 or box[2] > image.width or box[3] > image.height or box[0] >= box[2] or box[1] >= box[3]:
        return False
    low, high = image.convert("L").crop(box).getextrema()
    return high - low > 40


def vega_lite(rng: random.Random) -> Drawn:
    """A Vega-Lite bar chart or pie with its values beside it."""
    import vl_convert

    title, names, values = table(rng)
    rows = [{"name": name, "value": value} for name, value in zip(names, values, strict=True)]
    across = rng.random() < 0.5
    encoding: dict[str, Any] = {
        "x" if across else "y": {"field": "name", "type": "nominal", "sort": None},
        "y" if across else "x": {"field": "value", "type": "quantitative"},
        "text": {"field": "value", "type": "quantitative", "format": ","},
    }
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": rng.randint(240, 480),
        "height": rng.randint(160, 300),
        "data": {"values": rows},
        "encoding": encoding,
        "layer": [{"mark": "bar"}, {"mark": {"type": "text", "dy": -7} if across else {"type": "text", "dx": 4, "align": "left"}}],
    }
    scale = rng.choice((1, 1.5, 2))
    picture = Image.open(io.BytesIO(vl_convert.vegalite_to_png(json.dumps(spec), scale=scale))).convert("RGB")
    return picture, labels_of_svg(vl_convert.vegalite_to_svg(json.dumps(spec)), picture.width)


def plotly_style(rng: random.Random) -> Drawn:
    """A plotly bar chart in one of its templates."""
    import plotly.graph_objects as objects

    title, names, values = table(rng)
    figure = objects.Figure(objects.Bar(x=names, y=values, text=[written(value) for value in values], textposition="outside"))
    figure.update_layout(title=title, width=700, height=450, template=rng.choice(("plotly", "plotly_white", "plotly_dark", "ggplot2")))
    picture = Image.open(io.BytesIO(figure.to_image("png"))).convert("RGB")
    return picture, labels_of_svg(figure.to_image("svg").decode(), picture.width)


LIBRARIES: dict[str, tuple[str, Callable[[random.Random], Drawn]]] = {
    "matplotlib, pandas' way": ("matplotlib", pandas_style),
    "seaborn": ("seaborn", seaborn_style),
    "Vega-Lite": ("vl_convert", vega_lite),
    "plotly": ("kaleido", plotly_style),
}


def drawn(count: int) -> Iterator[tuple[str, list[Drawn] | str]]:
    """``count`` charts of each library, or why there are none."""
    for name, (module, draw) in LIBRARIES.items():
        if find_spec(module) is None:
            yield name, f"{module} is not installed"
            continue
        try:
            yield name, [draw(random.Random(seed)) for seed in range(count)]
        except Exception as exc:  # kaleido without a Chrome, and whatever else a library that is not ours may lack
            yield name, f"cannot draw here: {type(exc).__name__}: {str(exc).splitlines()[0][:80] if str(exc) else ''}"


Matrix = tuple[float, float, float, float, float, float]


def labels_of_svg(svg: str, width: int) -> list[Label]:
    """The texts of an SVG as they stand in a picture of it that is ``width`` pixels wide."""
    root = ElementTree.fromstring(svg)
    scale = width / float(re.sub("[^0-9.]", "", root.get("width", "1")))
    labels: list[Label] = []

    def walk(element: ElementTree.Element, outer: Matrix, size: float, anchor: str) -> None:
        own = {key.strip(): value.strip() for key, _, value in (part.partition(":") for part in element.get("style", "").split(";"))}
        if "none" in (own.get("display"), element.get("display")) or "0" in (own.get("opacity"), element.get("opacity")):
            return
        here = _times(outer, _matrix(element.get("transform", "")))
        size = float(re.sub("[^0-9.]", "", own.get("font-size", element.get("font-size", ""))) or size)
        anchor = own.get("text-anchor", element.get("text-anchor", anchor))
        if element.tag.endswith("}text") and "".join(element.itertext()).strip():
            labels.append(_label(element, here, size, anchor, scale))
        for child in element:
            if not child.tag.endswith("}defs"):
                walk(child, here, size, anchor)

    walk(root, (1, 0, 0, 1, 0, 0), 12.0, "start")
    return labels


def _label(element: ElementTree.Element, matrix: Matrix, size: float, anchor: str, scale: float) -> Label:
    text = " ".join("".join(element.itertext()).split())
    width = sum(0.3 if sign in " .,:ijlt'" else 0.56 for sign in text) * size
    along = {"start": width / 2, "middle": 0.0, "end": -width / 2}[anchor]
    x, y = float(element.get("x", 0)) + along, float(element.get("y", 0)) - 0.33 * size
    a, b, c, d, e, f = matrix
    return Label(text, (a * x + c * y + e) * scale, (b * x + d * y + f) * scale, size * scale, -math.degrees(math.atan2(b, a)))


def _matrix(written: str) -> Matrix:
    matrix: Matrix = (1, 0, 0, 1, 0, 0)
    for name, arguments in re.findall(r"(\w+)\(([^)]*)\)", written):
        values = [float(value) for value in re.split(r"[\s,]+", arguments.strip())]
        if name == "translate":
            step: Matrix = (1, 0, 0, 1, values[0], (values + [0.0])[1])
        elif name == "scale":
            step = (values[0], 0, 0, values[-1], 0, 0)
        elif name == "rotate":
            cos, sin = math.cos(math.radians(values[0])), math.sin(math.radians(values[0]))
            x, y = values[1:] or (0.0, 0.0)
            step = (cos, sin, -sin, cos, x - x * cos + y * sin, y - x * sin - y * cos)
        else:
            step = (values[0], values[1], values[2], values[3], values[4], values[5])
        matrix = _times(matrix, step)
    return matrix


def _times(first: Matrix, second: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * m + e, b * k + d * m + f
