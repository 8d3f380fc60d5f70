"""Lines of text found and recognized: PP-OCR's two networks, run as they are by onnxruntime.

The files of both networks lie in the wheel of ``rapidocr``; nothing is fetched. They are driven here and not through that
library's own pipeline, which turns crops upside down (``9%`` becomes ``%6``), gives no place for a letter, and
takes all processors. A detector gives a map of where text is likely, a recognizer reads one straightened line at a time
(connectionist temporal classification: the likeliest sign at each step, repetitions and blanks dropped).

    reader = Reader()
    lines = reader.detect(pixels)
    readings = reader.recognize([line.cut(pixels) for line in lines])
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.pictures.box import Box

Pixels = NDArray[np.uint8]
"""(height, width, 3), blue first, as the networks were trained."""

THREADS = 2
"""Of each network."""
STRIP = 48
"""Height of a line as it is recognized, pixels."""
LONGEST = 80
"""Widest line in heights; a longer one is squeezed."""
BATCH = 6
"""Lines that are recognized at once: few, so that the widest makes few others wide and the memory stays small."""
BATCH_WIDTH = 4000
"""Pixels of all strips of a batch side by side: the recognizer weighs 18,710 signs at every eighth."""
LIKELY, SURE = 0.3, 0.5
"""From which a pixel counts as text, and from which mean its region does."""
REACH = 1.6
"""How far a region is let out, as the detector learned to see lines shrunk (DB, arXiv 1911.08947, section 3.5)."""
SMALLEST, LARGEST = 350_000, 1_500_000
"""Pixels of the picture that the detector is shown: smaller ones are enlarged, up to twice, larger ones reduced."""
LONG = 1.5
"""Width to height from which a region shows its direction."""


@dataclass(frozen=True)
class Line:
    """A rectangle along a line of text.

    Attributes:
        x, y: its middle in pixels.
        width, height: along and across the text, pixels.
        angle: direction of reading in degrees, 0 to the right, 90 upwards.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    @property
    def axes(self) -> tuple[float, float]:
        """(cosine, sine) of the angle."""
        turn = math.radians(self.angle)
        return math.cos(turn), math.sin(turn)

    @property
    def box(self) -> Box:
        """The upright box around it."""
        cos, sin = map(abs, self.axes)
        across, down = (self.width * cos + self.height * sin) / 2, (self.width * sin + self.height * cos) / 2
        return Box(self.x - across, self.y - down, self.x + across, self.y + down)

    def part(self, left: float, top: float, right: float, bottom: float) -> Line:
        """What lies between these distances from its own top left corner, pixels."""
        cos, sin = self.axes
        along, across = (left + right - self.width) / 2, (top + bottom - self.height) / 2
        x, y = self.x + along * cos + across * sin, self.y - along * sin + across * cos
        return Line(x, y, right - left, bottom - top, self.angle)

    def grown(self, along: float, across: float) -> Line:
        """Let out by so many pixels on each side."""
        return Line(self.x, self.y, self.width + 2 * along, self.height + 2 * across, self.angle)

    def turned(self, angle: float) -> Line:
        """The same rectangle read in a direction that is ``angle`` degrees further; of 90 and its multiples."""
        sides = (self.height, self.width) if round(angle / 90) % 2 else (self.width, self.height)
        return Line(self.x, self.y, *sides, (self.angle + angle + 180) % 360 - 180)

    def cut(self, pixels: Pixels) -> Pixels:
        """The line straightened, :data:`STRIP` pixels high."""
        import cv2

        width = round(min(max(self.width / self.height * STRIP, 8), LONGEST * STRIP))
        cos, sin = self.axes
        over, up = self.width / width, self.height / STRIP  # pixels of the picture to one of the strip
        start_x = self.x - self.width / 2 * cos - self.height / 2 * sin
        start_y = self.y + self.width / 2 * sin - self.height / 2 * cos
        half_x, half_y = over / 2 * cos + up / 2 * sin - 0.5, -over / 2 * sin + up / 2 * cos - 0.5  # middles of pixels
        matrix = np.array([[over * cos, up * sin, start_x + half_x], [-over * sin, up * cos, start_y + half_y]])
        flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if up < 1.5 else cv2.INTER_AREA)
        return cv2.warpAffine(pixels, matrix, (width, STRIP), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


@dataclass(frozen=True)
class Reading:
    """What a strip says.

    Attributes:
        text: as recognized, with spaces.
        places: where each sign of it stands, as a share of the strip's width.
        score: mean confidence, 0 to 1; no proof of anything.
    """

    text: str
    places: tuple[float, ...]
    score: float


class Reader:
    """The two networks in one process. Each call uses at most :data:`THREADS` threads; calls may come from several at once."""

    def __init__(self) -> None:
        import cv2
        import onnxruntime  # type: ignore[import-untyped]

        cv2.setNumThreads(1)  # its pool takes all processors, and does not outlive a fork

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.enable_cpu_mem_arena = False  # what a large picture took is given back
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")

        def opened(name: str) -> Any:
            return onnxruntime.InferenceSession(_model(name), options, providers=["CPUExecutionProvider"])

        self._detector, self._recognizer = opened("PP-OCRv6_det_small.onnx"), opened("PP-OCRv6_rec_small.onnx")
        signs = self._recognizer.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._signs = ["", *signs, " "]

    def detect(self, pixels: Pixels, larger: float = 1.0) -> list[Line]:
        """Rectangles along the lines of text, in no order; ``larger`` enlarges the picture further."""
        import cv2

        height, width = pixels.shape[:2]
        scale = min(max(1.0, math.sqrt(SMALLEST / (width * height))), 2.0, math.sqrt(LARGEST / (width * height)))
        scale = min(scale * larger, math.sqrt(LARGEST / (width * height)))
        wide, high = (max(32, round(side * scale / 32) * 32) for side in (width, height))
        shown = cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        likely = self._detector.run(None, {"x": _normal(shown)[None]})[0][0, 0]
        region = cv2.dilate((likely > LIKELY).astype(np.uint8), np.ones((2, 2), np.uint8))
        contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found = (_line(contour, likely, width / wide, height / high) for contour in contours)
        return [line for line in found if line is not None]

    def recognize(self, strips: Sequence[Pixels], deadline: float = math.inf) -> list[Reading | None]:
        """What each strip says; None for those that were not begun when ``time.monotonic()`` passed the deadline."""
        readings: list[Reading | None] = [None] * len(strips)
        order = sorted(range(len(strips)), key=lambda i: strips[i].shape[1])
        while order and time.monotonic() <= deadline:
            count = min(BATCH, len(order))
            while count > 1 and count * strips[order[count - 1]].shape[1] > BATCH_WIDTH:
                count -= 1
            chosen, order = order[:count], order[count:]
            width = max(strips[chosen[-1]].shape[1], STRIP)
            batch = np.zeros((len(chosen), 3, STRIP, width), np.float32)
            for row, i in zip(batch, chosen, strict=True):
                row[:, :, : strips[i].shape[1]] = _normal(strips[i])
            for steps, i in zip(self._recognizer.run(None, {"x": batch})[0], chosen, strict=True):
                readings[i] = self._decoded(steps, width / strips[i].shape[1])
        return readings

    def _decoded(self, steps: NDArray[np.float32], stretch: float) -> Reading:
        """The likeliest sign of each step (steps, signs); ``stretch`` is how much wider the batch is than the strip."""
        best = steps.argmax(axis=1)
        new = best != 0
        new[1:] &= best[1:] != best[:-1]
        at = np.flatnonzero(new)
        score = float(steps[at, best[at]].mean()) if len(at) else 0.0
        ends = [next((j for j in range(i, len(best)) if best[j] != best[i]), len(best)) for i in at]
        places = tuple(float(start + end) / 2 / len(best) * stretch for start, end in zip(at, ends, strict=True))
        return Reading("".join(self._signs[i] for i in best[at]), places, score)


def _model(name: str) -> str:
    found = find_spec("rapidocr")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("rapidocr is not installed")
    return str(Path(found.origin).parent / "models" / name)


def _normal(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """(height, width, 3) bytes -> (3, height, width) from -1 to 1."""
    return (pixels.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)


def _line(contour: Any, likely: NDArray[np.float32], over: float, up: float) -> Line | None:
    """The rectangle of one region of the map, in pixels of the picture; None where it is too small or too unlikely."""
    import cv2

    left, top, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [contour - [left, top]], 1)  # type: ignore[list-item]
    if min(width, height) < 3 or cv2.mean(likely[top : top + height, left : left + width], mask)[0] < SURE:
        return None
    (x, y), (wide, high), angle = cv2.minAreaRect(contour)
    if wide < high:
        wide, high, angle = high, wide, angle - 90
    angle = -((angle + 90) % 180 - 90)  # from clockwise to counterclockwise, of the longer side
    level = wide * abs(math.sin(math.radians(angle))) < 0.3 * high or wide < LONG * high
    upright = wide * abs(math.cos(math.radians(angle))) < 0.3 * high and wide >= LONG * high
    if level or upright:
        x, y, wide, high, angle = left + width / 2, top + height / 2, width, height, 0.0
    grow = wide * high * REACH / (2 * (wide + high))
    line = Line(x * over, y * up, wide * over, high * up, angle).grown(grow * over, grow * up)
    return line.turned(90) if upright else line
