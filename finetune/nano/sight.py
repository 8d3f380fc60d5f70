"""What the vision tower is taught before and beside language: which letters stand where, and how what is drawn looks.

From next-token loss alone the tower stays blind for tens of thousands of pictures, because a language model without
sight finds nothing to send back. So each patch and each soft token also predicts, through linear heads that are thrown
away afterwards, which letter covers each of the points that lie 5 pixels from each other. (Letters by their order in
a patch are a worse lesson: one that stands on the edge of a patch moves all others.) The renderers know where they
wrote every letter. Where no letter stands they predict the colors around these points: a tower that is taught letters alone
forgets where a bar ends and which color it has.
"""

from __future__ import annotations

import math
import random
import string
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from transformers import GemmaTokenizer

from finetune.charts import words
from finetune.charts.canvas import Canvas, Letter, contrast, style, texts_of
from finetune.nano.model import IMAGE_SIDE, PATCH

ALPHABET = string.digits + string.ascii_letters + ".,%-:()>°?$/×"
CLASSES = len(ALPHABET) + 2
"""0 is no letter, 1 any letter outside the alphabet."""
POINTS = 4
"""Points of a patch at which letters are asked for, two across and two down."""
GRID = IMAGE_SIDE // PATCH
"""Patches along a side of a whole picture."""
CELL = 2 * PATCH
"""Side of what becomes one soft token, pixels."""
_CLASS = {letter: i + 2 for i, letter in enumerate(ALPHABET)}


def letter_map(letters: list[Letter], width: int, height: int) -> np.ndarray:
    """(height, width) class of the letter that covers each pixel of a picture of that size, 0 where there is none."""
    made = np.zeros((height, width), np.int64)
    for (_, em_x, em_y), text in texts_of(letters):
        for i, (letter, x, y) in enumerate(text):
            if letter.isspace():
                continue
            others = [text[j] for j in (i - 1, i + 1) if 0 <= j < len(text)]
            along_x = min((abs(other[1] - x) for other in others), default=em_x * 0.6) / 2
            along_y = min((abs(other[2] - y) for other in others), default=0.0) / 2
            if along_y < 0.1 * em_y:
                half_x, half_y = along_x, 0.36 * em_y
            elif along_x < 0.1 * em_x:
                half_x, half_y = 0.36 * em_x, along_y
            else:
                half_x, half_y = along_x + 0.1 * em_x, along_y + 0.1 * em_y
            left, right = (max(0, round((x + sign * half_x) * width)) for sign in (-1, 1))
            top, bottom = (max(0, round((y + sign * half_y) * height)) for sign in (-1, 1))
            made[top:bottom, left:right] = _CLASS.get(letter, 1)
    return made


def word_places(letters: list[Letter], tokenizer: GemmaTokenizer) -> list[tuple[float, float, int, int]]:
    """(x, y, token, next token) of the written texts, each where its first letter stands, as shares of the picture.

    After the last one of a text comes ``<eos>``.
    """
    texts = [text for _, text in texts_of(letters)]
    if not texts:
        return []
    coded = tokenizer(
        [" " + "".join(letter for letter, *_ in text) for text in texts], add_special_tokens=False, return_offsets_mapping=True
    )
    made = []
    for text, ids, offsets in zip(texts, coded["input_ids"], coded["offset_mapping"], strict=True):
        for token, following, (start, end) in zip(ids, [*ids[1:], tokenizer.eos_token_id], offsets, strict=True):
            at = max(start - 1, 0)  # the space in front is not in the picture
            while at < end - 1 and at < len(text) - 1 and text[at][0] == " ":
                at += 1
            _, x, y = text[min(at, len(text) - 1)]
            made.append((x, y, token, following))
    return made


@dataclass
class Sheet:
    """A picture as the model sees it, with what stands in it.

    Attributes:
        pixels: (IMAGE_SIDE, IMAGE_SIDE, 3) bytes.
        letters: (patches, POINTS) classes, patches in reading order.
        words: (cells, 4) tokens that begin in each cell of 2 x 2 patches, -100 where there is none.
        follows: (cells, 3) some of all tokens: the cell in which one begins, the token, and the next one of its text; -100 for none.
    """

    pixels: np.ndarray
    letters: np.ndarray
    words: np.ndarray
    follows: np.ndarray


def sheet(image: Image.Image, letters: list[Letter], tokenizer: GemmaTokenizer) -> Sheet:
    """``image`` with its ``letters`` as lessons."""
    at = np.arange(GRID * 2) * (PATCH // 2) + PATCH // 4
    points = letter_map(letters, IMAGE_SIDE, IMAGE_SIDE)[np.ix_(at, at)].reshape(GRID, 2, GRID, 2)
    cells = GRID // 2
    words, used = np.full((cells, cells, 4), -100, np.int64), np.zeros((cells, cells), np.int64)
    followed = []
    for x, y, token, following in word_places(letters, tokenizer):
        column, row = math.floor(x * cells), math.floor(y * cells)
        if not (0 <= column < cells and 0 <= row < cells):
            continue
        followed.append((row * cells + column, token, following))
        if used[row, column] < 4:
            words[row, column, used[row, column]] = token
            used[row, column] += 1
    follows = np.full((cells * cells, 3), -100, np.int64)
    if followed:
        some = np.linspace(0, len(followed) - 1, min(len(followed), len(follows))).round().astype(int)
        follows[: len(some)] = np.array(followed)[some]
    return Sheet(
        pixels=np.asarray(image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BILINEAR)),
        letters=points.transpose(0, 2, 1, 3).reshape(GRID * GRID, POINTS),
        words=words.reshape(cells * cells, 4),
        follows=follows,
    )


def text_page(rng: random.Random) -> tuple[Image.Image, list[Letter], list[str]]:
    """A picture full of words and numbers, ten times as many letters as a chart has, in every size, font and colour.

    Returns:
        the picture, its letters, and the lines that can be read undisturbed.
    """
    look = style(rng)
    canvas = Canvas(look)
    lines = []
    y = rng.uniform(0, look.text)
    while y < look.height - look.text * 0.6:
        scale = rng.uniform(0.8, 1.5)
        color: str | None = None
        if rng.random() < 0.15:
            ground = rng.choice(look.colors)
            canvas.draw.rectangle((0, y, look.width, y + look.text * scale * 1.3), fill=ground)
            color = contrast(ground)
        lines.append(_text_line(canvas, rng, y + look.text * scale * 0.65, scale, color))
        y += look.text * scale * rng.uniform(1.15, 2.2)
    rows = rng.choice((0, 0, 1, 1, 2))
    for _ in range(rows):
        _turned_row(canvas, rng)
    return canvas.image, canvas.letters, [line for line in lines if line and not rows]


def _turned_row(canvas: Canvas, rng: random.Random) -> None:
    """A row of words turned like crowded labels below an axis, over what stood there."""
    look = canvas.look
    turn, scale = rng.choice((90, 90, 45, 45, 30)), rng.uniform(0.8, 1.3)
    labels = [_word(rng) for _ in range(14)]
    longest = max(canvas.measure(label, scale)[0] for label in labels)
    top = rng.uniform(0.0, 0.6) * look.height
    bottom = top + longest * math.sin(math.radians(turn)) + look.text * scale * 2
    canvas.draw.rectangle((0, top, look.width, bottom), fill=look.paper)
    share = (top / look.height, bottom / look.height)
    canvas.letters = [seen for seen in canvas.letters if seen[0] == "\n" or not share[0] < seen[2] < share[1]]
    x = rng.uniform(1.0, 3.0) * look.text
    for label in labels:
        if x > look.width:
            break
        canvas.text((x, top + look.text * 0.4), label, "end", turn=turn, scale=scale)
        x += look.text * scale * rng.uniform(1.3, 2.6) * (1.0 if turn == 90 else 1.4)


def few_words(rng: random.Random, few: bool = False) -> tuple[Image.Image, list[Letter], list[str]]:
    """A picture with one to four lines of one to three words: the first thing that language learns to read."""
    look = style(rng, ease=rng.random())
    canvas = Canvas(look)
    lines = []
    count = rng.randint(1, 4)
    for i in range(count):
        y = look.height * (i + rng.uniform(0.25, 0.75)) / count
        scale = rng.uniform(0.9, 1.8)
        room = (look.width - look.text * 2) / (wanted := rng.randint(1, 3))
        line = []
        for j in range(wanted):
            word = _word(rng) if not few else rng.choice(words.FEW) if rng.random() < 0.5 else str(rng.randint(0, 100))
            wide = canvas.measure(word, scale)[0]
            if wide < room * 0.95:
                x = look.text + room * j + rng.uniform(0, room - wide)
                canvas.text((x, y), word, "lm", scale=scale, color=rng.choice(look.colors) if rng.random() < 0.1 else None)
                line.append(word)
        if line:
            lines.append(" ".join(line))
    return canvas.image, canvas.letters, lines


def _word(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.35:
        return str(rng.randint(0, rng.choice((9, 99, 99, 999, 9999))))
    if kind < 0.42:
        return rng.choice(
            (f"{rng.randint(0, 99)}%", f"{rng.randint(1, 9)},{rng.randint(0, 999):03d}", f"{rng.randint(0, 99)}.{rng.randint(0, 9)}")
        )
    if kind < 0.7:
        word = rng.choice(words.LISTED)
        return word if not words.is_held_out(word) else "Total"
    return words.invent_for(rng, held_out=False)


def _text_line(canvas: Canvas, rng: random.Random, y: float, scale: float, color: str | None) -> str:
    x, bold = rng.uniform(0, canvas.look.text * 2), rng.random() < 0.15
    line: list[str] = []
    while True:
        word = _word(rng)
        wide = canvas.measure(word, scale, bold)[0]
        if x + wide > canvas.look.width:
            return " ".join(line)
        canvas.text(
            (x, y), word, "lm", scale=scale, bold=bold, color=color or (rng.choice(canvas.look.colors) if rng.random() < 0.1 else None)
        )
        line.append(word)
        x += wide + canvas.look.text * rng.uniform(0.3, 2.5)


class Sight(torch.nn.Module):
    """The throw-away heads over patches and over soft tokens.

    A patch only has to know its own letters, which is quickly learned; a soft token, the mean of four patches, must
    hold the letters of all four apart, which the tower then learns to arrange. It must also hold its own place: a
    language model can only tell which number stands above which name from what the soft tokens say of theirs.
    It must hold the colors of what is drawn in it, so that the end of a bar can be told to a few pixels.
    And it must hold the order of its letters, in a form that a language model reads in one step: given one of them, which is next?
    """

    def __init__(self, patch: int, token: int) -> None:
        super().__init__()
        self.of_patch = torch.nn.Linear(patch, POINTS * CLASSES)
        self.of_token = torch.nn.Linear(token, 4 * POINTS * CLASSES)
        self.of_place = torch.nn.Linear(token, GRID)
        self.color_of_patch = torch.nn.Linear(patch, POINTS * 3)
        self.color_of_token = torch.nn.Linear(token, 4 * POINTS * 3)
        self.of_seen, self.of_word, self.of_next = (torch.nn.Linear(token, token) for _ in range(3))
        for head in (self.color_of_patch, self.color_of_token):  # no noise for the tower to follow at first
            torch.nn.init.zeros_(head.weight)

    def forward(self, patches: torch.Tensor, tokens: torch.Tensor, letters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses together, and what share is right: letters by patch, letters by token, columns and rows of tokens.

        Args:
            patches: (P, N, V) from the tower, a square of patches.
            tokens: (P, N / 4, D) from the projector.
            letters: (P, N, POINTS) classes.
        """
        side = int(patches.shape[1] ** 0.5)
        where = self.of_place(tokens).float().unflatten(-1, (2, GRID // 2))
        first = torch.arange(tokens.shape[1], device=tokens.device)
        truth = torch.stack([first % (side // 2), first // (side // 2)], -1).expand(len(tokens), -1, -1)
        place_loss = torch.nn.functional.cross_entropy(where.flatten(0, -2), truth.flatten())
        placed = (where.argmax(-1) == truth).float().mean()
        near, near_right = _score(self.of_patch(patches).unflatten(-1, (POINTS, CLASSES)), letters)
        of_tokens = self.of_token(tokens).view(len(tokens), side // 2, side // 2, 2, 2, POINTS, CLASSES)
        far, far_right = _score(of_tokens.permute(0, 1, 3, 2, 4, 5, 6).flatten(1, 4), letters)
        return near + far + place_loss, torch.stack([near_right, far_right, placed])

    def color(
        self, patches: torch.Tensor, tokens: torch.Tensor, pixels: torch.Tensor, letters: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How far patches and soft tokens are from telling the colors at their points, and how much of the edges inside of cells is told.

        Differences inside of a cell count four times, as they say where something ends; points under letters count little.

        Args:
            patches: (P, N, V) from the tower, a square of patches.
            tokens: (P, N / 4, D) from the projector.
            pixels: (P, side, side, 3) bytes.
            letters: (P, N, POINTS) classes.

        Returns:
            the loss, and 1 - squared error / squared differences inside of the cells of soft tokens.
        """
        side = int(patches.shape[1] ** 0.5)
        shape = (len(pixels), side, 2, PATCH // 2, side, 2, PATCH // 2, 3)
        # (P, rows, columns, POINTS, 3)
        points = pixels.view(shape).float().mean((3, 6)).permute(0, 1, 3, 2, 4, 5).flatten(3, 4) / 127.5 - 1.0
        weight = torch.where(letters > 0, 0.05, 1.0).view(*points.shape[:-1], 1)
        of_patch = self.color_of_patch(_unit(patches)).view(points.shape)
        half = side // 2
        of_token = self.color_of_token(_unit(tokens)).view(len(tokens), half, half, 2, 2, POINTS, 3).permute(0, 1, 3, 2, 4, 5, 6)
        near, far = of_patch - points, of_token.reshape(points.shape) - points

        def inside(x: torch.Tensor) -> torch.Tensor:
            cells = x.view(len(x), half, 2, half, 2, POINTS, 3)
            return (cells - cells.mean((2, 4, 5), keepdim=True)).view(points.shape)

        loss = ((near.square() + far.square() + 3 * inside(far).square()) * weight).sum() / weight.sum() / 3
        missed, there = (inside(far).square() * weight).sum(), (inside(points).square() * weight).sum()
        return loss, 1 - missed / there.clamp(min=1e-6)

    def follow(self, tokens: torch.Tensor, follows: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How far soft tokens are from telling, for a word that begins in them, which is next in its text, and the share told.

        Args:
            tokens: (P, cells, D) from the projector.
            follows: (P, F, 3) cell, token and next token, -100 for none.
            embedding: (V, D), taken as it is.
        """
        known = follows[..., 0] >= 0
        cell, word, following = follows.clamp(min=0).unbind(-1)
        embedding = embedding.detach()
        asked = _unit(tokens.gather(1, cell[..., None].expand(-1, -1, tokens.shape[-1])))
        both = self.of_seen(asked) * self.of_word(_unit(embedding[word]))
        logits = torch.nn.functional.linear(_unit(self.of_next(both)), embedding.float())  # (P, F, V)
        chosen = logits.log_softmax(-1).gather(-1, following[..., None])[..., 0]
        count = known.sum().clamp(min=1)
        return -(chosen * known).sum() / count, ((logits.argmax(-1) == following) & known).sum() / count


def _unit(x: torch.Tensor) -> torch.Tensor:
    """``x`` as a norm without weights gives it: a root mean square of 1."""
    return torch.nn.functional.normalize(x.float(), dim=-1) * x.shape[-1] ** 0.5


def word_loss(tokens: torch.Tensor, words: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far soft tokens are from the embeddings of the words that they show, and the share of words ranked first.

    A language model that can repeat its own tokens can then repeat what it sees.

    Args:
        tokens: (P, cells, D) from the projector.
        words: (P, cells, 4) token ids, -100 where there is none.
        embedding: (V, D), taken as it is: the words do not move towards the pictures.
    """
    logits = torch.nn.functional.linear(_unit(tokens), embedding.detach().float())  # (P, cells, V)
    known = words >= 0
    chosen = logits.log_softmax(-1).gather(-1, words.clamp(min=0))
    right = ((logits.argmax(-1)[..., None] == words) & known).any(-1)
    written = known.any(-1)
    return -(chosen * known).sum() / known.sum().clamp(min=1), (right & written).sum() / written.sum().clamp(min=1)


def _score(logits: torch.Tensor, letters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    real = letters > 0
    weight = torch.where(real, 1.0, 0.05)
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, -2), letters.flatten(), reduction="none")
    right = ((logits.argmax(-1) == letters) & real).sum() / real.sum().clamp(min=1)
    return (loss * weight.flatten()).sum() / weight.sum(), right
