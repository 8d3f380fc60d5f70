"""The files of a run become curves; the page that follows a run is seen in tests/browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune.curves import add_mfu, main, read_run
from vision.pictures.images import open_image


def log(folder: Path, steps: range) -> None:
    with (folder / "trainer_log.jsonl").open("a") as file:
        for step in steps:
            spent = step - steps.start + 1
            row = {"current_steps": step, "total_steps": 9, "loss": 3 / step, "lr": 1e-4, "elapsed_time": f"0:00:{spent:02d}"}
            row |= {"total_tokens": 500 * step, "throughput": 500 * step / spent}
            file.write(json.dumps(row) + "\n")


def test_tokens_a_second_are_those_of_each_leg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that goes on is told by LLaMA-Factory that all of its tokens came since the second start."""
    log(tmp_path, range(1, 5))
    log(tmp_path, range(3, 8))
    assert [row.get("throughput") for row in read_run(tmp_path)] == [500, 500, 500, 500, 500, 500, 500]
    (tmp_path / "trainer_log.jsonl").write_text('{"current_steps": 1}\n')
    assert main([str(tmp_path)]) == 2 and "holds no logged step yet" in capsys.readouterr().err


def test_a_run_is_read_from_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log(tmp_path, range(1, 6))
    (tmp_path / "checkpoint-4").mkdir()
    history = [{"step": step, "loss": 1.0, "grad_norm": step / 10} for step in range(1, 5)]
    (tmp_path / "checkpoint-4" / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    with (tmp_path / "trainer_log.jsonl").open("a") as file:
        file.write('{"current_steps": 6, "lo')  # half a line
    rows = read_run(tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[3] == {"step": 4, "loss": 0.75, "learning_rate": 1e-4, "throughput": 500.0, "grad_norm": 0.4} and "grad_norm" not in rows[4]
    add_mfu(rows, 4e9, 100)
    assert rows[0]["mfu"] == pytest.approx(0.12)
    assert main([str(tmp_path)]) == 0
    assert open_image(tmp_path / "curves.png").height > 1000
    assert main([str(tmp_path / "checkpoint-4")]) == 2 and "holds no trainer_log.jsonl" in capsys.readouterr().err
