"""The Pillow renderer: charts drawn with Pillow in a few milliseconds, in the manner of common plotting libraries."""

from __future__ import annotations

import math
import random

from PIL import Image

from finetune.charts.canvas import Canvas, Color, Letter, Marks, Style, contrast, style, varied
from finetune.charts.figures import Figure, number
from finetune.charts.shapes import draw_flow, draw_geometry, draw_pie, draw_table
from finetune.charts.ticks import tick_text, ticks

Box = tuple[float, float, float, float]


def render(
    rng: random.Random, figure: Figure, ease: float = 0.0, *, more: random.Random | None = None
) -> tuple[Image.Image, list[Letter], Marks]:
    """Draw ``figure`` in a random appearance.

    Args:
        rng: what draws the appearance.
        figure: what is shown.
        ease: above 0 for large text on plain paper.
        more: where given, looks of more libraries occur (:func:`finetune.charts.canvas.varied`). Training has them; records
            for measuring have not, so that they stay what they were.

    Returns:
        an RGB picture of 300 to 900 by 260 to 640 pixels, the place of every letter, which is what a vision tower is first
        taught to see, and that of every value, which is where a text side is first taught to look.
    """
    look = style(rng, ease)
    canvas = Canvas(varied(more, look) if more is not None else look)
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
    look = canvas.look
    if len(figure.series) < 2 or (figure.kind == "line" and look.named_lines):
        return room
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


def _scale(rng: random.Random, figure: Figure, look: Style) -> tuple[float, float, list[float]]:
    """(lowest, highest value of the axis, ticks within them)."""
    values = [value for series in figure.series.values() for value in series]
    low, high = 0.0, max(values)
    few = look.ticks[1]
    if figure.kind == "line" and rng.random() < 0.6:
        low, high = min(values), max(values)
        gap = (high - low) * 0.05 or 1.0
        count = rng.randint(4, 8)
        for about in (few or count, count, 2 * count):
            marks = [mark for mark in ticks(low, high, about) if low - gap <= mark <= high + gap]
            if len(marks) > 1 or not few:  # one tick alone says nothing
                break
        return low - gap, high + gap, marks
    count = rng.randint(4, 9)
    marks = ticks(low, high, few or count)
    if rng.random() < 0.5:
        return 0.0, max(marks[-1], high), marks
    seen = [mark for mark in marks if mark <= high * 1.06]
    return (0.0, high * 1.06, seen) if len(seen) > 1 or not few else (0.0, max(marks[-1], high), marks)


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
    low, high, marks = _scale(rng, figure, look)
    form = "separator" if rng.random() < 0.5 else "plain"
    form = look.ticks[0] or form
    written = [tick_text(mark, form) for mark in marks]
    hidden = figure.printed and rng.random() < 0.12
    x0, y0, x1, y1 = room
    beside = 0 if hidden else max(canvas.measure(text)[0] for text in written) + look.text * 0.6
    left = x0 if look.far_axis else x0 + beside
    x1 -= beside if look.far_axis else 0
    named = figure.kind == "line" and len(figure.series) > 1 and look.named_lines
    x1 -= max(canvas.measure(name)[0] for name in figure.series) + look.text * 0.6 if named else 0
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
    if figure.kind == "line" and look.from_edge:
        aside = min(max(widths) / 2, each / 2) if not turn else look.text
        centers = [left + aside + (x1 - left - 2 * aside) * i / max(count - 1, 1) for i in range(count)]
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
    if canvas.look.ticks[1]:
        apart = max(1, min(apart, len(marks) - 1))
    for mark, text in zip(marks[::apart], written[::apart], strict=True):
        y = y_of(mark)
        if canvas.look.grid != "none":
            canvas.draw.line((box[0], y, box[2], y), fill=canvas.look.faint)
        if not hidden and canvas.look.far_axis:
            canvas.text((box[2] + canvas.look.text * 0.4, y), text, "lm")
        elif not hidden:
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
            if look.rod:
                middle, dot = x + wide / 2, look.text * 0.3
                canvas.draw.line((middle, y, middle, y_of(0)), fill=color, width=2)
                canvas.draw.ellipse((middle - dot, y - dot, middle + dot, y + dot), fill=color)
            else:
                canvas.draw.rectangle((x, min(y, y_of(0)), max(x, x + wide - 1), y_of(0)), fill=color, outline=edge)
            if not figure.printed:
                canvas.mark(name, figure.categories[i], number(value), (x + wide / 2, y))
                continue
            room = not look.rod and y_of(0) - y > look.text * 1.5 and wide > canvas.measure(number(value), scale)[0]
            if look.labels == "above" or not room:
                above = look.text * (0.4 if look.rod else 0.15)
                canvas.text((x + wide / 2, y - above), number(value) + suffix, "mb", scale=scale)
            else:
                middle = (y + y_of(0)) / 2 if look.labels == "middle" else y + look.text * 0.75
                canvas.text((x + wide / 2, middle), number(value) + suffix, "mm", scale=scale, color=contrast(color))
            canvas.mark(name, figure.categories[i], number(value))


def _lines(canvas: Canvas, rng: random.Random, figure: Figure, centers: list[float], y_of, box: Box) -> None:  # type: ignore[no-untyped-def]
    look = canvas.look
    marker = rng.choice(("circle", "circle", "square", "none"))
    radius = look.text * rng.uniform(0.2, 0.34)
    width = rng.choice((1, 2, 2, 3))
    ends: list[tuple[float, float, str, str]] = []
    for s, (name, values) in enumerate(figure.series.items()):
        color = look.colors[s]
        points = [(x, y_of(value)) for x, value in zip(centers, values, strict=True)]
        if look.area and s == 0:
            below = [*points, (points[-1][0], box[3]), (points[0][0], box[3])]
            ground, shade = (Image.new("RGB", (1, 1), each) for each in (look.plot, color))
            canvas.draw.polygon(below, fill=Image.blend(ground, shade, 0.3).getpixel((0, 0)))
        canvas.draw.line(points, fill=color, width=width, joint="curve")
        if look.named_lines and len(figure.series) > 1:
            ends.append((points[-1][1], points[-1][0] + radius + look.text * 0.3, name, color))
        for category, (x, y), value in zip(figure.categories, points, values, strict=True):
            spot = (x - radius, y - radius, x + radius, y + radius)
            if marker == "circle":
                canvas.draw.ellipse(spot, fill=color)
            elif marker == "square":
                canvas.draw.rectangle(spot, fill=color)
            if figure.printed:
                under = s == 1 and y + look.text * 1.6 < box[3]
                canvas.text((x, y + (look.text * 0.9 if under else -look.text * 0.9)), number(value), "mm")
            canvas.mark(name, category, number(value), None if figure.printed else (x, y))
    at = -math.inf
    for y, x, name, color in sorted(ends):
        at = max(y, at + look.text * 1.2)
        canvas.text((x, at), name, "lm", color=color)


def _bar_to(canvas: Canvas, left: float, x: float, y: float, high: float, color: Color) -> None:
    """A lying bar from ``left`` to ``x``, or a rod with a dot at its end."""
    if canvas.look.rod:
        dot = canvas.look.text * 0.3
        canvas.draw.line((left, y, x, y), fill=color, width=2)
        canvas.draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=color)
    else:
        canvas.draw.rectangle((left, y - high / 2, x, y + high / 2), fill=color)


def _horizontal(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    look = canvas.look
    _, high, marks = _scale(rng, figure, look)
    form = "separator" if rng.random() < 0.5 else "plain"
    form = look.ticks[0] or form
    x0, y0, x1, y1 = room
    left = x0 + min(max(canvas.measure(name)[0] for name in figure.categories), (x1 - x0) * 0.5) + look.text * 0.7
    left = x0 + look.text * 0.5 if look.names_above else left
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
    if look.far_axis:
        box = (left, y0 + look.text * 1.5, right, min(bottom + look.text * 1.2, y1 - (look.text * 1.5 if title else 0)))
        bottom = box[3]
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
            canvas.text((x, box[1] - look.text * 0.75 if look.far_axis else bottom + look.text * 0.75), tick_text(mark, form), "mm")
    rows = list(zip(figure.categories, figure.values, strict=True))
    each = (bottom - box[1]) / len(rows)
    high_bar = each * look.fill
    many = rng.random() < 0.3
    suffix = "%" if figure.unit == "%" and rng.random() < 0.4 else ""
    for i, (name, value) in enumerate(rows):
        y = box[1] + each * (i + 0.5)
        if look.names_above:
            y, high_bar = box[1] + each * (i + 0.7), min(each * look.fill, each * 0.4)
        color = look.colors[i % len(look.colors) if many else 0]
        _bar_to(canvas, left, x_of(value), y, high_bar, color)
        if look.names_above:
            canvas.text((left + look.text * 0.2, box[1] + each * (i + 0.24)), name, "lm")
        else:
            canvas.text((left - look.text * 0.4, y), name, "rm")
        if figure.printed:
            text = number(value) + suffix
            inside = not look.rod and look.labels != "above" and x_of(value) - left > canvas.measure(text)[0] + look.text
            beyond = look.text * (0.5 if look.rod else 0.3)
            at = (x_of(value) - look.text * 0.3, y) if inside else (x_of(value) + beyond, y)
            canvas.text(at, text, "rm" if inside else "lm", color=contrast(color) if inside else None)
        canvas.mark("", name, number(value), None if figure.printed else (x_of(value), y))
    _frame(canvas, box)
