"""A target that can be started, given an account, asked once and stopped."""

import base64
import json
import uuid
from pathlib import Path
from typing import Any, Final

import measure
import pictures
from process import Process, free_port, request, run
from targets import Target

_JSON: Final = {"content-type": "application/json"}


class Service:
    """A target and its process."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self.headers = {**_JSON, **target.headers}
        self.port = free_port()
        self._folder = folder / target.name
        self._folder.mkdir()
        self._process: Process | None = None
        if target.setup:
            run(target.setup, self._filled_environment(), self._folder)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The root of the processes to measure."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> tuple[float, float]:
        """Start and return the seconds until it was healthy and the MiB it then holds."""
        command = tuple(part.replace("{port}", str(self.port)) for part in self.target.command)
        self._process = Process(command, self._filled_environment(), self._folder)
        ready = self._process.wait_until_healthy(self.url + self.target.health)
        return ready, measure.resident_mib(measure.tree(self.pid))

    def stop(self) -> None:
        """Stop, if it runs."""
        if self._process:
            self._process.stop()
            self._process = None

    def register(self) -> None:
        """Register a user and issue the key that all later requests bear."""
        user = {"email": f"bench-{uuid.uuid4().hex}@example.com", "password": uuid.uuid4().hex}
        account = self._created("/v1/auth/register", user, {})
        bearer = {"authorization": f"Bearer {account['access_token']}"}
        key = self._created("/v1/keys", {"name": "bench"}, bearer)
        self.headers["authorization"] = f"Bearer {key['key']}"

    def body(self, window: int) -> str:
        """The body of the requests of a window, with the place for the request's number left open."""
        return json.dumps(self.target.body).replace("{window}", f"{window:05d}")

    def verify(self, body: str, size: int) -> None:
        """Ask once and raise unless the very picture comes back, inline or from its URL."""
        status, answer = request("POST", self.url + self.target.path, body.encode(), self.headers)
        if status not in {200, 201}:
            raise RuntimeError(f"{self.target.name} answered {status}: {answer[:500]!r}")
        where = self.target.picture(json.loads(answer))
        if where.startswith(("http:", "https:", "/")):
            link = where if where.startswith("http") else self.url + where
            picture = request("GET", link)[1]
        else:
            picture = base64.b64decode(where.rpartition(",")[2], validate=True)
        pictures.check(picture, size)

    def forget_pictures(self) -> int:
        """Delete the pictures that were stored and return how many that was; what else lies there goes by itself."""
        files = [*self.target.stores.rglob("*.png")] if self.target.stores else []
        for path in files:
            path.unlink()
        return len(files)

    def _filled_environment(self) -> dict[str, str]:
        return {key: text.replace("{port}", str(self.port)) for key, text in self.target.environment.items()}

    def _created(self, path: str, body: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
        status, answer = request("POST", self.url + path, json.dumps(body).encode(), {**_JSON, **headers})
        if status != 201:
            raise RuntimeError(f"{self.target.name} answered {status} to {path}: {answer[:500]!r}")
        created: dict[str, Any] = json.loads(answer)
        return created
