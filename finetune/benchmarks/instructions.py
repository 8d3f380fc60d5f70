"""IFEval: whether an answer follows instructions that a program can check, by the checkers that come with lm-eval.

Strict is the answer as it stands; loose takes it without its first or last line, or without asterisks, where that follows more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.sources import SourceError


@dataclass(frozen=True)
class Instructions:
    """What an answer is to follow.

    Attributes:
        prompt: with the instructions in words.
        names: of the checkers.
        options: of each of them.
    """

    prompt: str
    names: tuple[str, ...]
    options: tuple[Mapping[str, Any], ...]


def check(instructions: Instructions) -> None:
    """Whether answers can be held to ``instructions`` on this machine.

    Raises:
        SourceError: for an instruction that lm-eval does not know, or data of nltk's that is missing; it says how it is had.
    """
    from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT

    unknown = set(instructions.names) - set(INSTRUCTION_DICT)
    if unknown or len(instructions.names) != len(instructions.options):
        raise SourceError(f"lm-eval knows no instruction {', '.join(sorted(unknown)) or 'without options'}")
    try:
        followed(instructions, "One sentence. Another SENTENCE.")
    except LookupError as exc:
        raise SourceError("IFEval counts sentences and words with data of nltk's; get it with python -m nltk.downloader punkt_tab") from exc


def followed(instructions: Instructions, answer: str) -> tuple[list[bool], list[bool]]:
    """For each of ``instructions``, which were checked, whether ``answer`` follows it, strictly and loosely."""
    from lm_eval.tasks.ifeval.utils import InputExample, test_instruction_following_loose, test_instruction_following_strict

    row = InputExample(0, list(instructions.names), instructions.prompt, [dict(each) for each in instructions.options])
    strict, loose = test_instruction_following_strict(row, answer), test_instruction_following_loose(row, answer)
    return strict.follow_instruction_list, loose.follow_instruction_list


def share(held: Sequence[bool]) -> float:
    """The share of instructions that are followed."""
    return sum(held) / len(held)
