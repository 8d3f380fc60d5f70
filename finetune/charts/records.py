"""One drawn record: a picture with a question, its reasoning, its answer, and the table behind it, all from a seed.

>>> record = make(7, kind="bar")
>>> record.question == make(7, kind="bar").question
True
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from PIL import Image

from finetune.charts import matplotlib, pillow, questions, words
from finetune.charts.figures import KINDS, Figure, number, sample
from finetune.charts.readings import Question, in_reading_order
from finetune.charts.wordings import Wordings, reworded

HELD_OUT_FROM = 1_000_000_000
"""Seeds below this one are for training, the others for measuring only."""

WEIGHTS = {"bar": 5, "hbar": 3, "grouped": 3, "line": 3.5, "pie": 2.5, "table": 3, "flow": 2, "geometry": 2}


@dataclass(frozen=True, kw_only=True)
class Record:
    """A picture and one question about it.

    Attributes:
        seed: what the record was made from; together with ``kind`` and ``renderer`` it gives the same record again.
        renderer: ``pillow`` or ``matplotlib``.
        figure: the numbers behind the picture.
        image: RGB.
        asked: the question with steps and answer.
        new_words: words in the picture that training never shows.
    """

    seed: int
    renderer: str
    figure: Figure
    image: Image.Image
    asked: Question
    new_words: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.figure.kind

    @property
    def question(self) -> str:
        return self.asked.text

    @property
    def thought(self) -> str:
        return "\n".join(self.asked.steps)

    @property
    def answer(self) -> str:
        return self.asked.said

    @property
    def gold(self) -> str:
        return self.asked.answer

    def as_row(self) -> dict[str, object]:
        """Everything but the picture, ready for JSON."""
        figure = asdict(self.figure)
        figure["series"] = {name: [number(value) for value in values] for name, values in self.figure.series.items()}
        return {
            "seed": self.seed,
            "kind": self.kind,
            "renderer": self.renderer,
            "task": self.asked.task,
            "question": self.question,
            "thought": self.thought,
            "answer": self.answer,
            "gold": self.gold,
            "operations": self.asked.operations,
            "exact": self.asked.exact,
            "new_words": list(self.new_words),
            "table": figure,
        }


def is_held_out(seed: int) -> bool:
    """Whether ``seed`` belongs to the measuring half of the seeds."""
    return seed >= HELD_OUT_FROM


def draw(rng: random.Random, figure: Figure, renderer: str, ease: float = 0.0) -> tuple[Image.Image, Figure]:
    """A picture of ``figure`` with the small damage that shared pictures have (10 % JPEG, padding, scaling), and the figure as it reads."""
    if renderer == "matplotlib":
        image, letters, _ = matplotlib.render(rng, figure)
    else:
        image, letters, _ = pillow.render(rng, figure, ease)
    return wear(rng, image), in_reading_order(figure, letters)


def wear(rng: random.Random, image: Image.Image, *, pad: bool = True) -> Image.Image:
    """``image`` as it may arrive: sometimes rescaled, padded (where that is allowed) or recompressed."""
    if rng.random() < 0.2:
        factor = rng.uniform(0.8, 1.2)
        image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
    if pad and rng.random() < 0.2:
        left, top, right, bottom = (rng.randint(0, 24) for _ in range(4))
        padded = Image.new("RGB", (image.width + left + right, image.height + top + bottom), image.getpixel((0, 0)))
        padded.paste(image, (left, top))
        image = padded
    if rng.random() < 0.1:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=rng.randint(40, 92))
        image = Image.open(stream).convert("RGB")
    return image


def make(
    seed: int,
    *,
    kind: str = "",
    kinds: Sequence[str] = KINDS,
    renderer: str = "",
    ease: float = 0.0,
    task: str = "",
    wordings: Wordings = "plain",
) -> Record:
    """The record of ``seed``.

    Args:
        seed: 0 or more; from :data:`HELD_OUT_FROM` on, words that training never shows may occur.
        kind: one of :data:`finetune.charts.figures.KINDS`; drawn from ``kinds`` when empty.
        renderer: ``pillow`` or ``matplotlib``; when empty one in two is matplotlib's.
        ease: 0.0 for the full range, up to 1.0 for few categories.
        task: insist on a kind of question where the figure allows it.
        wordings: ``plain`` for the few phrases that every question has, or the ``trained`` or ``held out`` ones of
            :mod:`finetune.charts.wordings`; the picture and what is asked stay the same.

    Raises:
        ValueError: for a negative seed, an unknown kind or an unknown renderer.
    """
    if seed < 0:
        raise ValueError(f"seed {seed} is negative; expected 0 or more")
    unknown = [name for name in ([kind] if kind else kinds) if name not in KINDS]
    if unknown:
        raise ValueError(f"unknown kind of chart {unknown[0]!r}; expected one of {', '.join(KINDS)}")
    if renderer not in ("", "pillow", "matplotlib"):
        raise ValueError(f"unknown renderer {renderer!r}; expected pillow or matplotlib")
    rng = random.Random(seed)
    chosen = rng.choices(list(kinds), [WEIGHTS[name] for name in kinds])[0]
    drawn_by = rng.choice(("pillow", "matplotlib"))
    figure = sample(rng, kind or chosen, ease=ease, held_out=is_held_out(seed))
    renderer = renderer or drawn_by
    image, figure = draw(rng, figure, renderer, ease)
    new_words = tuple(sorted(word for word in figure.words() if words.is_held_out(word)))
    asked = reworded(random.Random(f"wording {seed}"), questions.ask(rng, figure, task), wordings)
    return Record(seed=seed, renderer=renderer, figure=figure, image=image, asked=asked, new_words=new_words)
