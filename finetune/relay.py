"""Train on machines that are lent for hours: stop at a checkpoint in time, go on at the next call, survive a kill in between.

    python -m finetune.relay finetune/logicflow.yaml --hours 8.5 output_dir=saves/try        # or: make relay RECIPE=… HOURS=8.5
    python -m finetune.relay finetune/grpo_gemma2_2b.yaml --hours 8.5                        # recipes for GRPO too

Call it again and again with the same words until it says that the run is done; SIGTERM stops it in time too. One
process writes a checkpoint there and then; several GPUs are stopped after the next one that save_steps makes, so leave them the
time. Exit codes: 0 done, 3 stopped in time, call again; 1 the run failed; 2 bad input. A checkpoint that a kill left half written
is set aside, since LLaMA-Factory would go on from it and fail.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from finetune.command import ended, reported
from finetune.options import read_options

ROOT = Path(__file__).parent.parent
POLL_S = 1.0
GRACE_S = 20.0
"""Seconds to end in when asked to, before it is made to."""


class RelayError(Exception):
    """What cannot be run, in one sentence with the remedy."""


class RunFailed(RelayError):
    """A run that ended before its last step and was not asked to."""

    exit_code = 1


def settings_of(recipe: Path, options: Sequence[str]) -> dict[str, Any]:
    """The recipe with ``key=value`` options on top.

    Raises:
        RelayError: for a recipe that cannot be gone on with.
    """
    try:
        written = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        written = None
    if not isinstance(written, dict):
        raise RelayError(f"{recipe} cannot be read as a recipe; python -m finetune.preflight says why")
    try:
        written |= read_options(options)
    except ValueError as exc:
        raise RelayError(str(exc)) from exc
    for key in ("overwrite_output_dir", "save_only_model"):
        if written.get(key):
            raise RelayError(f"{key} is true, so that no run can go on from a checkpoint; remove it from {recipe.name}")
    if not written.get("output_dir"):
        raise RelayError(f"{recipe.name} has no output_dir, where checkpoints would be looked for")
    return dict(written)


def is_whole(checkpoint: Path) -> bool:
    """Whether ``checkpoint`` was written to its end: its state, its weights and its optimizer can be read."""
    try:
        if (checkpoint / "checkpoint-is-incomplete.txt").exists():
            return False
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        weights = list(checkpoint.glob("*.safetensors"))
        # DeepSpeed and FSDP have files of their own for the optimizer, one a rank.
        own = list(checkpoint.glob("optimizer.pt"))
        return bool(weights) and all(map(_complete, weights)) and all(zipfile.is_zipfile(path) for path in own)
    except (OSError, ValueError):
        return False


def _complete(weights: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    with weights.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return weights.stat().st_size == 8 + size + max(ends, default=0)


def set_aside(out: Path) -> list[Path]:
    """Rename checkpoints that are not whole, so that nothing goes on from them; where they are now."""
    moved = []
    for checkpoint in sorted(out.glob("checkpoint-*")):
        if checkpoint.is_dir() and checkpoint.name[11:].isdigit() and not is_whole(checkpoint):
            target = out / f"broken-{checkpoint.name}-{time.time_ns()}"
            moved.append(checkpoint.rename(target))
    return moved


def is_done(out: Path) -> bool:
    """Whether a run has taken its last step and written its adapter."""
    try:
        state = json.loads((out / "trainer_state.json").read_text(encoding="utf-8"))
        return int(state["global_step"]) >= int(state["max_steps"])
    except (OSError, ValueError, KeyError):
        return False


def run(recipe: Path, options: Sequence[str], due: Callable[[], bool]) -> bool:
    """Train until the end, or until a checkpoint after ``due``; whether the run is done.

    Raises:
        RelayError: when LLaMA-Factory is not there; :class:`RunFailed` when it fails.
    """
    out = Path(settings_of(recipe, options)["output_dir"])
    if is_done(out):
        return True
    for broken in set_aside(out) if out.is_dir() else []:
        print(f"a kill left a half checkpoint; it is now {broken}", file=sys.stderr)
    try:
        process = _begin(recipe, options)
    except OSError as exc:
        raise RelayError("LLaMA-Factory is not here: make environments") from exc
    stopping, ended, known = False, False, 0
    try:
        while process.poll() is None:
            if not stopping and due():
                stopping, known = True, newest(out)
                if is_alone(process.pid):
                    process.terminate()
                else:
                    print("stopping at the next checkpoint that save_steps makes", file=sys.stderr)
            elif stopping and newest(out) > known and not is_alone(process.pid):
                _end(process, 0.0)
                ended = True
            time.sleep(POLL_S)
    finally:
        if process.poll() is None:  # we are being stopped ourselves
            _end(process, GRACE_S)
    if is_done(out):
        return True
    if process.returncode == 2 and settings_of(recipe, options).get("stage") == "grpo":
        raise RelayError(f"{recipe.name} cannot be trained; the line before says why")
    if not stopping or (not ended and process.returncode not in (0, 3, -signal.SIGTERM)):
        raise RunFailed(f"the run ended with status {process.returncode}; its last lines say why")
    return False


def _begin(recipe: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """The run, begun by TRL in this environment where its stage is ``grpo``, else by LLaMA-Factory in its own."""
    if settings_of(recipe, options).get("stage") == "grpo":
        return subprocess.Popen([sys.executable, "-m", "finetune.grpo", str(recipe), *options], cwd=ROOT)
    # LLaMA-Factory looks for torchrun there too.
    environment = os.environ | {"PATH": f"{ROOT / '.venv-train' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    cli = shutil.which("llamafactory-cli", path=environment["PATH"]) or "llamafactory-cli"
    return subprocess.Popen([cli, "train", str(recipe), "enable_jit_checkpoint=true", *options], env=environment)


def newest(out: Path) -> int:
    """The step of the last whole checkpoint in ``out``, 0 without any."""
    steps = [path.name.removeprefix("checkpoint-") for path in out.glob("checkpoint-*") if is_whole(path)]
    return max((int(step) for step in steps if step.isdigit()), default=0)


def is_alone(pid: int) -> bool:
    """Whether one process trains, which writes a checkpoint when it is told to end.

    Several would be told at different steps, and those that train on would wait for those that have ended.
    """
    try:
        root = psutil.Process(pid)
        family = (root, *root.children(recursive=True))
        return "USE_RAY" not in os.environ and not any(Path(part).name == "torchrun" for each in family for part in each.cmdline())
    except psutil.NoSuchProcess:
        return True


def _end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """End a run with everything that it has started, at once or after being asked to; its last checkpoint stays."""
    root = psutil.Process(process.pid)
    family = [root, *root.children(recursive=True)]
    if grace_s:
        process.terminate()
    _, alive = psutil.wait_procs(family, grace_s)
    for each in alive:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.relay", description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--hours", type=float, required=True, help="after which a checkpoint is written and the run stops")
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="as llamafactory-cli or finetune.grpo takes them")
    args = parser.parse_intermixed_args(arguments)
    if args.hours <= 0:
        parser.error(f"--hours is {args.hours:g}; expected more than 0")
    end, called = time.monotonic() + args.hours * 3600, threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: called.set())  # a machine that is taken away says so before

    def work() -> int:
        return ended(run(args.recipe, args.options, lambda: called.is_set() or time.monotonic() >= end))

    return reported("relay", work, RelayError)


if __name__ == "__main__":
    sys.exit(main())
