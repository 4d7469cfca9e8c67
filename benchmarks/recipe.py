"""The usual recipe, as a yardstick: what following the common tutorials gives.

An ASGI framework with injected sessions, SQLAlchemy's asyncio ORM on aiosqlite, an API key looked up by its SHA-256
with `last_used_at` kept, one pooled httpx client, usage counted by an upsert, and the picture handed back as a data URL
because nothing stores it. Nothing is sabotaged and SQLite is tuned (WAL, synchronous=NORMAL, a patient busy timeout, a
pool of 20); the framework is imagegen's own, so that it does not decide the comparison. Less is done here than imagegen
does: no job, no history, no stored picture, no check of the bytes.

UPSTREAM names the provider's base URL, DATABASE the SQLite file.
"""

import base64
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, Final

import httpx
from litestar import Litestar, Request, get, post
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotAuthorizedException
from msgspec import Struct
from sqlalchemy import ForeignKey, UniqueConstraint, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY: Final = "sk-bench"

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['DATABASE']}", pool_size=20, pool_timeout=120)
open_session = async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def tune(connection: Any, _record: object) -> None:
    """Set what every guide to SQLite on a server recommends."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


class Base(DeclarativeBase):
    """The base of the tables."""


class ApiKey(Base):
    """A caller's key, stored as its hash."""

    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    active: Mapped[bool] = mapped_column(default=True)
    last_used_at: Mapped[datetime | None]


class Usage(Base):
    """What a key used in a day."""

    __tablename__ = "usage"
    __table_args__ = (UniqueConstraint("key_id", "day"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"))
    day: Mapped[date]
    requests: Mapped[int]


class GenerationRequest(Struct):
    """The body of a request."""

    prompt: str
    model: str = "gpt-image-1"
    size: str = "1024x1024"


class GenerationResponse(Struct):
    """The body of its answer."""

    id: str
    image_url: str
    model: str
    prompt: str
    created_at: datetime


async def session_of_request() -> AsyncIterator[AsyncSession]:
    """A session for the length of a request."""
    async with open_session() as session:
        yield session


async def key_of_request(request: Request[Any, Any, State], session: AsyncSession) -> ApiKey:
    """The caller's key, marked as used."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    digest = hashlib.sha256(token.encode()).hexdigest()
    key = (await session.execute(select(ApiKey).where(ApiKey.hash == digest))).scalar_one_or_none()
    if key is None or not key.active:
        raise NotAuthorizedException
    key.last_used_at = datetime.now(UTC)
    await session.commit()
    return key


@get("/health")
async def health() -> dict[str, str]:
    """Say that the process serves."""
    return {"status": "ok"}


@post("/v1/generate", dependencies={"session": Provide(session_of_request), "key": Provide(key_of_request)})
async def generate(data: GenerationRequest, state: State, session: AsyncSession, key: ApiKey) -> GenerationResponse:
    """Ask the provider for a picture, count it, return it as a data URL."""
    response = await state.client.post(
        os.environ["UPSTREAM"] + "/v1/images/generations",
        headers={"Authorization": "Bearer sk-upstream"},
        json={"model": data.model, "prompt": data.prompt, "size": data.size, "n": 1},
    )
    if response.status_code != 200:
        raise HTTPException("the provider failed", status_code=502)
    picture = base64.b64decode(response.json()["data"][0]["b64_json"])
    now = datetime.now(UTC)
    usage = insert(Usage).values(key_id=key.id, day=now.date(), requests=1)
    await session.execute(
        usage.on_conflict_do_update(index_elements=["key_id", "day"], set_={"requests": Usage.requests + 1})
    )
    await session.commit()
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    return GenerationResponse(str(uuid.uuid4()), url, data.model, data.prompt, now)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Create the tables and the one key; hold the HTTP client."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        await connection.execute(insert(ApiKey).values(hash=digest).on_conflict_do_nothing())
    async with httpx.AsyncClient(timeout=120) as client:
        app.state.client = client
        yield
    await engine.dispose()


app = Litestar([health, generate], lifespan=[lifespan], openapi_config=None)
