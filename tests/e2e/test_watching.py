"""Watching generations while the service stops, and going on where it left off."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from e2e.service import Service, serving

PASSWORD = "securepassword123"


def key_of(client: httpx.Client) -> dict[str, str]:
    """The header of a new user's new key."""
    account = {"email": "test@example.com", "password": PASSWORD}
    login = client.post("/v1/auth/register", json=account).json()
    bearer = {"Authorization": f"Bearer {login['access_token']}"}
    return {"Authorization": f"Bearer {client.post('/v1/keys', json={}, headers=bearer).json()['key']}"}


def client_of(service: Service) -> httpx.Client:
    """A client of a running service."""
    return httpx.Client(base_url=service.url, timeout=60)


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Identifier and data of each event, as they come."""
    identifier = ""
    for line in answer.iter_lines():
        name, _, text = line.partition(": ")
        if name == "id":
            identifier = text
        elif name == "data":
            yield identifier, json.loads(text)


def test_streams_end_with_the_service_and_go_on_with_the_next(tmp_path: Path) -> None:
    """After SIGTERM every stream ends well, and the service with 0; the next process tells what comes after."""
    variables = {"IMAGEGEN_SKETCH_FAULTS": "1", "IMAGEGEN_CONCURRENCY": "1", "IMAGEGEN_GRACE_SECONDS": "1"}
    with serving(tmp_path, variables) as service, client_of(service) as client, ExitStack() as streams:
        key = key_of(client)
        prompts = ("a cat [[slow:60]]", "a dog")
        asked = [client.post("/v1/generations", json={"prompt": prompt}, headers=key) for prompt in prompts]
        paths = [f"{answer.headers['location']}/events" for answer in asked]
        watched = [events(streams.enter_context(client.stream("GET", path, headers=key))) for path in paths]
        heard = [next(each) for each in watched]
        assert heard == [("1.0", {"status": "queued"})] * 2
        assert service.stop() == 0
        rest = [list(each) for each in watched]
    assert [[identifier for identifier, _ in each] for each in rest] == [["2.0", "2.1"], ["1.1"]]
    with serving(tmp_path, {}) as service, client_of(service) as client:
        for path, each, end in zip(paths, rest, ("failed", "succeeded"), strict=True):
            after = key | {"Last-Event-ID": each[-1][0]}
            with client.stream("GET", path, headers=after) as answer:
                told = [(identifier, data) for identifier, data in events(answer) if identifier >= "4"]
            assert [(identifier, data["status"]) for identifier, data in told] == [("4.0", end), ("5.0", end)]
