"""The text of a picture as lines that a model is given: where each text stands, in whole percent, from the top.

    Text in the picture, each at x y percent:
    50 5 Visitors
    20 40 64
    20 91 Museum

One form for everybody: the app sends it, rows that models are trained on hold it.
"""

from __future__ import annotations

from collections.abc import Iterable

HEADER = "Text in the picture, each at x y percent:\n"
MOST = 90
"""Lines of one picture at most."""
NEAR, WIDE = 0.012, 0.02
"""Places that are this near to the next, in groups at most this wide, as shares of a side, are made the same."""

Placed = tuple[str, float, float]
"""A text, and where its middle stands as shares of the picture's width and height."""


def lines_of(texts: Iterable[Placed], most: int = MOST) -> str:
    """``texts`` under their header with an empty line behind, "" where there are none.

    >>> lines_of([("64", 0.2, 0.402), ("85", 0.5, 0.398), ("Visitors", 0.5, 0.05)])
    'Text in the picture, each at x y percent:\\n50 5 Visitors\\n20 40 64\\n50 40 85\\n\\n'
    """
    clean = [(" ".join(text.split()), x, y) for text, x, y in texts if text.strip()][:most]
    if not clean:
        return ""
    columns, rows = _aligned([x for _, x, _ in clean]), _aligned([y for _, _, y in clean])
    placed = sorted(zip(rows, columns, (text for text, *_ in clean), strict=True))
    return HEADER + "".join(f"{x} {y} {text}\n" for y, x, text in placed) + "\n"


def _aligned(places: list[float]) -> list[int]:
    """``places`` in whole percent; those that are nearly the same become the same."""
    percent, group = [0] * len(places), list[int]()

    def close() -> None:
        mean = sum(places[i] for i in group) / len(group)
        for i in group:
            percent[i] = min(max(round(100 * mean), 0), 100)

    for i in sorted(range(len(places)), key=places.__getitem__):
        if group and (places[i] - places[group[-1]] > NEAR or places[i] - places[group[0]] > WIDE):
            close()
            group = []
        group.append(i)
    close()
    return percent
