"""The Hugging Face Hub, as far as publishing needs it: over HTTP, in a thread of the tests."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40


@dataclass
class FakeHub:
    """What was sent to it; `stored` changes a file on its way, `allowed` is the token that may write."""

    allowed: str
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    stored: Callable[[str, bytes], bytes] = lambda _name, content: content


@contextmanager
def fake_hub(allowed: str) -> Iterator[FakeHub]:
    """Serve a hub on a free port of this machine for the block."""
    hub = FakeHub(allowed)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(path)
        if self.headers.get("Authorization") != f"Bearer {self.hub.allowed}":
            self._answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            self._answer(200, {"url": f"{self.hub.url}/alice/arm"})
        elif path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            modes = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]
            self._answer(200, {"files": modes})
        elif path.endswith("/commit/main"):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    name, content = line["value"]["path"], base64.b64decode(line["value"]["content"])
                    self.hub.files[name] = self.hub.stored(name, content)
            answer = {
                "commitUrl": f"{self.hub.url}/alice/arm/commit/{COMMIT}",
                "commitOid": COMMIT,
                "pullRequestUrl": "",
            }
            self._answer(200, answer)
        else:
            self._answer(200, {"warnings": [], "errors": []})  # the metadata of the card

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if "/tree/" in path:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.hub.files.items()
            ]
            self._answer(200, entries)
            return
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if name not in self.hub.files:
            self._answer(404, {"error": "not found"})
            return
        content = self.hub.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815  as the library calls it

    def _answer(self, status: int, content: object) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
