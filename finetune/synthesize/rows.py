"""What stayed, handed over: rows that LLaMA-Factory trains on, a data card with the whole funnel, and the way to the Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune.files import grown_rows
from finetune.samples import Sample, register, sharegpt
from finetune.sources import SourceError
from finetune.synthesize.funnel import Stage, kept_in, report_of, table
from finetune.synthesize.journal import Bill
from finetune.synthesize.planning import Plan
from finetune.synthesize.problems import Problem
from vision.errors import first_line
from vision.files import write_text

SHOWN = 3
"""Problems that a card shows."""


def sample_of(problem: Problem) -> Sample:
    """A problem as it is taught: its solution as the thought, notes left out."""
    pictures = (problem.image,) if problem.image else ()
    return Sample(
        source="synthetic",
        question=problem.question,
        thought=problem.thought,
        answer=f"The answer is {problem.answer}.",
        pictures=pictures,
        gold=problem.gold or problem.answer,
    )


def write_rows(folder: Path, name: str, pictures: Path) -> int:
    """Write ``data/NAME.jsonl``, its pictures and its entry in ``data/dataset_info.json``; how many rows.

    Args:
        folder: that :func:`finetune.synthesize.funnel.write` wrote to.
        name: of the data set.
        pictures: the folder that names of pictures are relative to.

    Raises:
        SourceError: for a name that is none, or a picture outside of its folder.
    """
    if not name.replace("_", "").replace("-", "").isalnum():
        raise SourceError(f"{name!r} cannot be the name of a data set; use letters, digits, - and _")
    data = folder / "data"
    data.mkdir(exist_ok=True)
    lines = []
    for problem in kept_in(folder):
        if problem.image:
            source, target = pictures / problem.image, data / problem.image
            if "\0" in problem.image or not source.resolve().is_relative_to(pictures.resolve()):
                raise SourceError(f"{problem.id} names the picture {problem.image!r}, which is outside of {pictures}")
            if not target.resolve().is_relative_to(data.resolve()) or not source.is_file():
                raise SourceError(f"{problem.id} names the picture {problem.image!r}, which is not in {pictures}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        lines.append(json.dumps(sharegpt(sample_of(problem)), ensure_ascii=False))
    write_text(data / f"{name}.jsonl", "".join(line + "\n" for line in lines))
    register(data, [name])
    return len(lines)


def write_card(folder: Path, name: str, licence: str, plan: Plan | None, bill: Bill | None, kept_apart: Sequence[str]) -> Path:
    """Write ``data/README.md``: what the Hub reads, then where the rows come from, what fell, what it cost.

    Args:
        kept_apart: names of the sets that no row may share words with.
    """
    from huggingface_hub import DatasetCardData

    stages, kept = report_of(folder)
    size = next((label for most, label in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")) if kept < most), "100K<n<1M")
    front = DatasetCardData(
        license=licence,
        language="en",
        size_categories=size,
        task_categories=["question-answering"],
        tags=["synthetic", "reasoning", "logicflow"],
        pretty_name=name,
        configs=[{"config_name": "default", "data_files": f"{name}.jsonl"}],
    )
    problems = list(kept_in(folder))
    parts = [f"# {name}", _origin(plan, bill, stages), "## What fell", table(stages, kept), "![funnel](funnel.png)"]
    if kept_apart:
        parts.append(f"Nothing shares thirteen words in a row, or 0.85 of a cosine, with these: {', '.join(kept_apart)}.")
    parts += ["## Rows", _shown(problems[:SHOWN]), _limits()]
    shutil.copyfile(folder / "funnel.png", folder / "data" / "funnel.png")
    write_text(folder / "data" / "README.md", f"---\n{front.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n")
    return folder / "data" / "README.md"


def _origin(plan: Plan | None, bill: Bill | None, stages: Sequence[Stage]) -> str:
    written = f"{stages[0].before:,} problems were written"
    if plan is None:
        return f"{written} elsewhere."
    by = f"{written} by `{plan.model}`, {plan.shots} seed problems in each prompt"
    cost = f" It took {bill}." if bill is not None else ""
    return f"{by}, with topic, number of steps and form of the answer drawn for each.{cost}"


def _shown(problems: Sequence[Problem]) -> str:
    fence = "```"
    return "\n\n".join(
        f"{fence}\n{problem.question}\n\n{problem.thought}\n\n{problem.answer}\n{fence}".replace("````", "") for problem in problems
    )


def _limits() -> str:
    return (
        "## Limits\n\nA model wrote these problems. Their arithmetic was checked claim by claim and their answers follow from their steps; "
        "whether a question is well posed, or a story makes sense, was not."
    )


@dataclass(frozen=True, kw_only=True)
class Push:
    """Rows on their way to the Hub: one data set with its pictures and its card, whatever else lies beside them."""

    repo: str
    folder: Path
    name: str
    private: bool = False

    @property
    def files(self) -> list[str]:
        """What belongs to the data set, relative to ``data``.

        Raises:
            SourceError: where there is nothing to push.
        """
        data = self.folder / "data"
        if not (data / f"{self.name}.jsonl").is_file() or not (data / "README.md").is_file():
            raise SourceError(f"{self.folder} holds no rows of {self.name} yet; run 'finetune.synthesize filter' first")
        pictures = [name for row in grown_rows(data / f"{self.name}.jsonl") for name in row["images"]]
        return [f"{self.name}.jsonl", "README.md", "funnel.png", *dict.fromkeys(pictures)]

    def plan(self) -> list[str]:
        """What will be done, a line each.

        Raises:
            SourceError: where there is nothing to push.
        """
        size = sum((self.folder / "data" / name).stat().st_size for name in self.files)
        seen = "private" if self.private else "public"
        told = f"upload {len(self.files)} files, {size / 1e6:.1f} MB, from {self.folder / 'data'}"
        return [f"create or update the {seen} data set {self.repo}", told]

    def run(self) -> str:
        """Do it; the address of the data set.

        Raises:
            SourceError: when the Hub refuses or cannot be reached.
        """
        from httpx2 import HTTPError
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

        api = HfApi()
        try:
            url = api.create_repo(self.repo, repo_type="dataset", private=self.private, exist_ok=True)
            if self.private and not api.repo_info(self.repo, repo_type="dataset").private:
                raise SourceError(f"{self.repo} is there already and public; make it private on the Hub first, or choose another name")
            data = self.folder / "data"
            api.upload_folder(repo_id=self.repo, repo_type="dataset", folder_path=data, allow_patterns=self.files)
        except (HfHubHTTPError, LocalTokenNotFoundError, HTTPError, OSError, ValueError) as exc:
            reason = first_line(exc)
            raise SourceError(
                f"{self.repo} could not be pushed ({reason}); set HF_TOKEN to a token that may write, and run it again"
            ) from exc
        return str(url)
