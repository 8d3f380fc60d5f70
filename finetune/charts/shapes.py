"""The Pillow renderer's pies, tables, flow diagrams and geometric figures."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from finetune.charts.canvas import Canvas, contrast
from finetune.charts.figures import Figure, number

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def _leader(canvas: Canvas, center: tuple[float, float], radius: float, turn: tuple[float, float], name: str) -> None:
    """A ``name`` at the end of a line from its slice, whose middle lies in the direction of ``turn``."""
    (cos, sin), look = turn, canvas.look
    end = (center[0] + radius * 1.15 * cos, center[1] + radius * 1.15 * sin)
    beyond = (end[0] + math.copysign(look.text * 0.6, cos), end[1])
    canvas.draw.line((center[0] + radius * cos, center[1] + radius * sin, *end, *beyond), fill=look.ink)
    canvas.text((beyond[0] + math.copysign(look.text * 0.25, cos), end[1]), name, "lm" if cos >= 0 else "rm")


def draw_pie(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    """A pie or doughnut: labels beside their slices with the share inside, or both together, or in a legend."""
    look = canvas.look
    x0, y0, x1, y1 = room
    names, values = figure.categories, figure.values
    layout = rng.choice(("beside", "beside", "together", "legend"))
    layout = look.pie or layout
    suffix = rng.choice(("%", "%", "%", ".0%" if rng.random() < 0.5 else "%", ""))
    suffix = suffix or "%" if layout == "shares" else suffix
    shares = [number(value) + (".0%" if suffix == ".0%" else suffix) for value in values]
    widest = max(canvas.measure(name)[0] for name in names)
    center = ((x0 + x1) / 2, (y0 + y1) / 2)
    if layout == "below":
        rows = _legend_rows(canvas, names, x1 - x0)
        y1 -= look.text * 1.6 * len(rows)
        center = (center[0], (y0 + y1) / 2)
        radius = min(x1 - x0, y1 - y0) / 2 * 0.95
    elif layout in ("legend", "outside", "shares"):
        widest += canvas.measure(" 00%")[0] if layout == "shares" else 0
        center = (x0 + (x1 - x0 - widest - look.text * 2) / 2, center[1])
        radius = min(x1 - x0 - widest - look.text * 2.5, y1 - y0) / 2 * 0.95
        radius -= look.text * 1.6 if layout == "outside" else 0
    else:
        longest = widest + look.text * 1.2 if layout == "leader" else widest if layout == "beside" else widest + canvas.measure("00% ()")[0]
        radius = min((x1 - x0) / 2 - longest - look.text * 0.8, (y1 - y0) / 2 - look.text * 1.4)
    radius = max(radius, min(x1 - x0, y1 - y0) * 0.22)
    hole = radius * rng.uniform(0.4, 0.6) if rng.random() < 0.2 else 0.0
    angle = rng.choice((0.0, -90.0, -90.0, rng.uniform(0, 360)))
    turn = rng.choice((-1, 1))
    middles = _slices(canvas, values, center, radius, hole, angle, turn)
    if layout == "below":
        _legend_below(canvas, rows, y1)
    for i, (name, share, middle) in enumerate(zip(names, shares, middles, strict=True)):
        cos, sin = math.cos(math.radians(middle)), math.sin(math.radians(middle))
        within = (radius + hole) / 2 if hole else radius * 0.66
        inside = (center[0] + within * cos, center[1] + within * sin)
        outside = (center[0] + radius * 1.08 * cos, center[1] + radius * 1.08 * sin)
        anchor = "lm" if cos >= 0 else "rm"
        if layout == "shares":
            _legend_entry(canvas, (x1 - widest - look.text * 1.4, _entry_y(canvas, room, i, len(names))), i, f"{name} {share}")
            canvas.mark("", name, number(values[i]))
            continue
        if layout == "together":
            canvas.text(outside, f"{name} {share}", anchor)
            canvas.mark("", name, number(values[i]))
            continue

        if layout == "outside":
            canvas.text((center[0] + (radius + look.text) * cos, center[1] + (radius + look.text) * sin), share, "mm", scale=0.95)
        else:
            canvas.text(inside, share, "mm", scale=0.95, color=contrast(look.colors[i]))
        canvas.mark("", name, number(values[i]))
        if layout == "beside":
            canvas.text(outside, name, anchor)
        elif layout == "leader":
            _leader(canvas, center, radius, (cos, sin), name)
        elif layout != "below":
            _legend_entry(canvas, (x1 - widest - look.text * 1.4, _entry_y(canvas, room, i, len(names))), i, name)


def _entry_y(canvas: Canvas, room: Box, index: int, count: int) -> float:
    """The middle of entry ``index`` of a legend of ``count`` that stands in the middle of ``room``."""
    return (room[1] + room[3]) / 2 + canvas.look.text * 1.5 * (index - (count - 1) / 2)


def _legend_entry(canvas: Canvas, at: Point, index: int, text: str) -> None:
    (x, y), half = at, canvas.look.text * 0.45
    canvas.draw.rectangle((x, y - half, x + 2 * half, y + half), fill=canvas.look.colors[index])
    canvas.text((x + canvas.look.text * 1.3, y), text, "lm")


def _legend_rows(canvas: Canvas, names: tuple[str, ...], wide: float) -> list[list[tuple[int, str, float]]]:
    """``names`` in rows of at most ``wide`` pixels: (index, name, where it begins)."""
    rows: list[list[tuple[int, str, float]]] = [[]]
    x = 0.0
    for i, name in enumerate(names):
        each = canvas.measure(name)[0] + canvas.look.text * 2.2
        if rows[-1] and x + each > wide:
            rows.append([])
            x = 0.0
        rows[-1].append((i, name, x))
        x += each
    return rows


def _legend_below(canvas: Canvas, rows: list[list[tuple[int, str, float]]], top: float) -> None:
    """The ``rows`` of a legend one below the other from ``top``, each in the middle."""
    look = canvas.look
    for r, row in enumerate(rows):
        wide = row[-1][2] + canvas.measure(row[-1][1])[0] + look.text * 1.3
        for i, name, x in row:
            _legend_entry(canvas, ((look.width - wide) / 2 + x, top + look.text * (1.6 * r + 0.9)), i, name)


def _slices(canvas: Canvas, values: tuple[float, ...], center: Point, radius: float, hole: float, angle: float, turn: int) -> list[float]:
    """Paint the slices, smoothed by drawing them at twice the size; the middle angle of each in degrees."""
    side = int(radius * 4)
    layer = Image.new("RGBA", (side + 2, side + 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    total, at, middles = sum(values), angle, []
    for i, value in enumerate(values):
        sweep = 360 * value / total * turn
        start, end = (at, at + sweep) if turn > 0 else (at + sweep, at)
        away = math.radians(at + sweep / 2)
        off = (canvas.look.apart * side / 2 * math.cos(away), canvas.look.apart * side / 2 * math.sin(away))
        within = canvas.look.apart * side / 2
        square = tuple(edge + off[axis] for edge, axis in ((within, 0), (within, 1), (side - within, 0), (side - within, 1)))
        draw.pieslice(square, start, end, fill=canvas.look.colors[i], outline=canvas.look.paper, width=3)
        middles.append(at + sweep / 2)
        at += sweep
    if hole:
        gap = side / 2 - hole * 2
        draw.ellipse((gap, gap, side - gap, side - gap), fill=canvas.look.paper)
    layer = layer.resize((side // 2, side // 2), Image.Resampling.BOX)
    canvas.image.paste(layer, (round(center[0] - radius), round(center[1] - radius)), layer)
    return middles


def draw_table(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    """A table with a header row; ruled, striped or plain."""
    look = canvas.look
    x0, y0, x1, y1 = room
    header = [figure.topic or "Name", *(name or figure.quantity for name in figure.series)]
    rows = [[name, *(number(values[i]) for values in figure.series.values())] for i, name in enumerate(figure.categories)]
    cells, series = [header, *rows], list(figure.series)
    widths = [float(max(canvas.measure(row[c], bold=r == 0)[0] for r, row in enumerate(cells)) + look.text) for c in range(len(header))]
    scale = min(1.0, (x1 - x0) / sum(widths))
    spare = max(0.0, (x1 - x0 - sum(widths)) / len(widths)) * rng.uniform(0.1, 1.0)
    widths = [width * scale + spare for width in widths]
    height = min((y1 - y0) / len(cells), look.text * rng.uniform(1.6, 3.0))
    left = x0 + (x1 - x0 - sum(widths)) * rng.choice((0.0, 0.5))
    top = y0 + max(0.0, (y1 - y0 - height * len(cells))) * rng.choice((0.0, 0.5))
    ruled, striped = rng.choice(("all", "all", "rows", "none")), rng.random() < 0.35
    head = rng.choice((None, None, look.colors[0], "#dddddd"))
    right_aligned = rng.random() < 0.6
    for r, row in enumerate(cells):
        y = top + height * r
        line = (left, y, left + sum(widths), y + height)
        back = head if r == 0 else ("#f0f0f0" if striped and r % 2 and look.paper != "#101018" else None)
        if back:
            canvas.draw.rectangle(line, fill=back)

        color = contrast(back) if back else None
        x = left
        for c, text in enumerate(row):
            if ruled == "all":
                canvas.draw.rectangle((x, y, x + widths[c], y + height), outline=look.ink if look.paper == "#101018" else "#888888")
            aligned = (x + widths[c] - look.text * 0.4, "rm") if c and right_aligned else (x + look.text * 0.4, "lm")
            canvas.text((aligned[0], y + height / 2), text, aligned[1], bold=r == 0, scale=scale if scale < 1 else 1.0, color=color)
            if r and c:
                canvas.mark(series[c - 1], row[0], text)
            x += widths[c]
        if ruled == "rows":
            canvas.draw.line((left, y + height, left + sum(widths), y + height), fill="#888888")


def draw_flow(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    """Boxes joined by arrows: down, across, or winding over several rows."""
    look = canvas.look
    x0, y0, x1, y1 = room
    boxes = figure.categories
    wide = max(canvas.measure(name)[0] for name in boxes) + look.text * 1.4
    across = max(1, int((x1 - x0) // (wide + look.text * 2.2)))
    columns = min(len(boxes), rng.choice((1, across, across)))
    if (y1 - y0) / -(-len(boxes) // columns) < look.text * 3.2:
        columns = min(len(boxes), across)
    rows = -(-len(boxes) // columns)
    room_x, room_y = (x1 - x0) / columns, (y1 - y0) / rows
    high = min(room_y * 0.62, look.text * rng.uniform(1.7, 2.6))
    winding = rng.random() < 0.6
    centers = []
    for i in range(len(boxes)):
        row, column = divmod(i, columns)
        column = columns - 1 - column if winding and row % 2 else column
        centers.append((x0 + room_x * (column + 0.5), y0 + room_y * (row + 0.5)))
    for start, end in zip(centers, centers[1:], strict=False):
        _arrow(canvas, start, end, (wide / 2, high / 2))
    round_corners = rng.choice((0, 0, look.text * 0.5, high / 2))
    fill = rng.choice((look.plot, look.colors[0], look.colors[1], "#e8eef7", "#fff2cc"))

    for (x, y), name in zip(centers, boxes, strict=True):
        box = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
        canvas.draw.rounded_rectangle(box, radius=round_corners, fill=fill, outline=look.ink, width=1)
        canvas.text((x, y), name, "mm", color=contrast(str(fill)))


def _arrow(canvas: Canvas, start: Point, end: Point, half: Point) -> None:
    """An arrow from the edge of one box of half size ``half`` to the edge of the next."""
    (ax, ay), (bx, by) = start, end
    ink, size = canvas.look.ink, canvas.look.text * 0.45
    if abs(ay - by) < 1:
        sign = 1 if bx > ax else -1
        ax, bx = ax + half[0] * sign, bx - half[0] * sign
        head = [(bx, by), (bx - size * sign, by - size * 0.7), (bx - size * sign, by + size * 0.7)]
    else:
        ay, by = ay + half[1], by - half[1]
        head = [(bx, by), (bx - size * 0.7, by - size), (bx + size * 0.7, by - size)]
        if abs(ax - bx) > 1:
            middle = (ay + by) / 2
            canvas.draw.line((ax, ay, ax, middle, bx, middle, bx, by), fill=ink, width=2)
            canvas.draw.polygon(head, fill=ink)
            return
    canvas.draw.line((ax, ay, bx, by), fill=ink, width=2)
    canvas.draw.polygon(head, fill=ink)


def draw_geometry(canvas: Canvas, rng: random.Random, figure: Figure, room: Box) -> None:
    """A rectangle or a triangle with its lengths or angles written at its sides or corners."""
    look = canvas.look
    x0, y0, x1, y1 = room
    margin = look.text * 3.2
    box = (x0 + margin, y0 + margin * 0.6, x1 - margin, y1 - margin * 0.6)
    unit = f" {figure.unit}" if figure.unit and figure.unit != "°" else figure.unit
    texts = [number(value) + unit for value in figure.values]
    fill = rng.choice((None, None, look.colors[0], "#eef3fb"))
    if figure.shape == "rectangle":
        _rectangle(canvas, rng, figure, box, texts, fill)
        return
    corners = triangle_corners(rng, figure, box)
    canvas.draw.polygon(corners, fill=fill, outline=look.ink, width=rng.choice((1, 2, 3)))
    center = (sum(x for x, _ in corners) / 3, sum(y for _, y in corners) / 3)
    if figure.shape == "angles":
        color = contrast(str(fill)) if fill else None
        texts.append("?")
        for text, (x, y) in zip(texts, corners, strict=True):
            canvas.text((x + (center[0] - x) * 0.28, y + (center[1] - y) * 0.28), text, "mm", color=color)
    elif figure.shape == "right triangle":
        (ax, ay), (bx, by), (cx, cy) = corners
        canvas.text(((ax + bx) / 2, ay + look.text), texts[0], "mm")
        sign = -1 if ax < bx else 1
        canvas.text((ax + sign * look.text * 0.6, (ay + cy) / 2), texts[1], "rm" if sign < 0 else "lm")
        mark = look.text * 0.8
        canvas.draw.rectangle((min(ax, ax - sign * mark), ay - mark, max(ax, ax - sign * mark), ay), outline=look.ink)
    else:
        for i, text in enumerate(texts):
            (ax, ay), (bx, by) = corners[i], corners[(i + 1) % 3]
            mx, my = (ax + bx) / 2, (ay + by) / 2
            gap = math.hypot(mx - center[0], my - center[1]) or 1.0
            out = look.text * 1.5
            canvas.text((mx + (mx - center[0]) / gap * out, my + (my - center[1]) / gap * out), text, "mm")


def _rectangle(canvas: Canvas, rng: random.Random, figure: Figure, box: Box, texts: list[str], fill: str | None) -> None:
    look = canvas.look
    x0, y0, x1, y1 = box
    wide, high = figure.values
    scale = min((x1 - x0) / wide, (y1 - y0) / high) * rng.uniform(0.7, 1.0)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    left, right, top, bottom = cx - wide * scale / 2, cx + wide * scale / 2, cy - high * scale / 2, cy + high * scale / 2
    canvas.draw.rectangle((left, top, right, bottom), fill=fill, outline=look.ink, width=rng.choice((1, 2, 3)))
    below, beside = rng.random() < 0.6, rng.random() < 0.5
    canvas.text((cx, bottom + look.text if below else top - look.text), texts[0], "mm")
    canvas.text((left - look.text * 0.5 if beside else right + look.text * 0.5, cy), texts[1], "rm" if beside else "lm")


def triangle_corners(rng: random.Random, figure: Figure, box: Box) -> list[Point]:
    """Corners in true proportion, scaled into ``box``; for right triangles the right angle comes first."""
    if figure.shape == "right triangle":
        base, height = figure.values
        points = [(0.0, 0.0), (base, 0.0), (0.0, height)]
    elif figure.shape == "angles":
        alpha, beta = (math.radians(value) for value in figure.values)
        apex = math.sin(alpha) * math.sin(beta) / max(math.sin(alpha + beta), 1e-6)
        x = math.cos(alpha) * math.sin(beta) / max(math.sin(alpha + beta), 1e-6)
        points = [(0.0, 0.0), (1.0, 0.0), (x, apex)]
    else:
        a, b, c = figure.values  # a from corner 0 to 1, b from 1 to 2, c from 2 to 0
        x = (a * a + c * c - b * b) / (2 * a)
        points = [(0.0, 0.0), (a, 0.0), (x, math.sqrt(max(c * c - x * x, 1e-6)))]
    if rng.random() < 0.5:
        points = [(-x, y) for x, y in points]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x0, y0, x1, y1 = box
    scale_x, scale_y = (x1 - x0) / (max(xs) - min(xs)), (y1 - y0) / (max(ys) - min(ys))
    scale = min(scale_x, scale_y) * rng.uniform(0.75, 1.0)
    # Very flat triangles are stretched, within reason, so that their labels do not meet.
    stretch = (min(max(scale, scale_x * 0.5), scale_x), min(max(scale, scale_y * 0.5), scale_y))
    cx, cy = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return [((x0 + x1) / 2 + (x - cx) * stretch[0], (y0 + y1) / 2 - (y - cy) * stretch[1]) for x, y in points]
