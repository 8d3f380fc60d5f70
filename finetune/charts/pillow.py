"""The Pillow renderer: charts drawn with Pillow in a few milliseconds, in the manner of common plotting libraries."""

from __future__ import annotations

import math
import random

from PIL import Image

from finetune.charts.canvas import Canvas, Color, Letter, Marks, contrast, style
from finetune.charts.figures import Figure, number
from finetune.charts.shapes import draw_flow, draw_geometry, draw_pie, draw_table
from finetune.charts.ticks import tick_text, ticks

Box = tuple[float, float, float, float]


def render(rng: random.Random, figure: Figure, ease: float = 0.0) -> tuple[Image.Image, list[Letter], Marks]:
    """Draw ``figure`` in a random appearance.

    Returns:
        an RGB picture of 300 to 900 by 260 to 640 pixels, the place of every letter, which is what a vision tower is first
        taught to see, and that of every value, which is where a text side is first taught to look.
    """
    canvas = Canvas(style(rng, ease))
    room = _title(canvas, figure)
    if figure.kind == "pie":
        draw_pie(canvas, rng, figure, room)
    elif figure.kind == "table":
        draw_table(canvas, rng, figure, room)
    elif figure.kind == "flow":
        draw_flow(canvas, rng, figure, room)
    elif figure.kind == "geometry":
        draw_geometry(canvas, rng, figure, room)
    else:
        room = _legend(canvas, figure, room)
        if figure.kind == "hbar":
            _horizontal(canvas, rng, figure, room)
        else:
            _vertical(canvas, rng, figure, room)
    return canvas.image, canvas.letters, canvas.marks


def _title(canvas: Canvas, figure: Figure) -> Box:
    look = canvas.look
    pad = look.text * 0.8
    if not figure.title:
        return (pad, pad, look.width - pad, look.height - pad)
    scale = look.title_scale
    width, height = canvas.measure(figure.title, scale, look.bold_title)
    if width > look.width - 2 * pad:
        scale *= (look.width - 2 * pad) / width
    if look.left_title:
        canvas.text((pad, pad + height / 2), figure.title, "lm", scale=scale, bold=look.bold_title)
    else:
        canvas.text((look.width / 2, pad + height / 2), figure.title, "mm", scale=scale, bold=look.bold_title)
    return (pad, pad + height * 1.25, look.width - pad, look.height - pad)


def _legend(canvas: Canvas, figure: Figure, room: Box) -> Box:
    if len(figure.series) < 2:
        return room
    look = canvas.look
    names = list(figure.series)
    x0, y0, x1, y1 = room
    row = look.text * 1.5
    swatch = look.text * 0.9
    widths = [swatch * 1.5 + canvas.measure(name)[0] + look.text for name in names]
    if look.legend in ("right", "inside") or sum(widths) > x1 - x0:
        wide = max(widths)
        top = y0 + look.text * 0.5 if look.legend == "inside" else y0 + (y1 - y0) * 0.3
        for i, name in enumerate(names):
            _key(canvas, figure, i, (x1 - wide + look.text * 0.5, top + row * (i + 0.5)), swatch, name)
        return (x0, y0, x1 - wide, y1)
    x = (x0 + x1 - sum(widths)) / 2
    y = y0 + row / 2 if look.legend == "top" else y1 - row / 2
    for i, name in enumerate(names):
        _key(canvas, figure, i, (x, y), swatch, name)
        x += widths[i]
    return (x0, y0 + row * 1.2, x1, y1) if look.legend == "top" else (x0, y0, x1, y1 - row * 1.2)


def _key(canvas: Canvas, figure: Figure, index: int, at: tuple[float, float], size: float, name: str) -> None:
    x, y = at
    color = canvas.look.colors[index]
    if figure.kind == "line":
        canvas.draw.line((x, y, x + size * 1.3, y), fill=color, width=3)
    else:
        canvas.draw.rectangle((x, y - size / 2, x + size, y + size / 2), fill=color)
    canvas.text((x + size * 1.55, y), name, "lm")


def _scale(rng: random.Random, figure: Figure) -> tuple[float, float, list[float]]:
    """(lowest, highest value of the axis, ticks within them)."""
    values = [value for series in figure.series.values() for value in series]
    low, high = 0.0, max(values)
    if figure.kind == "line" and rng.random() < 0.6:
        low, high = min(values), max(values)
        gap = (high - low) * 0.05 or 1.0
        marks = ticks(low, high, rng.randint(4, 8))
        return low - gap, high + gap, [mark for mark in marks if low - gap <= mark <= high + gap]
    marks = ticks(low, high, rng.randint(4, 9))
    if rng.random() < 0.5:
        return 0.0, max(marks[-1], high), marks
    return 0.0, high * 1.06, [mark for mark in marks if mark <= high * 1.06]


def _value_title(figure: Figure, rng: random.Random) -> str:
    if not figure.quantity or rng.random() < 0.35:
        return ""
    return f"{figure.quantity} ({figure.unit})" if figure.unit else figure.quantity


def _frame(canvas: Canvas, box: Box) -> None:
    x0, y0, x1, y1 = box
    if canvas.look.frame == "box":
        canvas.draw.rectangle(box, outline=canvas.look.ink)
    elif canvas.look.frame == "corner":
        canvas.draw.line((x0, y0, x0, y1, x1, y1), fill=canvas.look.ink)
    else:
        canvas.draw.line((x0, y1, x1, y1), fill=canvas.look.faint if canvas.look.faint != canvas.look.plot else canvas.look.ink)


def _vertical(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    look = canvas.look
    low, high, marks = _scale(rng, figure)
    form = "separator" if rng.random() < 0.5 else "plain"
    written = [tick_text(mark, form) for mark in marks]
    hidden = figure.printed and rng.random() < 0.12
    x0, y0, x1, y1 = room
    left = x0 + (0 if hidden else max(canvas.measure(text)[0] for text in written) + look.text * 0.6)
    title = _value_title(figure, rng)
    if title:
        canvas.text((x0 + look.text * 0.4, (y0 + y1) / 2), title, "mm", turn=90)
        left += look.text * 1.5
    count = len(figure.categories)
    each = (x1 - left) / count
    widths = [canvas.measure(name)[0] for name in figure.categories]
    turned = max(widths) > each * 0.95 or rng.random() < 0.12
    turn = look.turn if turned else 0
    drop = look.text * 1.5
    if turned:
        drop = max(widths) * math.sin(math.radians(turn)) + look.text * (1.3 if turn < 90 else 0.7)
        drop = min(drop, (y1 - y0) * 0.55)
    bottom = y1 - drop
    if figure.topic and rng.random() < 0.45:
        canvas.text(((left + x1) / 2, y1 - look.text * 0.5), figure.topic, "mm")
        bottom -= look.text * 1.4
    top = y0 + look.text * 0.7
    if figure.printed and look.labels == "above":
        top += look.text * 1.1
    bottom = max(bottom, top + (y1 - y0) * 0.3)
    left = min(left, x1 - (x1 - x0) * 0.3)
    box = (left, top, x1, bottom)
    canvas.draw.rectangle(box, fill=look.plot)

    def y_of(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    _grid_rows(canvas, box, marks, written, y_of, hidden)
    centers = [left + each * (i + 0.5) for i in range(count)]
    if look.grid == "both":
        for x in centers:
            canvas.draw.line((x, top, x, bottom), fill=look.faint)
    if figure.kind == "line":
        _lines(canvas, rng, figure, centers, y_of, box)
    else:
        _bars(canvas, rng, figure, centers, each, y_of)
    _frame(canvas, box)
    for x, name in zip(centers, figure.categories, strict=True):
        canvas.text((x, bottom + look.text * (0.75 if not turn else 0.35)), name, "mm" if not turn else "end", turn=turn)


def _grid_rows(canvas: Canvas, box: Box, marks: list[float], written: list[str], y_of, hidden: bool) -> None:  # type: ignore[no-untyped-def]
    apart = math.ceil(len(marks) * canvas.look.text * 1.4 / max(box[3] - box[1], 1))
    for mark, text in zip(marks[::apart], written[::apart], strict=True):
        y = y_of(mark)
        if canvas.look.grid != "none":
            canvas.draw.line((box[0], y, box[2], y), fill=canvas.look.faint)
        if not hidden:
            canvas.text((box[0] - canvas.look.text * 0.4, y), text, "rm")
            if canvas.look.frame != "none":
                canvas.draw.line((box[0] - 4, y, box[0], y), fill=canvas.look.ink)


def _bars(canvas: Canvas, rng: random.Random, figure: Figure, centers: list[float], each: float, y_of) -> None:  # type: ignore[no-untyped-def]
    look = canvas.look
    count = len(figure.series)
    wide = each * look.fill / count
    edge: Color | None = "#000000" if rng.random() < 0.12 else None
    many = count == 1 and rng.random() < 0.3
    suffix = "%" if figure.unit == "%" and rng.random() < 0.4 else ""
    scale = 1.0 if wide > look.text * 1.4 else 0.85
    for s, (name, values) in enumerate(figure.series.items()):
        for i, value in enumerate(values):
            color = look.colors[(i if many else s) % len(look.colors)]
            x = centers[i] - wide * count / 2 + wide * s
            y = y_of(value)
            canvas.draw.rectangle((x, min(y, y_of(0)), max(x, x + wide - 1), y_of(0)), fill=color, outline=edge)
            if not figure.printed:
                canvas.mark(name, figure.categories[i], number(value), (x + wide / 2, y))
                continue
            room = y_of(0) - y > look.text * 1.5 and wide > canvas.measure(number(value), scale)[0]
            if look.labels == "above" or not room:
                canvas.text((x + wide / 2, y - look.text * 0.15), number(value) + suffix, "mb", scale=scale)
            else:
                middle = (y + y_of(0)) / 2 if look.labels == "middle" else y + look.text * 0.75
                canvas.text((x + wide / 2, middle), number(value) + suffix, "mm", scale=scale, color=contrast(color))
            canvas.mark(name, figure.categories[i], number(value))


def _lines(canvas: Canvas, rng: random.Random, figure: Figure, centers: list[float], y_of, box: Box) -> None:  # type: ignore[no-untyped-def]
    look = canvas.look
    marker = rng.choice(("circle", "circle", "square", "none"))
    radius = look.text * rng.uniform(0.2, 0.34)
    width = rng.choice((1, 2, 2, 3))
    for s, (name, values) in enumerate(figure.series.items()):
        color = look.colors[s]
        points = [(x, y_of(value)) for x, value in zip(centers, values, strict=True)]
        canvas.draw.line(points, fill=color, width=width, joint="curve")
        for category, (x, y), value in zip(figure.categories, points, values, strict=True):
            spot = (x - radius, y - radius, x + radius, y + radius)
            if marker == "circle":
                canvas.draw.ellipse(spot, fill=color)
            elif marker == "square":
                canvas.draw.rectangle(spot, fill=color)
            if figure.printed:
                below = s == 1 and y + look.text * 1.6 < box[3]
                canvas.text((x, y + (look.text * 0.9 if below else -look.text * 0.9)), number(value), "mm")
            canvas.mark(name, category, number(value), None if figure.printed else (x, y))


def _horizontal(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    look = canvas.look
    _, high, marks = _scale(rng, figure)
    form = "separator" if rng.random() < 0.5 else "plain"
    x0, y0, x1, y1 = room
    left = x0 + min(max(canvas.measure(name)[0] for name in figure.categories), (x1 - x0) * 0.5) + look.text * 0.7
    if figure.topic and rng.random() < 0.35:
        canvas.text((x0 + look.text * 0.4, (y0 + y1) / 2), figure.topic, "mm", turn=90)
        left += look.text * 1.5
    bottom = y1 - look.text * 1.5
    title = _value_title(figure, rng)
    if title:
        canvas.text(((left + x1) / 2, y1 - look.text * 0.5), title, "mm")
        bottom -= look.text * 1.4
    right = x1 - (canvas.measure(number(max(figure.values)))[0] + look.text * 0.6 if figure.printed else look.text)
    bottom, right = max(bottom, y0 + (y1 - y0) * 0.4), max(right, left + (x1 - x0) * 0.25)
    box = (left, y0 + look.text * 0.3, right, bottom)
    canvas.draw.rectangle(box, fill=look.plot)

    def x_of(value: float) -> float:
        return left + value / high * (right - left)

    hidden = figure.printed and rng.random() < 0.12
    widest = max(canvas.measure(tick_text(mark, form))[0] for mark in marks) + look.text
    for mark in marks[:: math.ceil(len(marks) * widest / (right - left))]:
        x = x_of(mark)
        if look.grid != "none":
            canvas.draw.line((x, box[1], x, bottom), fill=look.faint)
        if not hidden:
            canvas.text((x, bottom + look.text * 0.75), tick_text(mark, form), "mm")
    rows = list(zip(figure.categories, figure.values, strict=True))
    each = (bottom - box[1]) / len(rows)
    high_bar = each * look.fill
    many = rng.random() < 0.3
    suffix = "%" if figure.unit == "%" and rng.random() < 0.4 else ""
    for i, (name, value) in enumerate(rows):
        y = box[1] + each * (i + 0.5)
        color = look.colors[i % len(look.colors) if many else 0]
        canvas.draw.rectangle((left, y - high_bar / 2, x_of(value), y + high_bar / 2), fill=color)
        canvas.text((left - look.text * 0.4, y), name, "rm")
        if figure.printed:
            text = number(value) + suffix
            inside = look.labels != "above" and x_of(value) - left > canvas.measure(text)[0] + look.text
            at = (x_of(value) - look.text * 0.3, y) if inside else (x_of(value) + look.text * 0.3, y)
            canvas.text(at, text, "rm" if inside else "lm", color=contrast(color) if inside else None)
        canvas.mark("", name, number(value), None if figure.printed else (x_of(value), y))
    _frame(canvas, box)
