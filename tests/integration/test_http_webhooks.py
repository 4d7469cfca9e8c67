"""Webhooks over HTTP: made, shown, changed, removed. What is sent ends in memory here."""

import asyncio
import re
from base64 import b64decode
from typing import Any, Final

import httpx
import pytest

from builders import NOW, new_id
from house import House, a_house
from imagegen.adapters.memory import MemoryWebhookSender
from imagegen.domain.deliveries import WebhookReply
from visitors import Visitor, assert_problem, bearer, generate, listen, register

SHOWN: Final = NOW.isoformat().replace("+00:00", "Z")
URL: Final = "https://hooks.example.com/imagegen?a=%20b"


async def deliveries(client: httpx.AsyncClient, visitor: Visitor, webhook_id: str, **query: Any) -> dict[str, Any]:
    """A page of what a webhook was told."""
    answer = await client.get(f"/v1/webhooks/{webhook_id}/deliveries", params=query, headers=visitor.key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def taken(house: House, client: httpx.AsyncClient, visitor: Visitor, webhook_id: str) -> None:
    """Wait until nothing is on its way any more: the worker may be at it, too."""
    async with asyncio.timeout(60):
        while any(d["status"] == "pending" for d in (await deliveries(client, visitor, webhook_id))["data"]):
            await house.application.deliver_webhooks()
            await asyncio.sleep(0)


async def test_a_webhook_is_made_and_found_again(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """201 with its secret; afterwards it is listed and read as it was made, by key and by token, without the secret."""
    made = await listen(client, visitor, url=URL, events=["generation.failed", "batch.finished"], description="for me")
    assert re.fullmatch(r"whk_[0-9a-f-]{36}", made["id"])
    assert len(b64decode(made.pop("secret").removeprefix("whsec_"), validate=True)) == 32
    assert made == {
        "id": made["id"],
        "url": URL,
        "description": "for me",
        "events": ["batch.finished", "generation.failed"],
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "created_at": SHOWN,
    }
    for headers in (visitor.key, visitor.token):
        assert (await client.get(f"/v1/webhooks/{made['id']}", headers=headers)).json() == made
        assert (await client.get("/v1/webhooks", headers=headers)).json() == {"data": [made], "next_cursor": None}


async def test_a_new_webhook_is_where_the_answer_says(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`Location` leads to it."""
    body = {"url": URL, "events": ["generation.failed"]}
    answer = await client.post("/v1/webhooks", json=body, headers=visitor.key)
    found = await client.get(answer.headers["location"], headers=visitor.key)
    assert (answer.status_code, found.json()["id"]) == (201, answer.json()["id"])


async def test_a_secret_is_shown_where_it_is_new_and_nowhere_else(
    client: httpx.AsyncClient, house: House, visitor: Visitor
) -> None:
    """Making and rotating show it; reading, listing, changing anything else, and the log do not."""
    first = await listen(client, visitor)
    path = f"/v1/webhooks/{first['id']}"
    rotated = await client.patch(path, json={"rotate_secret": True}, headers=visitor.key)
    second = rotated.json()["secret"]
    assert second.startswith("whsec_")
    assert second != first["secret"]
    changed = await client.patch(path, json={"description": "x"}, headers=visitor.key)
    assert changed.json()["secret"] is None
    await generate(client, visitor)
    pages = [path, "/v1/webhooks", f"{path}/deliveries"]
    shown = [(await client.get(page, headers=visitor.key)).text for page in pages]
    for text in (changed.text, *shown, *map(str, house.lines)):
        assert "whsec_" not in text


async def test_a_webhook_is_changed_where_it_is_told_to(
    client: httpx.AsyncClient, house: House, visitor: Visitor
) -> None:
    """`PATCH` leaves what is left out, clears what is `null`, and says when and by whom a webhook was switched off."""
    made = await listen(client, visitor, description="one")
    path = f"/v1/webhooks/{made['id']}"
    expected = {**made, "secret": None}
    for body in (
        {},
        {"description": "two"},
        {"description": None},
        {"url": "https://other.example.com/"},
        {"events": ["generation.canceled"]},
        {"enabled": True},
    ):
        expected |= body
        answer = await client.patch(path, json=body, headers=visitor.key)
        assert (answer.status_code, answer.json()) == (200, expected)
    house.clock.advance(hours=1)
    off = (await client.patch(path, json={"enabled": False}, headers=visitor.key)).json()
    assert (off["enabled"], off["disabled_by"], off["disabled_at"] > SHOWN) == (False, "owner", True)
    assert (await client.patch(path, json={"enabled": True}, headers=visitor.key)).json() == expected


async def test_a_webhook_that_is_removed_is_gone(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """204, and from then on it is missing, and so is what it was told."""
    made = await listen(client, visitor)
    path = f"/v1/webhooks/{made['id']}"
    removed = await client.delete(path, headers=visitor.key)
    assert (removed.status_code, removed.content) == (204, b"")
    for method, there in (("GET", path), ("DELETE", path), ("GET", f"{path}/deliveries")):
        assert_problem(await client.request(method, there, headers=visitor.key), 404, "not_found")
    assert (await client.get("/v1/webhooks", headers=visitor.key)).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "example.com"}, "/url"),
        ({"url": "ftp://example.com/"}, "/url"),
        ({"url": "https://"}, "/url"),
        ({"url": "https://example.com/ "}, "/url"),
        ({"url": "https://example.com/" + "x" * 2048}, "/url"),
        ({"url": "https://bücher.example/"}, "/url"),
        ({"url": "https://within.example.com/"}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["generation.started"]}, "/events/0"),
        ({"events": None}, "/events"),
        ({"description": "x" * 201}, "/description"),
        ({"secret": "whsec_bWluZQ=="}, "/secret"),
    ],
)
async def test_a_webhook_is_checked(body: dict[str, Any], pointer: str) -> None:
    """An address nobody may call, no event, an unknown one, and a secret of one's own are 422, at first and later."""
    sender = MemoryWebhookSender()
    sender.refused.add("https://within.example.com/")
    async with a_house(webhook_sender=sender).client() as client:
        visitor = await register(client)
        made = await listen(client, visitor)
        new = {"url": URL, "events": ["batch.finished"]} | body
        for method, path, sent in (
            ("POST", "/v1/webhooks", new),
            ("PATCH", f"/v1/webhooks/{made['id']}", body),
        ):
            answer = await client.request(method, path, json=sent, headers=visitor.key)
            assert assert_problem(answer, 422, "invalid_request")["errors"][0]["pointer"] == pointer
        (kept,) = (await client.get("/v1/webhooks", headers=visitor.key)).json()["data"]
        assert kept == {name: value for name, value in made.items() if name != "secret"}


async def test_there_are_twenty_at_the_most(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """The next one is 409 until one of them is removed; somebody else's do not count. Lists are paged."""
    made = [(await listen(client, visitor))["id"] for _ in range(20)]
    await listen(client, await register(client))
    body = {"url": URL, "events": ["batch.finished"]}
    refused = await client.post("/v1/webhooks", json=body, headers=visitor.key)
    assert "20 webhooks" in assert_problem(refused, 409, "conflict")["detail"]
    first = (await client.get("/v1/webhooks", params={"limit": 15}, headers=visitor.key)).json()
    query = {"limit": 15, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/webhooks", params=query, headers=visitor.key)).json()
    assert [webhook["id"] for webhook in first["data"] + second["data"]] == made[::-1]
    await client.delete(f"/v1/webhooks/{made[7]}", headers=visitor.key)
    await listen(client, visitor)


async def test_somebody_elses_webhook_answers_as_a_missing_one(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """The bodies are the same but for the request's id and the path that was asked for, and nothing is changed."""
    made = await listen(client, visitor)
    await generate(client, visitor)
    (delivery,) = (await deliveries(client, visitor, made["id"]))["data"]
    stranger = await register(client)
    own = await listen(client, stranger)
    answers = []
    for webhook in (made["id"], f"whk_{new_id()}", "whk_1", made["id"].replace("whk_", "key_")):
        for method, path, body in (
            ("GET", f"/v1/webhooks/{webhook}", None),
            ("PATCH", f"/v1/webhooks/{webhook}", {"enabled": False}),
            ("DELETE", f"/v1/webhooks/{webhook}", None),
            ("GET", f"/v1/webhooks/{webhook}/deliveries", None),
            ("POST", f"/v1/webhooks/{webhook}/deliveries/{delivery['id']}/redeliver", None),
            ("POST", f"/v1/webhooks/{own['id']}/deliveries/{delivery['id']}/redeliver", None),
            ("POST", f"/v1/webhooks/{own['id']}/deliveries/evt_1/redeliver", None),
        ):
            answer = await client.request(method, path, json=body, headers=stranger.key)
            problem = assert_problem(answer, 404, "not_found")
            answers.append({name: problem[name] for name in problem.keys() - {"request_id", "instance"}})
    assert all(answer == answers[0] for answer in answers)
    assert (await client.get(f"/v1/webhooks/{made['id']}", headers=visitor.key)).json()["enabled"]


@pytest.mark.parametrize("scope", ["generate", "read", "write"])
async def test_a_key_needs_the_scope(client: httpx.AsyncClient, visitor: Visitor, scope: str) -> None:
    """`read` looks, `write` changes, and `generate` does neither."""
    made = await listen(client, visitor)
    await generate(client, visitor)
    (delivery,) = (await deliveries(client, visitor, made["id"]))["data"]
    issued = await client.post("/v1/keys", json={"scopes": [scope]}, headers=visitor.token)
    key, path = bearer(issued.json()["key"]), f"/v1/webhooks/{made['id']}"
    for method, there, body, needed in (
        ("GET", "/v1/webhooks", None, "read"),
        ("GET", path, None, "read"),
        ("GET", f"{path}/deliveries", None, "read"),
        ("POST", "/v1/webhooks", {"url": URL, "events": ["batch.finished"]}, "write"),
        ("PATCH", path, {"description": "x"}, "write"),
        ("POST", f"{path}/deliveries/{delivery['id']}/redeliver", None, "write"),
        ("DELETE", path, None, "write"),
    ):
        answer = await client.request(method, there, json=body, headers=key)
        if needed == scope:
            assert answer.is_success, answer.text
        else:
            assert_problem(answer, 403, "scope_missing")


async def test_what_was_told_is_listed(client: httpx.AsyncClient, house: House, visitor: Visitor) -> None:
    """Each event with its payload, newest first, page by page, as it stands."""
    made = await listen(client, visitor)
    ends = [await generate(client, visitor, external_id=f"order-{number}") for number in range(3)]
    await taken(house, client, visitor, made["id"])
    first = await deliveries(client, visitor, made["id"], limit=2)
    second = await deliveries(client, visitor, made["id"], limit=2, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    for delivery, end in zip(first["data"] + second["data"], ends[::-1], strict=True):
        assert delivery == {
            "id": end["id"].replace("gen_", "evt_"),
            "type": "generation.succeeded",
            "status": "delivered",
            "tries": 1,
            "next_try_at": None,
            "tried_at": SHOWN,
            "last_status": 204,
            "last_error": None,
            "delivered_at": SHOWN,
            "given_up_at": None,
            "created_at": SHOWN,
            "payload": {
                "type": "generation.succeeded",
                "timestamp": SHOWN,
                "data": {
                    "id": end["id"],
                    "status": "succeeded",
                    "external_id": end["external_id"],
                    "cost_usd": end["cost_usd"],
                    "error": None,
                },
            },
        }


async def test_an_event_is_sent_anew(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """202 with a delivery that is due again, under the same id; while the webhook is off it is 409."""
    made = await listen(client, visitor)
    await generate(client, visitor)
    await taken(house, client, visitor, made["id"])
    (delivery,) = (await deliveries(client, visitor, made["id"]))["data"]
    path = f"/v1/webhooks/{made['id']}/deliveries/{delivery['id']}/redeliver"
    again = await client.post(path, headers=visitor.key)
    assert again.status_code == 202
    assert (again.json()["id"], again.json()["status"], again.json()["tries"]) == (delivery["id"], "pending", 0)
    await taken(house, client, visitor, made["id"])
    sender = house.webhook_sender
    assert isinstance(sender, MemoryWebhookSender)
    first, second = sender.sent
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["id"]
    assert first.body == second.body
    await client.patch(f"/v1/webhooks/{made['id']}", json={"enabled": False}, headers=visitor.key)
    assert_problem(await client.post(path, headers=visitor.key), 409, "illegal_transition")


async def test_a_receiver_that_is_gone_switches_its_webhook_off() -> None:
    """410 says that nobody listens there any more: the owner sees it, and may switch it on again."""
    house = a_house(webhook_sender=MemoryWebhookSender(WebhookReply(status=410)))
    async with house.client() as client:
        visitor = await register(client)
        made = await listen(client, visitor)
        await generate(client, visitor)
        await taken(house, client, visitor, made["id"])
        path = f"/v1/webhooks/{made['id']}"
        off = (await client.get(path, headers=visitor.key)).json()
        assert (off["enabled"], off["disabled_at"], off["disabled_by"]) == (False, SHOWN, "receiver")
        await generate(client, visitor)
        (delivery,) = (await deliveries(client, visitor, made["id"]))["data"]
        assert (delivery["status"], delivery["last_status"]) == ("failed", 410)
        on = await client.patch(path, json={"enabled": True}, headers=visitor.key)
        assert (on.json()["enabled"], on.json()["disabled_by"]) == (True, None)
