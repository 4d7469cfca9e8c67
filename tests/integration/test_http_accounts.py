"""Accounts and sessions over HTTP."""

from typing import Any

import httpx
import pytest

from builders import new_id
from generating import pictures
from house import PASSWORD, House, a_house
from visitors import Visitor, assert_problem, bearer, generate, register

ANOTHER = "another good password"


async def log_in(client: httpx.AsyncClient, visitor: Visitor, password: str = PASSWORD) -> dict[str, Any]:
    """Another session of a visitor."""
    answer = await client.post("/v1/auth/login", json={"email": visitor.email, "password": password})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def is_in(client: httpx.AsyncClient, access_token: str) -> bool:
    """Whether an access token still works."""
    return (await client.get("/v1/auth/me", headers=bearer(access_token))).status_code == 200


async def test_registering_answers_with_everything_needed(client: httpx.AsyncClient) -> None:
    """201 with the user and both tokens, the email normalized, and nothing of the password."""
    body = {"email": "  Test@EXAMPLE.com ", "password": PASSWORD, "name": "Test"}
    answer = await client.post("/v1/auth/register", json=body)
    assert answer.status_code == 201
    login = answer.json()
    assert login.keys() == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert login["user"].keys() == {"id", "email", "name", "avatar_url", "role", "created_at"}
    assert login["user"]["id"].startswith("usr_")
    assert len(login["user"]["id"]) == len("usr_") + 36
    assert (login["user"]["email"], login["user"]["role"]) == ("Test@example.com", "user")
    assert login["user"]["created_at"].endswith("Z")
    assert (login["token_type"], login["expires_in"]) == ("bearer", 3600)
    assert PASSWORD not in answer.text
    assert await is_in(client, login["access_token"])


async def test_a_taken_email_is_a_conflict(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A second account for the address, in whichever case, is 409 `email_taken`."""
    body = {"email": visitor.email.upper(), "password": PASSWORD}
    assert_problem(await client.post("/v1/auth/register", json=body), 409, "email_taken")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"email": "a@b.c"}, "invalid_request", "/password"),
        ({"email": "a@b.c", "password": "short"}, "invalid_request", "/password"),
        ({"email": "a@b.c", "password": "x" * 129}, "invalid_request", "/password"),
        ({"email": "nobody", "password": PASSWORD}, "invalid_request", "/email"),
        ({"email": "a@b\n.c", "password": PASSWORD}, "invalid_request", "/email"),
        ({"email": "a@b.c\n", "password": PASSWORD}, None, None),
        ({"email": "a@b.c", "password": "12345678"}, "weak_password", "/password"),
        ({"email": "a@b.c", "password": PASSWORD, "role": "admin"}, "invalid_request", "/role"),
        ({"email": "a@b.c", "password": 12345678}, "invalid_request", "/password"),
    ],
)
async def test_a_registration_is_checked(
    client: httpx.AsyncClient, body: dict[str, Any], code: str | None, pointer: str | None
) -> None:
    """What is missing, malformed, unknown or too weak is 422 with a pointer to it; white space around is trimmed."""
    answer = await client.post("/v1/auth/register", json=body)
    if code is None:
        assert answer.status_code == 201
        return
    problem = assert_problem(answer, 422, code)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


async def test_login_does_not_tell_who_has_an_account(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """An unknown email and a wrong password get the same 401, but for the request's id."""
    answers = []
    for email in (visitor.email, "nobody@example.com"):
        answer = await client.post("/v1/auth/login", json={"email": email, "password": "wrong password"})
        problem = assert_problem(answer, 401, "invalid_credentials")
        del problem["request_id"]
        answers.append(problem)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert answers[0] == answers[1]


async def test_login_opens_a_session_of_its_own(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """200 with another pair of tokens; the list has both sessions, newest first, and says which one asks."""
    login = await log_in(client, visitor)
    listed = (await client.get("/v1/auth/sessions", headers=bearer(login["access_token"]))).json()
    assert [session["current"] for session in listed["data"]] == [True, False]
    assert listed["data"][0].keys() == {"id", "user_agent", "created_at", "last_used_at", "expires_at", "current"}
    assert listed["next_cursor"] is None
    assert login["refresh_token"] not in str(listed)


async def test_refreshing_spends_the_token(client: httpx.AsyncClient, house: House, visitor: Visitor) -> None:
    """A new pair; the spent token gets the same successor for ten seconds, and after that ends the session."""

    async def refresh(token: str) -> httpx.Response:
        return await client.post("/v1/auth/refresh", json={"refresh_token": token})

    first = (await refresh(visitor.refresh_token)).json()
    assert (await refresh(visitor.refresh_token)).json()["refresh_token"] == first["refresh_token"]
    house.clock.advance(seconds=11)
    assert_problem(await refresh(visitor.refresh_token), 401, "invalid_refresh_token")
    assert_problem(await refresh(first["refresh_token"]), 401, "invalid_refresh_token")
    assert not await is_in(client, first["access_token"])


async def test_logging_out_ends_the_session(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """204 without a body; its access and refresh tokens are refused from then on, other sessions stay."""
    other = await log_in(client, visitor)
    answer = await client.post("/v1/auth/logout", headers=visitor.token)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(await client.get("/v1/auth/me", headers=visitor.token), 401, "invalid_access_token")
    refused = await client.post("/v1/auth/refresh", json={"refresh_token": visitor.refresh_token})
    assert_problem(refused, 401, "invalid_refresh_token")
    assert await is_in(client, other["access_token"])


async def test_a_session_can_be_ended_from_another(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A listed session is ended by its id: 204, its token is refused at once, and it is not listed any more."""
    other = await log_in(client, visitor)
    listed = (await client.get("/v1/auth/sessions", headers=visitor.token)).json()["data"]
    (ended,) = (session["id"] for session in listed if not session["current"])
    answer = await client.delete(f"/v1/auth/sessions/{ended}", headers=visitor.token)
    assert answer.status_code == 204
    assert not await is_in(client, other["access_token"])
    assert_problem(await client.delete(f"/v1/auth/sessions/{ended}", headers=visitor.token), 404, "not_found")


async def test_an_access_token_is_refused_at_its_expiry(
    client: httpx.AsyncClient, house: House, visitor: Visitor
) -> None:
    """Sixty minutes after it was issued an access token is 401."""
    house.clock.advance(minutes=60)
    assert_problem(await client.get("/v1/auth/me", headers=visitor.token), 401, "invalid_access_token")


async def test_changing_the_password_ends_other_sessions(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """204 for the right current password, 403 for a wrong one; the session that asks stays, the others are over."""
    other = await log_in(client, visitor)
    wrong = {"current_password": "wrong password", "new_password": ANOTHER}
    refused = await client.post("/v1/auth/password", json=wrong, headers=visitor.token)
    assert_problem(refused, 403, "wrong_password")
    right = {"current_password": PASSWORD, "new_password": ANOTHER}
    changed = await client.post("/v1/auth/password", json=right, headers=visitor.token)
    assert (changed.status_code, changed.content) == (204, b"")
    assert not await is_in(client, other["access_token"])
    assert (await client.get("/v1/auth/me", headers=visitor.token)).status_code == 200
    assert (await log_in(client, visitor, ANOTHER))["user"]["email"] == visitor.email


async def test_the_account_is_read_and_changed(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`PATCH` changes what it names, `null` clears, and both addresses of the account read the same."""
    change = {"name": "Somebody", "avatar_url": "https://example.com/me.png"}
    changed = await client.patch("/v1/users/me", json=change, headers=visitor.token)
    assert changed.status_code == 200
    assert changed.json() == (await client.get("/v1/users/me", headers=visitor.token)).json()
    assert changed.json() == (await client.get("/v1/auth/me", headers=visitor.token)).json()
    cleared = await client.patch("/v1/users/me", json={"name": None}, headers=visitor.token)
    assert (cleared.json()["name"], cleared.json()["avatar_url"]) == (None, change["avatar_url"])
    refused = await client.patch("/v1/users/me", json={"avatar_url": "http://example.com"}, headers=visitor.token)
    assert assert_problem(refused, 422, "invalid_request")["errors"][0]["pointer"] == "/avatar_url"


async def test_deleting_the_account_needs_its_password_and_leaves_nothing(
    client: httpx.AsyncClient, house: House, visitor: Visitor
) -> None:
    """403 for a wrong password; then 204, and tokens, keys, links and bytes are gone."""
    generation = await generate(client, visitor)
    for password, status in (("wrong password", 403), (PASSWORD, 204)):
        answer = await client.request("DELETE", "/v1/users/me", json={"password": password}, headers=visitor.token)
        assert answer.status_code == status
    assert_problem(await client.get("/v1/users/me", headers=visitor.token), 401, "invalid_access_token")
    assert_problem(await client.get("/v1/images", headers=visitor.key), 401, "invalid_api_key")
    assert_problem(await client.get(generation["url"]), 404, "not_found")
    assert await pictures(house) == set()
    await register(client, visitor.email)


async def test_somebody_elses_session_is_not_there(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Another user's session answers as one that does not exist, and goes on."""
    stranger = await register(client)
    theirs = (await client.get("/v1/auth/sessions", headers=stranger.token)).json()["data"][0]["id"]
    for session in (theirs, f"ses_{new_id()}", "ses_1", "usr_1", theirs.upper()):
        answer = await client.delete(f"/v1/auth/sessions/{session}", headers=visitor.token)
        assert_problem(answer, 404, "not_found")
    assert (await client.get("/v1/auth/me", headers=stranger.token)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/auth/logout", None),
        ("GET", "/v1/auth/me", None),
        ("GET", "/v1/auth/sessions", None),
        ("DELETE", "/v1/auth/sessions/ses_1", None),
        ("POST", "/v1/auth/password", {"current_password": PASSWORD, "new_password": ANOTHER}),
        ("GET", "/v1/users/me", None),
        ("PATCH", "/v1/users/me", {"name": "x"}),
        ("DELETE", "/v1/users/me", {"password": PASSWORD}),
    ],
)
async def test_a_key_cannot_manage_the_account(
    client: httpx.AsyncClient, visitor: Visitor, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """Everything about account and sessions needs an access token: with a key it is 403, whatever the key may do."""
    answer = await client.request(method, path, json=body, headers=visitor.key)
    assert_problem(answer, 403, "session_required")


async def test_login_registers_where_the_operator_wants_it() -> None:
    """With the switch on, logging in with an unknown email opens its account."""
    async with a_house(register_unknown=True).client() as client:
        answer = await client.post("/v1/auth/login", json={"email": "new@example.com", "password": PASSWORD})
        assert answer.status_code == 200
        assert answer.json()["user"]["email"] == "new@example.com"
