"""While a model is fetched and loaded: a page where the real one will stand, which tells how far it is and then gives way.

with Waiting("127.0.0.1", 7860, lambda: "Fetching gemma: 3.1 of 54.0 GB"):
    engine = open_engine(settings)
"""

from __future__ import annotations

import html
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'self'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>LogicFlow</title><style>
:root {{ color-scheme: light dark; font: 1.1em system-ui, sans-serif; }}
main {{ max-width: 34em; margin: 20vh auto; padding: 0 1em; }}
</style></head><body><main><h1>LogicFlow</h1><p id="told" role="status">{told}</p></main><script>
let missed = 0;
setInterval(async () => {{
  try {{
    const answer = await fetch("loading");
    missed = 0;
    if (!answer.headers.has("X-LogicFlow-Loading")) location.reload();
    else told.textContent = await answer.text();
  }} catch {{
    if (++missed === 60) told.textContent = "The server has ended without a page; its terminal says why.";
  }}
}}, 1000);
</script></body></html>"""


class Waiting:
    """Serves the page at ``host`` and ``port`` until it is left; ``progress`` is one sentence.

    Raises:
        OSError: when it cannot listen there.
    """

    def __init__(self, host: str, port: int, progress: Callable[[], str]) -> None:
        begun = time.monotonic()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = f"{progress()} ({time.monotonic() - begun:.0f} s)"
                polled = self.path.endswith("/loading")
                body = (told if polled else PAGE.format(told=html.escape(told))).encode()
                self.send_response(200)
                self.send_header("Content-Type", f"text/{'plain' if polled else 'html'}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-LogicFlow-Loading", "1")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: it is asked every second."""

        host = host.strip("[]")  # as Gradio takes an IPv6 address

        class Server(ThreadingHTTPServer):
            address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]

        self._server = Server((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Waiting:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
