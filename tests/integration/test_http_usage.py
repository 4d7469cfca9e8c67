"""Usage, models and health over HTTP."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from house import ANSWER, EASEL, House, a_house
from imagegen.domain.errors import Billed, DatabaseUnavailable, NoImage, ProviderUnreachable
from imagegen.domain.prices import Price, TokenUsage
from visitors import Visitor, assert_problem, generate, register

PRICED = replace(EASEL, price=Price(output_image=Decimal(30)))
PAID = replace(ANSWER, usage=TokenUsage(output_image=1_234))


async def test_usage_is_exact_to_the_micro_under_concurrency() -> None:
    """Twenty generations at the same instant, two pictures each: the sums are exact, as decimal strings."""
    async with a_house(PAID, models=(PRICED,)).client() as client:
        visitor = await register(client)
        bodies = await asyncio.gather(*(generate(client, visitor, n=2) for _ in range(20)))
        assert {body["cost_usd"] for body in bodies} == {"0.07404"}
        usage = (await client.get("/v1/usage", headers=visitor.token)).json()
        assert usage["data"] == [
            {
                "bucket": "2026-03-14",
                "requests": 20,
                "images": 40,
                "failures": 0,
                "cost_usd": "1.4808",
                "unknown_costs": 0,
            }
        ]


async def test_an_unknown_cost_is_null_and_counted() -> None:
    """A failure nobody can tell the price of is `null` in its generation and one unknown in the usage."""
    async with a_house(PAID, NoImage(billed=Billed.UNKNOWN), models=(PRICED,)).client() as client:
        visitor = await register(client)
        await generate(client, visitor)
        await client.post("/v1/generate", json={"prompt": "fox"}, headers=visitor.key)
        failed = (await client.get("/v1/generations", headers=visitor.key)).json()["data"][0]
        assert failed["cost_usd"] is None
        (bucket,) = (await client.get("/v1/usage", headers=visitor.key)).json()["data"]
        assert (bucket["failures"], bucket["unknown_costs"], bucket["cost_usd"]) == (1, 1, "0.03702")


async def test_usage_is_grouped_and_spanned(client: httpx.AsyncClient, house: House, visitor: Visitor) -> None:
    """By key it names the key's id, by model the model's; `from` counts and `to` does not."""
    await generate(client, visitor)
    for by, bucket in (("key", visitor.key_id), ("model", "easel-1"), ("day", "2026-03-14")):
        answer = await client.get("/v1/usage", params={"group_by": by}, headers=visitor.key)
        assert [each["bucket"] for each in answer.json()["data"]] == [bucket]
    now = house.clock().isoformat()
    for span, count in (({"from": now}, 1), ({"to": now}, 0), ({"to": "0001-01-01T00:00:00Z"}, 0)):
        assert len((await client.get("/v1/usage", params=span, headers=visitor.key)).json()["data"]) == count


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2030-01-01T00:00:00Z"}, "#from"),
        ({"from": "today"}, "#from"),
        ({"to": "2026-03-14T00:00:00"}, "#to"),
        ({"group_by": "year"}, "#group_by"),
    ],
)
async def test_a_span_is_checked(
    client: httpx.AsyncClient, visitor: Visitor, query: dict[str, str], pointer: str
) -> None:
    """A span the wrong way round, or of moments that are none, is 422."""
    answer = await client.get("/v1/usage", params=query, headers=visitor.key)
    assert assert_problem(answer, 422, "invalid_request")["errors"][0]["pointer"] == pointer


async def test_models_say_what_they_can_and_whether_they_are_there(visitor: Visitor, client: httpx.AsyncClient) -> None:
    """Every model of the catalog is listed with its aliases, capabilities and price."""
    (model,) = (await client.get("/v1/models", headers=visitor.key)).json()["data"]
    assert (model["id"], model["provider"], model["aliases"]) == ("easel-1", "easel", ["easel"])
    assert model["available"] is True
    assert model["capabilities"]["formats"] == ["jpeg", "png", "webp"]
    assert_problem(await client.get("/v1/models"), 401, "credentials_missing")


async def test_being_alive_needs_nothing(client: httpx.AsyncClient) -> None:
    """`/health/live` is 200 for anybody, under any host name."""
    answer = await client.get("/health/live", headers={"Host": "10.0.0.1:8000"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_provider_that_is_away_degrades(client: httpx.AsyncClient, house: House) -> None:
    """`/health/ready` stays 200 and names the provider part; nothing is drawn to find out."""
    house.provider.failure = ProviderUnreachable()
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["providers"].keys() == {"status", "latency_ms", "detail"}
    assert not house.provider.calls


async def test_a_database_that_is_away_is_503() -> None:
    """`/health/ready` is 503 and says which part it is."""

    async def away() -> None:
        raise DatabaseUnavailable

    async with a_house(essential={"database": away}).client() as client:
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert answer.json()["checks"]["database"]["detail"] == DatabaseUnavailable.title
