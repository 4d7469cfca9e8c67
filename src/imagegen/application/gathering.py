"""Doing several things at the same time."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def all_of(calls: Sequence[Coroutine[Any, Any, T]]) -> Sequence[T]:
    """What the calls return, made at the same time; a single one needs no task of its own."""
    if len(calls) == 1:
        return [await calls[0]]
    async with asyncio.TaskGroup() as tasks:  # which leaves none of them behind, however the others end
        made = [tasks.create_task(call) for call in calls]
    return [task.result() for task in made]
