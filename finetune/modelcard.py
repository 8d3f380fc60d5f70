"""A model card written from measurements: no figure stands in it that no file backs, and what was not measured is left out.

    python -m finetune.modelcard runs/base runs/tuned runs/voted --recipe finetune/logicflow.yaml --trained saves/logicflow \\
        --data finetune/data --out saves/logicflow/README.md

The first run is the one that the others are compared with; the last is the model that the card is about, plain or voted. The front matter
is what the Hub reads: base model, data sets, and the measured results.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from finetune.benchmarks.comparing import draw, table
from finetune.benchmarks.running import read_rows, report
from finetune.benchmarks.tasks import TASKS
from finetune.options import read_options
from finetune.sources import HUB
from vision.files import write_text

EXAMPLES = 3
"""Right answers that are shown, and as many wrong ones."""
SEES = frozenset("charts chartqa ai2d mathvista mathvision mmmu docvqa infovqa".split())


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a card is written from.

    Attributes:
        runs: folders of ``finetune.benchmarks run``, the base first.
        name: of the model.
        licence: as the Hub names it.
        recipe: the YAML that it was trained by; None where it was not, as the others.
        options: ``KEY=VALUE``, as they were laid over the recipe.
        trained: LLaMA-Factory's output folder.
        data: folder of ``finetune.prepare``.
    """

    runs: Sequence[Path]
    name: str = ""
    licence: str = "gemma"
    recipe: Path | None = None
    options: Sequence[str] = ()
    trained: Path | None = None
    data: Path | None = None

    def write(self, path: Path) -> Path:
        """Write the card, and its pictures beside it.

        Raises:
            ValueError: when a run holds nothing, or was not of the same rows.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, f"---\n{self.front()}---\n\n{self.body(path.parent)}")
        return path

    @property
    def title(self) -> str:
        """What the model is called."""
        return self.name or (self.trained.name if self.trained else _run(self.runs[-1])["model"])

    @cached_property
    def _reports(self) -> list[dict[str, Any]]:
        """The scores of each run, by task."""
        return [report(folder) for folder in self.runs]

    def front(self) -> str:
        """The front matter, as huggingface_hub writes it."""
        from huggingface_hub import ModelCardData

        base = self._base()
        sees = any(task in SEES for task in self._reports[-1])
        datasets = [HUB[name].repo for name in self._datasets() if name in HUB]
        card = ModelCardData(
            base_model=base or None,
            datasets=datasets or None,
            library_name="peft" if self.trained and (self.trained / "adapter_config.json").is_file() else "transformers",
            pipeline_tag="image-text-to-text" if sees else "text-generation",
            license=self.licence,
            language="en",
            tags=["reasoning", "logicflow", *(["lora"] if self.trained else [])],
            model_name=self.title,
            eval_results=list(self._results()),
        )
        return f"{card.to_yaml()}\n"

    def _results(self) -> Any:
        from huggingface_hub import EvalResult

        run = _run(self.runs[-1])
        for task, score in self._reports[-1].items():
            rows, voted = score["rows"], f", a vote of {run['vote']}" if run.get("vote") else ""
            yield EvalResult(
                task_type="image-text-to-text" if task in SEES else "text-generation",
                dataset_type=TASKS[task].repo or "logicflow/charts",
                dataset_name=task,
                dataset_config=config if isinstance(config := TASKS[task].config, str) else None,
                dataset_split=TASKS[task].split,
                metric_type="accuracy",
                metric_value=round(100 * score["score"], 2),
                metric_name=f"right, percent of {rows} rows{voted}",
            )

    def body(self, folder: Path) -> str:
        """The card below its front matter; pictures are written into ``folder``."""
        parts = [f"# {self.title}", self._opening(), self._measured(folder), self._data(), self._training(folder), self._examples()]
        parts += [self._limits(), f"## Licence\n\n{self.licence}"]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _opening(self) -> str:
        base = self._base()
        what = f"A tune of `{base}`" if base else "A model"
        return f"{what} that reasons in steps between `<think>` and `</think>` before it answers. LogicFlow asks it and checks the steps."

    def _measured(self, folder: Path) -> str:
        picture = draw(self.runs, folder / "compared.png")
        told = []
        for path, scores in zip(self.runs, self._reports, strict=True):
            run = _run(path)
            how = [f"vote of {run['vote']}" if run.get("vote") else "one answer", f"seed {run['sampling']['seed']}"]
            how += [f"up to {run['sampling']['max_thought_tokens']} tokens of thought" if run.get("thinking") else "no thought"]
            how += [f"text of pictures: {run['writing']}", f"commit {run.get('commit') or 'not known'}"]
            shares = [
                f"{task} {100 * score['truncated']:.1f} % cut off, {score['thought_tokens']:.0f} tokens of thought"
                for task, score in scores.items()
            ]
            told.append(f"- **{path.name}**: `{run['model']}`, {', '.join(how)}; {'; '.join(shares)}.")
        sources = _run(self.runs[-1])["tasks"]
        rows = "; ".join(f"{name} from {known['source']} (rows {known['digest']})" for name, known in sources.items())
        how_measured = (
            "One harness, the same rows, the same budgets (`python -m finetune.benchmarks`), 95 % intervals; "
            "differences are paired, p is McNemar's."
        )
        runs = "\n".join(told)
        return f"## Measured\n\n{how_measured}\n\n{table(self.runs)}\n\n![the same as bars]({picture.name})\n\n{runs}\n\nRows: {rows}."

    def _data(self) -> str:
        if self.data is None:
            return ""
        report = self.data / "report.json"
        if not report.is_file():
            return ""
        lines = ["## Trained on", "", "| data | rows read | kept | dropped |", "|---|---|---|---|"]
        for name, told in json.loads(report.read_text(encoding="utf-8")).items():
            dropped = ", ".join(f"{count:,} {why}" for why, count in sorted(told["dropped"].items())) or "none"
            lines.append(f"| {f'`{HUB[name].repo}`' if name in HUB else name} | {told['read']:,} | {told['kept']:,} | {dropped} |")
        return "\n".join(lines) if len(lines) > 4 else ""

    def _training(self, folder: Path) -> str:
        parts = []
        if self.recipe is not None:
            self._check_recipe()
            laid_over = {key: Path(value).name if Path(str(value)).exists() else value for key, value in read_options(self.options).items()}
            lines = [line for line in self.recipe.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("###")]
            kept = [line for line in lines if line.partition(":")[0] not in laid_over]
            kept += yaml.safe_dump(laid_over, sort_keys=False).splitlines() if laid_over else []
            parts.append("The recipe, for `llamafactory-cli train`:\n\n```yaml\n" + "\n".join(kept) + "\n```")
        if self.trained is not None:
            from finetune.curves import draw as draw_curves
            from finetune.curves import read_run
            from finetune.files import save_figure

            run = read_run(self.trained)
            save_figure(draw_curves(run), folder / "curves.png")
            parts.append(f"{len(run)} logged steps, the last loss {run[-1]['loss']:.3f}.\n\n![loss and learning rate](curves.png)")
        return "## Training\n\n" + "\n\n".join(parts) if parts else ""

    def _examples(self) -> str:
        rows = list(read_rows(self.runs[-1]))
        right = [row for row in rows if row["right"] and row["steps"] and (row["trust"] or {}).get("level") == "traced"][:EXAMPLES]
        wrong = [row for row in rows if not row["right"] and row["steps"]][:EXAMPLES]
        parts = [f"### {title}\n\n" + "\n\n".join(map(_example, shown)) for title, shown in (("Right", right), ("Wrong", wrong)) if shown]
        return "## Examples\n\n" + "\n\n".join(parts) if parts else ""

    def _limits(self) -> str:
        weak = []
        for task, score in self._reports[-1].items():
            groups = [(share, count, group) for group, (share, count) in score["groups"].items() if count >= 10]
            weak += [f"- {task}, {group}: {100 * share:.0f} % of {count} right." for share, count, group in sorted(groups)[:3]]
        told = "\n".join(weak)
        return "## Limits\n\nMeasured on the sets above and nothing else. Steps may read well and be wrong: look at the marks." + (
            f" Weakest:\n\n{told}" if told else ""
        )

    def _base(self) -> str:
        """The model that was tuned: what the adapter names, else what the recipe names, unless it is a folder of some machine."""
        names = []
        if self.trained is not None and (self.trained / "adapter_config.json").is_file():
            names.append(json.loads((self.trained / "adapter_config.json").read_text(encoding="utf-8")).get("base_model_name_or_path"))
        if self.recipe is not None:
            names.append(self._recipe().get("model_name_or_path"))
        known = [str(name) for name in names if name and re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) and not Path(str(name)).exists()]
        return known[0] if known else ""

    def _datasets(self) -> list[str]:
        return [name.strip() for name in str(self._recipe().get("dataset", "")).split(",") if name.strip()]

    def _recipe(self) -> dict[str, Any]:
        known = yaml.safe_load(self.recipe.read_text(encoding="utf-8")) if self.recipe is not None else {}
        if not isinstance(known, dict):
            raise ValueError(f"{self.recipe} is no recipe; give the YAML that it was trained by")
        return known | read_options(self.options)

    def _check_recipe(self) -> None:
        """Raise ValueError where the adapter was trained otherwise than the recipe says."""
        if self.trained is None or not (self.trained / "adapter_config.json").is_file():
            return
        adapter, recipe = json.loads((self.trained / "adapter_config.json").read_text(encoding="utf-8")), self._recipe()
        for key, of_adapter in (("model_name_or_path", "base_model_name_or_path"), ("lora_rank", "r"), ("lora_alpha", "lora_alpha")):
            said, was = (Path(str(known.get(name, ""))).name for known, name in ((recipe, key), (adapter, of_adapter)))
            if said and was and said != was:
                raise ValueError(
                    f"{self.recipe} says {key}: {said}, and {self.trained} was trained with {was}; "
                    f"add what was laid over the recipe: --options {key}={adapter[of_adapter]}"
                )


def _run(folder: Path) -> dict[str, Any]:
    try:
        run: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ValueError(f"{folder} is no run of finetune.benchmarks: it holds no run.json") from exc
    return run


def _example(row: dict[str, Any]) -> str:
    """A question, its steps with where their numbers come from, and the answer, in a block that nothing gets out of."""
    lines = [row["question"], ""]
    for number, step in enumerate(row["steps"], start=1):
        told = "; ".join(dict.fromkeys(f"{source['text']}: {source['why']}" for source in step["sources"]))
        lines.append(f"{number}. {step['text']}" + (f"   [{told}]" if told else ""))
    lines += ["", f"answer: {row['answer'] or 'none'}   gold: {row['gold']}"]
    text = "\n".join(lines)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
    return f"{fence}text\n{text}\n{fence}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.modelcard", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="runs of finetune.benchmarks, the base first, the model last")
    parser.add_argument("--out", type=Path, default=Path("README.md"), help="the card; its pictures are written beside it")
    parser.add_argument("--name", default="", help="of the model")
    parser.add_argument("--licence", default="gemma", help="as the Hub names it")
    parser.add_argument("--recipe", type=Path, help="the YAML that it was trained by")
    parser.add_argument("--options", nargs="*", default=[], metavar="KEY=VALUE", help="what was laid over the recipe when it was run")
    parser.add_argument("--trained", type=Path, help="LLaMA-Factory's output folder")
    parser.add_argument("--data", type=Path, help="folder of finetune.prepare")
    args = parser.parse_args(arguments)
    given = vars(args)
    out = given.pop("out")
    card = Card(**given)
    try:
        print(card.write(out))
    except (ValueError, OSError, yaml.YAMLError) as exc:
        print(f"finetune.modelcard: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
