"""API keys over HTTP."""

import re
from typing import Any

import httpx
import pytest

from builders import NOW, new_id
from house import House
from visitors import Visitor, assert_problem, bearer, register

GENERATE = {"prompt": "A cute banana"}


async def issue(client: httpx.AsyncClient, visitor: Visitor, **body: Any) -> dict[str, Any]:
    """A new key, as it was answered."""
    answer = await client.post("/v1/keys", json=body, headers=visitor.token)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_key_is_shown_once(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """201 with 40 characters of key; afterwards only its first 12 are ever seen."""
    issued = await issue(client, visitor, name="My Test Key")
    assert re.fullmatch(r"nb_live_[0-9a-f]{32}", issued["key"])
    assert (issued["name"], issued["prefix"]) == ("My Test Key", issued["key"][:12])
    assert (issued["scopes"], issued["is_active"]) == (["generate", "read", "write"], True)
    listed = await client.get("/v1/keys", headers=visitor.token)
    assert issued["key"] not in listed.text
    assert "key" not in listed.json()["data"][0]
    assert listed.json()["data"][0] == {name: value for name, value in issued.items() if name != "key"}


async def test_a_revoked_key_is_refused_from_the_next_request_on(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """204, then 401 `key_revoked`; the key stays in the list, not active; revoking twice is fine."""
    assert (await client.post("/v1/generate", json=GENERATE, headers=visitor.key)).status_code == 201
    for _ in range(2):
        revoked = await client.delete(f"/v1/keys/{visitor.key_id}", headers=visitor.token)
        assert (revoked.status_code, revoked.content) == (204, b"")
    refused = await client.post("/v1/generate", json=GENERATE, headers=visitor.key)
    assert_problem(refused, 401, "key_revoked")
    assert refused.headers["www-authenticate"] == "Bearer"
    (key,) = (await client.get("/v1/keys", headers=visitor.token)).json()["data"]
    assert (key["is_active"], key["revoked_at"] is not None) == (False, True)
    renamed = await client.patch(f"/v1/keys/{visitor.key_id}", json={"name": "x"}, headers=visitor.token)
    assert_problem(renamed, 409, "illegal_transition")


async def test_a_key_expires(client: httpx.AsyncClient, house: House, visitor: Visitor) -> None:
    """At its expiry a key is 401 `key_expired` and not active; an expiry is told in UTC."""
    issued = await issue(client, visitor, expires_at="2026-03-14T17:00:00+01:00")
    assert issued["expires_at"] == "2026-03-14T16:00:00Z"
    house.clock.advance(minutes=51)
    assert_problem(await client.get("/v1/images", headers=bearer(issued["key"])), 401, "key_expired")
    token = (await client.post("/v1/auth/refresh", json={"refresh_token": visitor.refresh_token})).json()
    listed = (await client.get("/v1/keys", headers=bearer(token["access_token"]))).json()["data"]
    assert [key["is_active"] for key in listed] == [False, True]


async def test_a_key_is_changed_where_it_is_told_to(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`PATCH` changes name, scopes or expiry and leaves the rest; the very next request is judged by it."""
    path = f"/v1/keys/{visitor.key_id}"
    later = "2027-01-01T00:00:00Z"
    assert (await client.patch(path, json={"expires_at": later}, headers=visitor.token)).json()["expires_at"] == later
    changed = await client.patch(path, json={"scopes": ["read", "read"], "name": "x"}, headers=visitor.token)
    assert (changed.json()["scopes"], changed.json()["expires_at"], changed.json()["name"]) == (["read"], later, "x")
    assert_problem(await client.post("/v1/generate", json=GENERATE, headers=visitor.key), 403, "scope_missing")
    assert (await client.get("/v1/images", headers=visitor.key)).status_code == 200
    assert (await client.patch(path, json={"expires_at": None}, headers=visitor.token)).json()["expires_at"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"expires_at": 1893456000}, "/expires_at"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["admin"]}, "/scopes/0"),
        ({"daily_image_limit": 5}, "/daily_image_limit"),
    ],
)
async def test_a_key_is_checked(
    client: httpx.AsyncClient, visitor: Visitor, body: dict[str, Any], pointer: str
) -> None:
    """An empty name, an expiry that is past, has no offset or is beyond the calendar, and what is unknown are 422."""
    for method, path in (("POST", "/v1/keys"), ("PATCH", f"/v1/keys/{visitor.key_id}")):
        answer = await client.request(method, path, json=body, headers=visitor.token)
        assert assert_problem(answer, 422, "invalid_request")["errors"][0]["pointer"] == pointer


async def test_somebody_elses_key_answers_as_a_missing_one(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """The bodies are the same but for the request's id and the path that was asked for."""
    stranger = await register(client)
    answers = []
    for key in (visitor.key_id, f"key_{new_id()}", "key_1", visitor.key_id.replace("key_", "usr_")):
        for method, body in (("DELETE", None), ("PATCH", {"name": "mine"})):
            answer = await client.request(method, f"/v1/keys/{key}", json=body, headers=stranger.token)
            problem = assert_problem(answer, 404, "not_found")
            answers.append({name: problem[name] for name in problem.keys() - {"request_id", "instance"}})
    assert all(answer == answers[0] for answer in answers)
    assert (await client.get("/v1/images", headers=visitor.key)).status_code == 200


async def test_a_key_cannot_manage_keys(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Every route of the keys is 403 for a key, and 401 for one that is not good for anything."""
    for method, path, body in (
        ("POST", "/v1/keys", {}),
        ("GET", "/v1/keys", None),
        ("PATCH", f"/v1/keys/{visitor.key_id}", {"name": "x"}),
        ("DELETE", f"/v1/keys/{visitor.key_id}", None),
    ):
        answer = await client.request(method, path, json=body, headers=visitor.key)
        assert_problem(answer, 403, "session_required")
        unknown = await client.request(method, path, json=body, headers=bearer(f"nb_live_{'0' * 32}"))
        assert_problem(unknown, 401, "invalid_api_key")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "credentials_missing"),
        ("", "credentials_missing"),
        ("Bearer", "credentials_missing"),
        ("Bearer ", "credentials_missing"),
        ("Basic dXNlcjpwYXNz", "credentials_missing"),
        ("nb_live_" + "0" * 32, "credentials_missing"),
        ("Bearer nb_live_" + "0" * 32, "invalid_api_key"),
        ("Bearer nb_live_" + "0" * 31, "invalid_api_key"),
        ("Bearer nb_live_" + "G" * 32, "invalid_api_key"),
        ("Bearer something", "invalid_api_key"),
        ("Bearer " + "x" * 5000, "invalid_api_key"),
    ],
)
async def test_who_nobody_knows_is_401(client: httpx.AsyncClient, header: str | None, code: str) -> None:
    """No header, another scheme, another form and an unknown key are all 401 with `WWW-Authenticate`."""
    headers = {} if header is None else {"Authorization": header}
    answer = await client.post("/v1/generate", json=GENERATE, headers=headers)
    assert_problem(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_counts_in_one_header_only(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A key in the query, in a cookie or in another header is no credential."""
    key = visitor.key["Authorization"].removeprefix("Bearer ")
    for request in (
        {"params": {"api_key": key, "key": key, "access_token": key}},
        {"headers": {"Cookie": f"api_key={key}; session={key}"}},
        {"headers": {"X-API-Key": key, "Api-Key": key}},
    ):
        assert_problem(await client.get("/v1/images", **request), 401, "credentials_missing")  # type: ignore[arg-type]  # httpx's overloads


async def test_the_list_is_paged(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Newest first, `limit` rows a page, each key once, also while others are issued."""
    issued = [(await issue(client, visitor))["id"] for _ in range(3)]
    first = (await client.get("/v1/keys", params={"limit": 2}, headers=visitor.token)).json()
    await issue(client, visitor)
    query = {"limit": 100, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/keys", params=query, headers=visitor.token)).json()
    ids = [key["id"] for key in first["data"] + second["data"]]
    assert ids == [*issued[::-1], visitor.key_id]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, "invalid_request"),
        ({"limit": 101}, "invalid_request"),
        ({"limit": "many"}, "invalid_request"),
        ({"cursor": "broken"}, "invalid_cursor"),
        ({"cursor": "A" * 24}, "invalid_cursor"),
        ({"cursor": ""}, "invalid_cursor"),
        ({"cursor": "é" * 24}, "invalid_cursor"),
        ({"cursor": "A" * 101}, "invalid_request"),
    ],
)
async def test_a_page_is_checked(client: httpx.AsyncClient, visitor: Visitor, query: dict[str, Any], code: str) -> None:
    """A limit out of bounds and a cursor that was not made here are 422, with the parameter's name."""
    answer = await client.get("/v1/keys", params=query, headers=visitor.token)
    assert assert_problem(answer, 422, code)["errors"][0]["pointer"] == f"#{next(iter(query))}"


async def test_the_last_use_is_told(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A key that was used says when, to the minute."""
    await client.get("/v1/images", headers=visitor.key)
    (key,) = (await client.get("/v1/keys", headers=visitor.token)).json()["data"]
    assert key["last_used_at"] == NOW.isoformat().replace("+00:00", "Z")
