"""Nano with the passes that its training needs, and what each of them got right.

The passes are the model's own, over packed rows: one picture and several exchanges about it, or text alone. What is compiled
has a fixed shape; the loss over the tokens to be learned, whose number differs from batch to batch, is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from finetune.nano.model import IMAGE_TOKENS, create
from finetune.nano.rows import attention_mask
from finetune.nano.sight import Sight, word_loss

LOOK_AT_ITSELF, LOOK_AHEAD = (1, 2), (3, 4)
"""Layers of the text side whose first head is taught where to look: where the token stands, where the next one stands."""

READ = ("letters by patch", "letters by token", "places", "words by token", "next letters", "edges")
"""Shares that the tower gets right (of edges: of their squares), in the order in which :meth:`Learner.see` gives them."""

Batch = Mapping[str, Any]
Scores = dict[str, list[float]]


def _attention(module: torch.nn.Module, q: Any, k: Any, v: Any, mask: Any, scaling: float = 1.0, looks: Any = None, **_: Any) -> Any:
    """Attention; what the first heads of the taught layers look at is added to the list ``looks``.

    On a CPU it is written out: compiled, its backward pass is several times faster than that of the fused one.
    """
    q, k = q.to(v.dtype), k.to(v.dtype)  # (B, heads, L, 64); their norms have made them fp32
    taught = looks is not None and module.layer_idx in LOOK_AT_ITSELF + LOOK_AHEAD
    if q.device.type != "cpu":
        if taught:
            scores = torch.matmul(q[:, 0] * scaling, k[:, 0].transpose(-1, -2)) + mask[:, 0]
            looks.append(torch.softmax(scores, -1, dtype=torch.float32))
        shown = None if mask is None else mask.expand(-1, q.shape[1], -1, -1)
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=shown, scale=scaling)
        return out.transpose(1, 2).contiguous(), None
    scores = torch.matmul(q * scaling, k.transpose(-1, -2))
    weights = torch.softmax(scores if mask is None else scores + mask, -1, dtype=torch.float32)
    if taught:
        looks.append(weights[:, 0])
    return torch.matmul(weights.to(v.dtype), v).transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register("written_out", _attention)


class Learner(torch.nn.Module):
    """Nano, the throw-away heads over its tower, and the passes over both.

    Attributes:
        nano: the model.
        sight: the heads that teach the tower.
    """

    def __init__(self, vocabulary: dict[str, int], seed: int = 0, *, compiled: bool = False) -> None:
        super().__init__()
        self.nano = create(vocabulary, "written_out", seed)
        self.sight = Sight(self.nano.config.vision_config.hidden_size, self.nano.config.text_config.hidden_size)
        self.image_token = vocabulary["<image_soft_token>"]
        if compiled:
            for name in ("see", "look", "say"):
                setattr(self, name, torch.compile(getattr(self, name), dynamic=False))

    def look(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(P, N, V) patches and (P, N / 4, D) soft tokens of pictures (P, side, side, 3) in bytes."""
        core = self.nano.model
        tower, projector = core.vision_tower, core.multi_modal_projector
        light = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        embedded = tower.embeddings.patch_embedding(light).flatten(2).transpose(1, 2) + tower.embeddings.position_embedding.weight
        patches = tower.post_layernorm(tower.encoder(inputs_embeds=embedded).last_hidden_state)  # (P, N, V)
        side = int(patches.shape[1] ** 0.5)
        square = patches.transpose(1, 2).reshape(len(patches), -1, side, side)
        pooled = torch.nn.functional.avg_pool2d(square, 2).flatten(2).transpose(1, 2)
        return patches, projector.mm_soft_emb_norm(pooled) @ projector.mm_input_projection_weight

    def see(
        self, pixels: torch.Tensor, letters: torch.Tensor, words: torch.Tensor, follows: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the tower sees, and how well it reads.

        Args:
            pixels: (P, side, side, 3) bytes.
            letters: (P, N, POINTS) classes.
            words: (P, N / 4, 4) tokens that begin in each cell, -100 where there is none.
            follows: (P, N / 4, 3) cells, tokens that begin there, and the next ones, -100 for none.

        Returns:
            (P, N / 4, D) soft tokens, loss, and the shares of :data:`READ`.
        """
        patches, seen = self.look(pixels)
        letter_loss, letter_hits = self.sight(patches, seen, letters)
        embedding = self.nano.model.language_model.embed_tokens.weight
        seen_loss, seen_hits = word_loss(seen, words, embedding)
        next_loss, next_hits = self.sight.follow(seen, follows, embedding)
        color_loss, edges = self.sight.color(patches, seen, pixels, letters)
        hits = torch.cat([letter_hits, torch.stack([seen_hits, next_hits, edges])])
        return seen, 0.5 * letter_loss + seen_loss + next_loss + 4 * color_loss, hits

    def say(
        self,
        ids: torch.Tensor,
        position: torch.Tensor,
        segment: torch.Tensor,
        seen: torch.Tensor | None = None,
        spots: torch.Tensor | None = None,
        ahead: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The text side's last layer, how far its taught heads look elsewhere, and how much they look where they should.

        Args:
            ids, position, segment: (B, L) as in :class:`finetune.nano.rows.Row`.
            seen: (B, 256, D) soft tokens.
            spots, ahead: (B, L, SPOTS) soft tokens in which each token, and the one after it, may stand, -1 where there is none.

        Returns:
            (B, L, D), (), (2,)
        """
        language, image = self.nano.model.language_model, ids == self.image_token
        embedded = language.embed_tokens(ids)
        begins = image.int().argmax(1)
        if seen is not None:
            spread = begins[:, None] + torch.arange(IMAGE_TOKENS, device=ids.device)
            embedded = embedded.scatter(1, spread[..., None].expand(-1, -1, embedded.shape[-1]), seen.to(embedded.dtype))
        mask, looks = attention_mask(segment, image), list[torch.Tensor]()
        hidden = language(
            inputs_embeds=embedded,
            attention_mask={"full_attention": mask, "sliding_attention": mask},
            position_ids=position,
            use_cache=False,
            looks=looks if spots is not None else None,
        ).last_hidden_state
        if spots is None or ahead is None:
            return hidden, torch.zeros((), device=ids.device), torch.zeros(2, device=ids.device)
        wanted = [spots] * len(LOOK_AT_ITSELF) + [ahead] * len(LOOK_AHEAD)
        scored = [_look_loss(look, where, begins) for look, where in zip(looks, wanted, strict=True)]
        found = torch.stack([scored[len(LOOK_AT_ITSELF) - 1][1], scored[-1][1]])
        return hidden, torch.stack([missed for missed, _ in scored]).sum(), found

    def learn(self, batch: Batch, sight: float, looks: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss to learn from, and what it was made of.

        Args:
            batch: tensors of :class:`finetune.nano.stream.Stream`; with ``pixels`` or without.
            sight: weight of the tower's own lessons; with none the tower rests.
            looks: weight of where the heads look.

        Returns:
            the loss, and ``loss`` over the model's own tokens, ``right`` (B, L), and what the lessons tell.
        """
        ids, learned = batch["ids"], batch["learn"]
        target = torch.full_like(ids, -100)
        target[:, :-1] = torch.where(learned[:, 1:], ids[:, 1:], -100)
        notes: dict[str, torch.Tensor] = {}
        more = torch.zeros((), device=ids.device)
        seen = spots = ahead = None
        if "pixels" in batch:
            if sight:
                seen, sight_loss, notes["read"] = self.see(*(batch[name] for name in ("pixels", "letters", "words", "follows")))
                notes["sight loss"], more = sight_loss.detach(), more + sight * sight_loss
            else:
                with torch.no_grad():
                    _, seen = self.look(batch["pixels"])
            if looks:
                spots = batch["spots"]
                ahead = torch.where(target[..., None] >= 0, spots.roll(-1, 1), -1)
        hidden, look_loss, found = self.say(ids, batch["position"], batch["segment"], seen, spots, ahead)
        if looks and seen is not None:
            notes["found"], more = found, more + looks * look_loss
        said = target >= 0
        logits = self.nano.lm_head(hidden[said]).float()
        loss = torch.nn.functional.cross_entropy(logits, target[said])
        right = torch.zeros_like(said)
        right[said] = logits.argmax(-1) == target[said]
        return loss + more, notes | {"loss": loss.detach(), "right": right}


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


def tally(notes: Mapping[str, torch.Tensor], batch: Batch, scores: Scores) -> None:
    """Note in ``scores`` what :meth:`Learner.learn` got right: of exchanges, by task, those whose every token was right.

    All data are new, so this is no memory.
    """
    mark = "" if "pixels" in batch else "text: "
    scores[mark + "loss"].append(notes["loss"].item())
    learned = torch.zeros_like(batch["learn"])
    learned[:, :-1] = batch["learn"][:, 1:]
    right = notes["right"]
    scores[mark + "tokens"].append(right[learned].float().mean().item())
    missed = (~right & learned).cpu().numpy()
    segment = np.zeros(missed.shape, np.int64)
    segment[:, :-1] = batch["segment"].cpu().numpy()[:, 1:]
    for row, tasks in enumerate(batch["tasks"]):
        wrong = set(segment[row][missed[row]].tolist())
        for i, task in enumerate(tasks):
            scores[mark + task].append(float(i + 1 not in wrong))
    for name, value in zip(READ, notes["read"].tolist() if "read" in notes else (), strict=False):
        scores[name].append(value)
    if "sight loss" in notes:
        scores["sight loss"].append(notes["sight loss"].item())
    for name, value in zip(("looks at the token", "looks ahead"), notes["found"].tolist() if "found" in notes else (), strict=False):
        scores[name].append(value)
