"""The course of a run, LLaMA-Factory's or GRPO's: pictures, or a page that follows it while it runs. No account, only the files of the run.

python -m finetune.curves saves/logicflow                  # writes curves.png into the folder
python -m finetune.curves saves/logicflow --follow         # a page that draws them anew as steps come in
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from finetune.files import save_figure

SHOWN = {
    "loss": "loss",
    "learning_rate": "learning rate",
    "grad_norm": "gradient norm",
    "throughput": "tokens a second, padding too",
    "mfu": "MFU",
    "reward": "reward, all together",
    "kl": "KL to the reference",
    "entropy": "entropy",
    "completions/mean_length": "tokens of an attempt",
    "completions/clipped_ratio": "share cut off",
    "frac_reward_zero_std": "share of groups that teach nothing",
}
"""What is drawn, by the names under which rows have it; rewards by their own names beside these."""
REWARD = re.compile(r"rewards/(\w+)/mean")
REFRESH_S = 5.0


def read_run(folder: Path) -> list[dict[str, float]]:
    """What the run in ``folder`` has logged so far, a row a step, later words about a step over earlier ones.

    LLaMA-Factory's own log tells loss, learning rate and, with ``include_num_input_tokens_seen: true``, tokens as it goes;
    gradient norms stand in the checkpoints.

    Raises:
        FileNotFoundError: when no step was logged there.
    """
    found: dict[int, dict[str, float]] = {}
    leg = _Leg()
    log = folder / "trainer_log.jsonl"
    if not log.is_file():
        raise FileNotFoundError(f"{folder} holds no trainer_log.jsonl; give the output folder of a run that has logged a step")
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue  # still being written
        if "loss" in row:
            _add(found, int(row["current_steps"]), row | {"learning_rate": row.get("lr"), "throughput": leg.throughput(row)})
    for state in folder.glob("**/trainer_state.json"):
        try:
            history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
        except (ValueError, KeyError):
            continue
        for row in history:
            if "loss" in row and int(row["step"]) in found:
                _add(found, int(row["step"]), {"grad_norm": row.get("grad_norm")})
    if not found:
        raise FileNotFoundError(f"{folder} holds no logged step yet; wait for the first, or lower logging_steps")
    return [{"step": step, **found[step]} for step in sorted(found)]


class _Leg:
    """A stretch of a run between two starts.

    After a start LLaMA-Factory divides the tokens of the whole run by the time since then, so from the second start on they
    are counted from a leg's first row here.
    """

    def __init__(self) -> None:
        self.count, self.last_s = 0, float("inf")
        self.first: tuple[float, float] = (0.0, 0.0)

    def throughput(self, row: dict[str, Any]) -> float | None:
        """Tokens a second of the leg until ``row``, None where they cannot be told."""
        spent, tokens = _seconds(str(row.get("elapsed_time", ""))), row.get("total_tokens")
        if spent is None or not isinstance(tokens, (int, float)):
            return None
        if spent < self.last_s:
            self.count, self.first = self.count + 1, (spent, tokens) if self.count else (0.0, 0.0)
        self.last_s = spent
        return (tokens - self.first[1]) / (spent - self.first[0]) if spent > self.first[0] else None


def _seconds(written: str) -> float | None:
    """Seconds of a time as Python writes it.

    >>> _seconds("0:01:05"), _seconds("2 days, 1:00:00")
    (65.0, 176400.0)
    """
    days, _, clock = written.rpartition(" days, " if " days, " in written else " day, ")
    try:
        hours, minutes, seconds = (float(part) for part in clock.split(":"))
        return float(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds
    except ValueError:
        return None


def _add(found: dict[int, dict[str, float]], step: int, row: dict[str, Any]) -> None:
    shown = (name for name in row if name in SHOWN or REWARD.fullmatch(name))
    kept = {name: float(row[name]) for name in shown if isinstance(row[name], (int, float))}
    found[step] = found.get(step, {}) | kept


def add_mfu(rows: list[dict[str, float]], parameters: float, tflops: float) -> None:
    """Add the share of a peak of ``tflops`` that LoRA with recomputed activations makes of each row's tokens a second."""
    for row in rows:
        if "throughput" in row:
            row["mfu"] = 6 * parameters * row["throughput"] / (tflops * 1e12)


def draw(rows: list[dict[str, float]]) -> Figure:
    """A plot for everything that the rows tell."""
    rewards = sorted({name for row in rows for name in row if REWARD.fullmatch(name)})
    names = [*(name for name in SHOWN if any(name in row for row in rows)), *rewards]
    figure = Figure(figsize=(8, 2.6 * len(names)), dpi=110, layout="constrained")
    for axes, name in zip(figure.subplots(len(names), sharex=True, squeeze=False)[:, 0], names, strict=True):
        points = [(row["step"], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), marker="." if len(points) < 50 else "")
        axes.set(ylabel=SHOWN.get(name) or REWARD.sub(r"\1", name).replace("_", " "))
        axes.grid(alpha=0.3)
    axes.set(xlabel="step")
    return figure


def _samples(folder: Path) -> str:
    """The last answers to the fixed questions of a GRPO run as a Markdown table under a line; "" without any."""
    try:
        noted = [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return ""  # there are none, or one is being written
    lines = ["", "", "| step | question | gold | completion | earned |", "|---|---|---|---|---|"]
    for row in noted[-8:]:
        cells = (row["question"], row["gold"], row["text"], ", ".join(f"{name} {value}" for name, value in row["rewards"].items() if value))
        lines.append(f"| {row['step']} | " + " | ".join(_cell(str(each)) for each in cells) + " |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """``text`` as it is, in a cell of a table: what a model wrote makes no markup."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|~$-])", r"\\\1", " ".join(text.split()))


def page(folder: Path, peak: tuple[float, float] | None) -> Any:
    """A Gradio page that draws the run in ``folder`` anew every few seconds."""
    import gradio as gr

    def now() -> tuple[str, Figure | None]:
        try:
            rows = read_run(folder)
        except FileNotFoundError:
            return f"Waiting for the first step in `{folder.name}`.", None
        if peak:
            add_mfu(rows, *peak)
        return f"Step {rows[-1]['step']:.0f}, loss {rows[-1]['loss']:.4f}{_samples(folder)}", draw(rows)

    with gr.Blocks(title=f"{folder.name} · LogicFlow") as blocks:
        gr.Markdown(f"# {folder.name}")
        said, plot = gr.Markdown(), gr.Plot(show_label=False)
        blocks.load(now, None, [said, plot], api_visibility="private")
        gr.Timer(REFRESH_S).tick(now, None, [said, plot], api_visibility="private", show_progress="hidden")
    return blocks


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.curves", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="output folder of a run")
    parser.add_argument("--follow", action="store_true", help="open a page instead of writing a picture")
    parser.add_argument("--port", type=int, default=7861, help="of the page")
    parser.add_argument("--model", default="", help="base of the run, for MFU; needs --tflops")
    parser.add_argument("--tflops", type=float, default=0.0, help="peak of all GPUs together, for MFU")
    args = parser.parse_args(arguments)
    try:
        peak = None
        if args.model and args.tflops > 0:
            from finetune.footprint import Footprint, Plan, config_of

            peak = (float(Footprint(config_of(args.model), Plan()).frozen), args.tflops)
        if args.follow:
            page(args.folder, peak).launch(server_name="127.0.0.1", server_port=args.port)
            return 0
        rows = read_run(args.folder)
        if peak:
            add_mfu(rows, *peak)
        print(save_figure(draw(rows), args.folder / "curves.png"))
    except (OSError, ValueError) as exc:
        print(f"finetune.curves: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
