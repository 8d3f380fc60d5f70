"""Servers for the remote engine: a real one on nano, and one that fails as servers do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

Write = Callable[[dict[str, Any] | bytes], None]
"""Sends one chunk: fields of a delta (``finish`` and ``usage`` beside them), or bytes as they are."""
Behaviour = Callable[["Handler", dict[str, Any], Write], None]


class Handler(BaseHTTPRequestHandler):
    """Chat completions as ``behaviour`` of its server has them."""

    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_GET(self) -> None:
        self.reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        begun = False

        def write(chunk: dict[str, Any] | bytes) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
            if isinstance(chunk, dict):
                usage, finish = chunk.pop("usage", None), chunk.pop("finish", None)
                choices = [{"index": 0, "delta": chunk, "finish_reason": finish}] if chunk or finish else []
                whole = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices, "usage": usage}
                chunk = f"data: {json.dumps(whole)}\n\n".encode()
            self.wfile.write(chunk)
            self.wfile.flush()

        try:
            self.server.behaviour(self, body, write)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()
        self.close_connection = True

    def reply(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Scripted(ThreadingHTTPServer):
    """A server that behaves as it is told.

    Attributes:
        asked: bodies of all requests.
        left: set once a client has gone away in the middle.
    """

    daemon_threads = True

    def __init__(self, behaviour: Behaviour, models: tuple[str, ...] = ("m",)) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour, self.models = behaviour, models
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def scripted(behaviour: Behaviour, models: tuple[str, ...] = ("m",)) -> Iterator[Scripted]:
    server = Scripted(behaviour, models)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def merged_nano(folder: Path) -> Path:
    """Nano and its adapter as one checkpoint, which is what servers load."""
    from vision import Settings
    from vision.engines.loading import load

    loaded = load(Settings())
    loaded.model.save_pretrained(folder)
    loaded.processor.save_pretrained(folder)
    return folder


VLLM = Path(__file__).parent.parent / ".venv-vllm" / "bin" / "python"
"""vLLM lives in an environment of its own (``make vllm``), which is too large to be asked of every test run."""

Serving = Iterator[tuple[str, "subprocess.Popen[bytes]"]]


@contextmanager
def transformers_serve(model: Path, port: int) -> Serving:
    """The address of ``transformers serve`` on ``model``, and its process."""
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(model), "--port", str(port), "--device", "cpu"]
    with _serving([*command, "--dtype", "float32"], {}, model, port) as serving:
        yield serving


@contextmanager
def vllm_serve(model: Path, port: int) -> Serving:
    """The same for vLLM on a CPU."""
    command = [str(VLLM), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--port", str(port)]
    command += ["--dtype", "bfloat16", "--enforce-eager", "--enable-prefix-caching", "--max-model-len", "2048"]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1"}
    with _serving(command, environment, model, port) as serving:
        yield serving


@contextmanager
def _serving(command: list[str], environment: dict[str, str], model: Path, port: int) -> Serving:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1"} | environment
    with (model / "serve.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            deadline, ready = time.monotonic() + 300, False
            while not ready and time.monotonic() < deadline and process.poll() is None:
                try:
                    ready = httpx.get(f"http://localhost:{port}/health", timeout=5).status_code == 200
                except httpx.TransportError:
                    time.sleep(0.5)
            assert ready, (model / "serve.log").read_text()[-2000:]
            yield f"http://localhost:{port}/v1", process
        finally:
            process.terminate()
            process.wait(30)


def says(*pieces: str, finish: str = "stop", field: str = "content", tokens: int = 0) -> Any:
    """Writes ``pieces``, each a token unless the server counts otherwise."""

    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        for piece in pieces:
            write({field: piece})
        write({"finish": finish})
        made = tokens or len(pieces)
        write({"usage": {"prompt_tokens": 300, "completion_tokens": made, "total_tokens": 300 + made}})
        write(b"data: [DONE]\n\n")

    return behave


# A real server.


def fails(status: int, message: str, times: int = 99) -> Any:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        if len(handler.server.asked) <= times:
            handler.reply(status, {"error": {"message": message, "type": "x", "code": status}})
        else:
            says("<think>", "\nRead", " it.", "\n</think>", "\n\nThe answer", " is 7.")(handler, body, write)

    return behave
