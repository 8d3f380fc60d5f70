"""A local stand-in for the part of the Hub's HTTP API that a push needs; it records what arrives."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    hub: Any

    def log_message(self, *_: Any) -> None: ...

    def _answer(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            made = b""
            while size := int(self.rfile.readline(), 16):
                made += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return made
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "/tree/" in path:
            self._answer([{"type": "file", "path": name, "oid": "0" * 40, "size": 1} for name in self.hub.files])
        else:
            names = [{"rfilename": name} for name in self.hub.files]
            self._answer({"id": "me/charts", "sha": "0" * 40, "siblings": names, "sdk": "gradio", "private": False, "tags": []})

    def do_PUT(self) -> None:
        if self.path.endswith("/settings"):
            self.hub.calls.append((self.headers.get("Authorization", ""), self.path, json.loads(self._body())))
            self._answer({})
            return
        self.hub.objects[self.path.rsplit("/", 1)[1]] = self._body()
        self.hub.uploads += 1
        self._answer({})

    def do_POST(self) -> None:
        body, path = self._body(), self.path.partition("?")[0]
        if path.endswith("/commit/main"):
            self._commit([json.loads(line) for line in body.splitlines() if line.strip()])
            return
        value = json.loads(body) if body.strip().startswith((b"{", b"[")) else {}
        self.hub.calls.append((self.headers.get("Authorization", ""), path, value))
        if path.endswith("/preupload/main"):
            modes = [{"path": file["path"], "uploadMode": _mode(file["path"]), "shouldIgnore": False} for file in value["files"]]
            self._answer({"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            self._answer({"transfer": "basic", "objects": [self._object(item) for item in value["objects"]]})
        elif path == "/api/repos/create":
            self._answer({"url": f"{self.hub.address}/spaces/me/charts", "name": "me/charts", "id": "0"})
        elif path.endswith("/hardware"):
            self._answer({"stage": "BUILDING", "hardware": {"current": None, "requested": value["flavor"]}})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        else:
            self._answer({})

    def _object(self, item: dict[str, Any]) -> dict[str, Any]:
        known = item["oid"] in self.hub.objects
        actions = {} if known else {"actions": {"upload": {"href": f"{self.hub.address}/objects/{item['oid']}"}}}
        return {"oid": item["oid"], "size": item["size"], **actions}

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        if self.hub.fail_commits:
            self.hub.fail_commits -= 1
            self._answer({"error": "the connection broke"}, 500)
            return
        for line in lines:
            if line["key"] == "file":
                self.hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                self.hub.files[line["value"]["path"]] = line["value"]["oid"]
            elif line["key"] == "deletedFile":
                self.hub.files.pop(line["value"]["path"], None)
        self._answer({"success": True, "commitUrl": f"{self.hub.address}/spaces/me/charts/commit/1", "commitOid": "1" * 40})


class Hub:
    """Serves until :meth:`close`. ``fail_commits`` makes so many commits fail first."""

    def __init__(self, fail_commits: int = 0) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.files: dict[str, bytes | str] = {}
        self.objects: dict[str, bytes] = {}
        self.uploads = 0
        self.fail_commits = fail_commits
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _mode(path: str) -> str:
    return "lfs" if path.endswith((".safetensors", ".png")) else "regular"
