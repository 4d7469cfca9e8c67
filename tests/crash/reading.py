"""Reading the books: from the API, the database, the store, the provider and the logs, once nothing moves any more."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import create_async_engine

from crash.books import Books, Row
from crash.caller import Caller
from crash.fleet import Fleet
from crash.load import MODEL, Load
from crash.provider import Provider
from crash.scale import FULL
from imagegen.adapters.database import tables

GIVING_UP_SECONDS: Final = 60
TIDY_SECONDS: Final = 60
"""A store that was away is left alone for 20 s, and what waited for it moves on then."""
LOOK_SECONDS: Final = 0.1


async def read_books(fleet: Fleet, load: Load, provider: Provider, *, killed: bool = False) -> Books:
    """Wait until nothing moves, end the fleet, and read everything; `killed` says whether anything was."""
    caller = load.caller
    settled = await _until(lambda: _finished(caller), GIVING_UP_SECONDS)
    told = {row["id"]: row for row in await caller.everything("/v1/generations")}
    usage = await caller.get("/v1/usage")
    models = await caller.get("/v1/models")
    pictures = {image["sha256"] for row in told.values() for image in row["images"]}
    await _until(lambda: _tidy(fleet, pictures), TIDY_SECONDS)
    await _end(fleet)
    return Books(
        asked=load.asked,
        told=told,
        usage=_sum(usage["data"]),
        prices=_prices(models["data"]),
        rows=await _rows(fleet.database_url),
        files=fleet.files(),
        calls=provider.calls(),
        logs=list(fleet.logs()),
        offenses=caller.offenses,
        settled=settled,
        starts=fleet.starts,
        killed=killed,
    )


async def _end(fleet: Fleet) -> None:
    """Let it end as it is asked to, which takes each member seconds: where the run is short, nothing moves any more."""
    if FULL:
        await fleet.stop()
    else:
        fleet.kill()


async def _until(so: Callable[[], Awaitable[bool]], patience: float) -> float:
    """Look until it is so, or for so many seconds, and return after how many that was."""
    begun = time.monotonic()
    while True:
        waited = time.monotonic() - begun
        if await so() or waited > patience:
            return waited
        await asyncio.sleep(LOOK_SECONDS)


async def _finished(caller: Caller) -> bool:
    """Whether no generation is on its way any more."""
    pages = [await caller.get(f"/v1/generations?status={status}&limit=1") for status in ("queued", "running")]
    return not any(page["data"] for page in pages)


async def _tidy(fleet: Fleet, pictures: set[str]) -> bool:
    """Whether every picture is in the store, and whatever belongs to none has been cleared away.

    Somebody asks for the health now and then, as is done wherever a service runs.
    """
    await fleet.ready()
    try:
        files = fleet.files()
    except (BotoCoreError, ClientError):  # a store that has just come back may have to find its feet
        return False
    stored = {digest for location, digest in files.items() if not location.startswith("/")}
    return pictures == stored and len(stored) == len(files)


async def _rows(url: str) -> dict[str, Sequence[Row]]:
    wanted: Sequence[Table] = (tables.generations, tables.attempts, tables.images, tables.usage_records)
    rows: dict[str, Sequence[Row]] = {}
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        for table in wanted:
            rows[table.name] = [dict(row) for row in (await connection.execute(select(table))).mappings()]
    await engine.dispose()
    return rows


def _sum(buckets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    total = Counter[str]()
    for bucket in buckets:
        total.update({name: bucket[name] for name in ("requests", "images", "failures")})
    return {**total, "cost_usd": sum((Decimal(bucket["cost_usd"]) for bucket in buckets), Decimal(0))}


def _prices(models: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """The prices of the model that the load asks for, by the provider's words for the tokens."""
    price = next(model["price"] for model in models if model["id"] == MODEL)
    text, image = Decimal(price["input_text"]), Decimal(price["input_image"])
    return {"text_tokens": text, "image_tokens": image, "output_tokens": Decimal(price["output_image"])}
