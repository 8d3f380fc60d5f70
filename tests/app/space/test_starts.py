"""A built Space in an environment made from its own requirements alone: it starts and answers a chart."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
from gradio_client import Client, handle_file

from app.space.building import build
from finetune.charts.records import Record
from tests.browser.conftest import free_port
from vision import Engine, Settings
from vision import ask as ask_engine


def test_a_built_space_starts_from_its_own_requirements(tmp_path: Path, engine: Engine, chart: Record, chart_file: Path) -> None:
    folder, environment, port = tmp_path / "space", tmp_path / "env", free_port()
    build(folder, Settings())
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", folder / "requirements.txt"], check=True, timeout=900)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LOGICFLOW", "VIRTUAL_ENV"))}
    variables = clean | {"GRADIO_SERVER_PORT": str(port), "LOGICFLOW_DATA_DIR": str(tmp_path / "kept"), "HF_HUB_OFFLINE": "1"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([python, "space.py"], cwd=folder, env=variables, stdout=log, stderr=log) as space,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(240):
                assert space.poll() is None, (tmp_path / "log").read_text()[-3000:]
                try:
                    httpx.get(address, timeout=5).raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.5)
            reply = Client(address, verbose=False).predict(handle_file(str(chart_file)), chart.question, api_name="/ask")
        finally:
            space.terminate()
    assert reply["answer"] == ask_engine(chart_file, chart.question, engine).answer
