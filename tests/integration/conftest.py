"""A house on memory adapters, somebody at its HTTP door, and a visitor with an account."""

from collections.abc import AsyncIterator

import httpx
import pytest

from house import House, a_house
from visitors import Visitor, register


@pytest.fixture
def house() -> House:
    """A house whose provider draws."""
    return a_house()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client at the door of the house, while its worker is at work."""
    async with house.client() as client:
        yield client


@pytest.fixture
async def visitor(client: httpx.AsyncClient) -> Visitor:
    """Somebody with an account, a session and a key."""
    return await register(client)
