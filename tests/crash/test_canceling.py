"""Canceling what is about to end by itself."""

import asyncio
import random
from collections import Counter
from typing import Any, Final

from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import Load, repeat
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import scaled

CANCELS: Final = scaled(100, 1_000)
AT_ONCE: Final = 8
CALL_SECONDS: Final = (0.0, 0.2)
CANCEL_SECONDS: Final = (0.0, 0.6)
"""After how long they are canceled: so that on a slow machine, too, some have ended by then and some have not."""


async def test_cancels_racing_completion(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """Each ends in one state, that with which the cancel was answered, and its cost and its pictures agree with it."""
    load = Load(caller=caller, mix=Mix(seconds=CALL_SECONDS), chance=chance, doors=("/v1/generations",))
    answers: dict[str, Any] = {}

    async def ask_and_cancel() -> None:
        asked = await load.ask()
        await asyncio.sleep(chance.uniform(*CANCEL_SECONDS))
        asked.canceled = True
        answer = await caller.send("POST", f"/v1/generations/{asked.generation}/cancel")
        answers[answer.json()["id"]] = answer.json()["status"]

    await repeat(ask_and_cancel, CANCELS, at_once=AT_ONCE)
    books = await read_books(fleet, load, provider)
    figures.add(cancels=CANCELS, answers=Counter(answers.values()))
    figures.add_books(books)
    assert {name: row["status"] for name, row in books.told.items()} == answers
    assert set(answers.values()) == {"succeeded", "canceled"}
    books.must_balance()
