"""A run that is killed in a step or in a save, or stopped in time, goes on to the loss curve of one that never was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from finetune.charts.__main__ import main as draw
from finetune.relay import is_done, is_whole, main, newest, run, set_aside
from vision.settings import NANO

ROOT = Path(__file__).parent.parent.parent
RECIPE = ROOT / "finetune" / "nano.yaml"
STEPS, EVERY = 70, 10


def losses(out: Path) -> dict[int, float]:
    """Loss by step; of a step that was taken twice, the last."""
    log = out / "trainer_log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return {row["current_steps"]: row["loss"] for row in rows if "loss" in row}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A model and rows that are so small that a step takes a moment, in fp32, in which the same steps give the same numbers."""
    from transformers import AutoConfig, AutoProcessor, Gemma3ForConditionalGeneration

    folder = tmp_path_factory.mktemp("small")
    config = AutoConfig.from_pretrained(NANO)
    config.text_config.hidden_size, config.text_config.intermediate_size = 80, 160
    config.text_config.num_hidden_layers, config.text_config.layer_types = 2, ["sliding_attention", "full_attention"]
    config.vision_config.num_hidden_layers = 1
    Gemma3ForConditionalGeneration(config).save_pretrained(folder / "model")
    AutoProcessor.from_pretrained(NANO).save_pretrained(folder / "model")
    assert draw(["--out", str(folder / "rows"), "--count", "32", "--renderer", "pillow", "--workers", "1"]) == 0
    small = [
        f"max_steps={STEPS}",
        f"save_steps={EVERY}",
        "logging_steps=1",
        "per_device_train_batch_size=1",
        "plot_loss=false",
        "bf16=false",
    ]
    return [f"model_name_or_path={folder / 'model'}", f"dataset_dir={folder / 'rows'}", *small, "dataloader_num_workers=0"]


def test_interrupted_runs_reach_the_same_loss_curve(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(ROOT)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(RECIPE, [*options, f"output_dir={whole}"], lambda: False)
    expected = losses(whole)
    assert list(expected) == list(range(1, STEPS + 1)) and is_done(whole)

    mine = [*options, f"output_dir={broken}"]
    command = [sys.executable, "-m", "finetune.relay", str(RECIPE), "--hours", "1", *mine]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as killed:
        while len(losses(broken)) < EVERY + 2 and killed.poll() is None:
            time.sleep(0.02)
        os.killpg(killed.pid, signal.SIGKILL)
    first = broken / f"checkpoint-{EVERY}"
    assert is_whole(first) and not is_done(broken)
    half = broken / f"checkpoint-{STEPS - 1}"  # what a kill in the middle of a save leaves
    shutil.copytree(first, half)
    (half / "trainer_state.json").unlink()

    log = broken / "trainer_log.jsonl"
    begun = log.read_text().count("\n")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stopped:
        while log.read_text().count("\n") <= begun and stopped.poll() is None:
            time.sleep(0.02)
        stopped.terminate()
    assert stopped.returncode == 3, "stopped in time"
    assert not is_done(broken) and any(broken.glob(f"broken-{half.name}-*"))
    assert run(RECIPE, mine, lambda: False)
    assert run(RECIPE, mine, lambda: False), "a run that is done is not begun again"
    found = losses(broken)
    assert found.keys() == expected.keys()
    assert max(abs(found[step] - expected[step]) for step in expected) < 2e-3


def test_two_processes_stop_after_a_checkpoint_of_theirs(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchrun's on one machine. (Going on is not tried: on CPUs torch itself cannot read the optimizer back for a rank.)"""
    two = {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "2", "OMP_NUM_THREADS": "1", "DISABLE_VERSION_CHECK": "1", "HF_HUB_OFFLINE": "1"}
    for name, value in two.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    out = tmp_path / "two"
    assert not run(RECIPE, [*options, f"output_dir={out}"], lambda: len(losses(out)) > 2)
    assert 0 < newest(out) < STEPS and newest(out) % EVERY == 0
    left = [each for each in psutil.process_iter(["cmdline"]) if str(out) in " ".join(each.info["cmdline"] or [])]
    assert not left


@pytest.mark.parametrize(("status", "outcome"), [("exit 0", 3), ("kill $$", 3), ("exit 1", 1)])
def test_a_run_that_fails_while_it_is_stopped_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, outcome: int
) -> None:
    """A stand-in for LLaMA-Factory, which a full disk, say, ends in the middle of its last checkpoint."""
    program = tmp_path / "llamafactory-cli"
    program.write_text(f"#!/bin/sh\ntrap 'trap - TERM; {status}' TERM\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o755)
    monkeypatch.setattr("finetune.relay.ROOT", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert main([str(RECIPE), "--hours", "0.0004", f"output_dir={tmp_path / 'out'}"]) == outcome
    said = capsys.readouterr()
    assert ("stopped in time" in said.out) is (outcome == 3) and ("ended with status 1" in said.err) is (outcome == 1)


def test_what_a_kill_leaves_half_written_is_set_aside(tmp_path: Path) -> None:
    def checkpoint(step: int) -> Path:
        folder = tmp_path / f"checkpoint-{step}"
        shutil.copytree(NANO / "thinking", folder)
        (folder / "trainer_state.json").write_text('{"global_step": 2, "max_steps": 6}')
        return folder

    whole, no_state, half_state, half_weights, marked, empty = map(checkpoint, range(6))
    (no_state / "trainer_state.json").unlink()
    (half_state / "trainer_state.json").write_text('{"global_step"')
    os.truncate(half_weights / "adapter_model.safetensors", 5000)
    (marked / "checkpoint-is-incomplete.txt").touch()
    shutil.rmtree(empty)
    empty.mkdir()
    assert len(set_aside(tmp_path)) == 5 and [path.name for path in tmp_path.glob("checkpoint-*")] == [whole.name]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.yaml"], "nowhere.yaml cannot be read as a recipe"),
        ([str(RECIPE), "output_dir"], "'output_dir' is no option; write key=value"),
        ([str(RECIPE), "save_only_model=true"], "save_only_model is true, so that no run can go on"),
        ([str(RECIPE), "output_dir=''"], "nano.yaml has no output_dir"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--hours", "1", *arguments]) == 2
    assert sentence in capsys.readouterr().err
