"""Nano with the passes that pretraining needs, and what each of them got right."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from finetune.nano.model import IMAGE_TOKENS, create
from finetune.nano.rows import attention_mask
from finetune.nano.sight import Sight, word_loss


def faster() -> torch.dtype:
    """bf16 or fp32, whichever multiplies matrices faster on this CPU.

    Measured, in some milliseconds: torch calls bf16 supported on CPUs that only imitate it, five to sixty times slower than fp32.
    It has to be slower by half at its best, so that what else runs meanwhile decides nothing.
    """

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(256, 256, dtype=dtype)
        times = []
        for _ in range(12):
            started = time.perf_counter()
            a @ a
            times.append(time.perf_counter() - started)
        return min(times)

    return torch.float32 if seconds(torch.bfloat16) > 1.5 * seconds(torch.float32) else torch.bfloat16


COMPUTED_IN = faster()
"""What pretraining computes in here."""


LOOK_AT_ITSELF, LOOK_AHEAD = (1, 2), (3, 4)
"""Layers of the text side whose first head is taught where to look: where the token stands, where the next one stands."""


READ = ("letters by patch", "letters by token", "places", "words by token", "next letters", "edges")
"""Shares that the tower gets right (of edges: of their squares), in the order in which :meth:`Learner.see` gives them."""


def _attention(module: torch.nn.Module, q: Any, k: Any, v: Any, mask: Any, scaling: float = 1.0, looks: Any = None, **_: Any) -> Any:
    """Attention written out: compiled, its backward pass is several times faster on a CPU than the fused one.

    What the first heads of the taught layers look at is added to the list ``looks``.
    """
    q, k, v = (x.to(COMPUTED_IN) for x in (q, k, v))  # (B, heads, L, 64)
    scores = torch.matmul(q * scaling, k.transpose(-1, -2))
    if mask is not None:
        scores = scores + mask
    weights = torch.softmax(scores, -1, dtype=torch.float32)
    if looks is not None and module.layer_idx in LOOK_AT_ITSELF + LOOK_AHEAD:
        looks.append(weights[:, 0])
    weights = weights.to(COMPUTED_IN)
    return torch.matmul(weights, v).transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register("written_out", _attention)


class Learner(torch.nn.Module):
    """Nano with the passes that pretraining needs: over pixels, over packed rows, and over both."""

    def __init__(self, vocabulary: dict[str, int], seed: int) -> None:
        super().__init__()
        self.nano = create(vocabulary, "written_out", seed)
        self.sight = Sight(self.nano.config.vision_config.hidden_size, self.nano.config.text_config.hidden_size)
        self.image_token = vocabulary["<image_soft_token>"]

    def see(
        self, pixels: torch.Tensor, places: torch.Tensor, letters: torch.Tensor, words: torch.Tensor, follows: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the tower sees, and how well it reads.

        Args:
            pixels: (P, side, side, 3) bytes, of whole pictures or windows.
            places: (P, N) which of the model's patches each patch is taken for.
            letters: (P, N, POINTS) classes.
            words: (P, N / 4, 4) tokens that begin in each cell, -100 where there is none.
            follows: (P, N / 4, 3) cells, tokens that begin there, and the next ones, -100 for none.

        Returns:
            (P, N / 4, D) soft tokens, loss, shares of letters right by patch and by token, of places, of cells whose word is right,
            of words whose next one is, and of edges told.
        """
        patches, seen = self.look(pixels, places)
        letter_loss, letter_hits = self.sight(patches, seen, letters, places)
        embedding = self.nano.model.language_model.embed_tokens.weight
        seen_loss, seen_hits = word_loss(seen, words, embedding)
        next_loss, next_hits = self.sight.follow(seen, follows, embedding)
        color_loss, edges = self.sight.color(patches, seen, pixels, letters)
        hits = torch.cat([letter_hits, torch.stack([seen_hits, next_hits, edges])])
        return seen, 0.5 * letter_loss + seen_loss + next_loss + 4 * color_loss, hits

    def look(self, pixels: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(P, N, V) patches and (P, N / 4, D) soft tokens; arguments as in :meth:`see`."""
        core = self.nano.model
        tower, projector = core.vision_tower, core.multi_modal_projector
        light = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        embedded = tower.embeddings.patch_embedding(light).flatten(2).transpose(1, 2) + tower.embeddings.position_embedding(places)
        patches = tower.post_layernorm(tower.encoder(inputs_embeds=embedded).last_hidden_state)  # (P, N, V)
        side = int(places.shape[1] ** 0.5)
        square = patches.transpose(1, 2).reshape(len(patches), -1, side, side)
        pooled = torch.nn.functional.avg_pool2d(square, 2).flatten(2).transpose(1, 2)
        return patches, projector.mm_soft_emb_norm(pooled) @ projector.mm_input_projection_weight

    def say(
        self,
        ids: torch.Tensor,
        position: torch.Tensor,
        mask: torch.Tensor,
        target: torch.Tensor,
        seen: torch.Tensor | None = None,
        begins: torch.Tensor | None = None,
        spots: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Loss over the model's own tokens with that of where it looks, which tokens were right, and how much it looked there.

        Args:
            ids, position: (B, L).
            mask: (B, 1, L, L) additive.
            target: (B, L) the next token, -100 where nothing is learned.
            seen: (P, 256, D) soft tokens of the first P rows.
            begins: (P,) where they begin in their rows.
            spots: (P, L, SPOTS) soft tokens in which each token may stand, -1 where there is none.
        """
        core = self.nano.model
        embedded = core.language_model.embed_tokens(ids)
        if seen is not None and begins is not None:
            spread = (begins[:, None] + torch.arange(IMAGE_TOKENS))[..., None].expand(-1, -1, embedded.shape[-1])
            with_pictures = embedded[: len(seen)].scatter(1, spread, seen.to(embedded.dtype))
            embedded = torch.cat([with_pictures, embedded[len(seen) :]])
        masks, looks = {"full_attention": mask, "sliding_attention": mask}, list[torch.Tensor]()
        hidden = core.language_model(
            inputs_embeds=embedded, attention_mask=masks, position_ids=position, use_cache=False, looks=looks
        ).last_hidden_state
        logits = self.nano.lm_head(hidden).float()  # (B, L, V)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)
        found = torch.zeros(2)
        if begins is not None and spots is not None:
            ahead = torch.where(target[: len(spots), :, None] >= 0, spots.roll(-1, 1), -1)
            wanted = [spots] * len(LOOK_AT_ITSELF) + [ahead] * len(LOOK_AHEAD)
            scored = [_look_loss(look[: len(spots)], where, begins) for look, where in zip(looks, wanted, strict=True)]
            loss = loss + 0.3 * torch.stack([missed for missed, _ in scored]).sum()
            found = torch.stack([scored[len(LOOK_AT_ITSELF) - 1][1], scored[-1][1]])
        return loss, logits.argmax(-1) == target, found

    def forward(
        self, looked: tuple[torch.Tensor, ...], said: tuple[torch.Tensor, ...], begins: torch.Tensor, spots: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Both at once: what :meth:`say` gives, then loss and hits of :meth:`see`."""
        seen, sight_loss, sight_hits = self.see(*looked)
        return *self.say(*said, seen, begins, spots), sight_loss, sight_hits


def _look_loss(look: torch.Tensor, spots: torch.Tensor, begins: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far a head is from looking where a token stands, and the share of its attention that is there.

    Args:
        look: (P, L, L) attention weights of the head.
        spots: (P, L, SPOTS) soft tokens, -1 where there is none.
        begins: (P,) where the soft tokens begin.
    """
    known = spots >= 0
    there = look.gather(2, torch.where(known, spots + begins[:, None, None], 0))  # (P, L, SPOTS)
    share = (there * known).sum(-1)
    asked = known.any(-1)
    count = asked.sum().clamp(min=1)
    return -((share + 1e-6).log() * asked).sum() / count, (share * asked).sum() / count


def _tally(hits: torch.Tensor, batch: dict[str, Any], scores: dict[str, list[float]]) -> None:
    """Count the exchanges whose every token was right, by task; all data are new, so this is no memory."""
    learn = torch.zeros_like(batch["learn"])
    learn[:, :-1] = batch["learn"][:, 1:]
    if "pixels" in batch:
        seen = learn[: len(batch["pixels"])]
        scores["picture tokens"].append((hits[: len(seen)][seen]).float().mean().item())
    missed = (~hits & learn).numpy()
    segment = np.zeros(missed.shape, np.int64)
    segment[:, :-1] = batch["segment"].numpy()[:, 1:]
    for row, tasks in enumerate(batch["tasks"]):
        wrong = set(segment[row][missed[row]].tolist())
        for i, task in enumerate(tasks):
            scores[task].append(float(i + 1 not in wrong))


def _looked(batch: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    return tuple(batch[name] for name in ("pixels", "places", "letters", "words", "follows"))


def _said(batch: dict[str, Any], image: torch.Tensor) -> tuple[torch.Tensor, ...]:
    target = torch.full_like(batch["ids"], -100)
    target[:, :-1] = torch.where(batch["learn"][:, 1:], batch["ids"][:, 1:], -100)
    return batch["ids"], batch["position"], attention_mask(batch["segment"], image), target


class Passes:
    """The passes over batches, compiled or not: each gives the loss to learn from."""

    def __init__(self, learner: Learner, *, compiled: bool = True) -> None:
        self.learner = learner
        self.see, self.look, self.say, self.both = (
            torch.compile(each, dynamic=False) if compiled else each for each in (learner.see, learner.look, learner.say, learner.forward)
        )

    def loss(self, batch: dict[str, Any], scores: dict[str, list[float]]) -> torch.Tensor:
        """The loss of ``batch``; what was right is noted in ``scores``."""
        image = batch["ids"] == self.learner.image_token if "ids" in batch else None
        loss = sight_loss = torch.zeros(())
        with torch.autocast("cpu", torch.bfloat16, enabled=torch.bfloat16 == COMPUTED_IN):
            if image is None:
                _, sight_loss, seen = self.see(*_looked(batch))
            elif batch["part"] == "text":
                loss, hits, _ = self.say(*_said(batch, image))
            else:
                begins, spots = image[: len(batch["pixels"])].int().argmax(1), batch["spots"][: len(batch["pixels"])]
                if batch["part"] == "joint":
                    loss, hits, found, sight_loss, seen = self.both(_looked(batch), _said(batch, image), begins, spots)
                else:
                    with torch.no_grad():
                        _, soft = self.look(batch["pixels"], batch["places"])
                    loss, hits, found = self.say(*_said(batch, image), soft, begins, spots)
                for name, value in zip(("looks at the token", "looks ahead"), found.tolist(), strict=True):
                    scores[name].append(value)
        if image is not None:
            scores["loss"].append(loss.item())
            _tally(hits, batch, scores)
        if batch["part"] in ("sight", "joint"):
            scores["sight loss"].append(sight_loss.item())
            for name, value in zip(READ, seen.tolist(), strict=True):
                scores[name].append(value)
        return loss + sight_loss * (0.3 if image is not None else 1.0)
