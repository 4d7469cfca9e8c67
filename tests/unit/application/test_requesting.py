"""Asking for a generation: what is refused, what is adjusted, and what is remembered."""

from dataclasses import replace
from typing import Any

import pytest

from generating import ask, history
from house import EASEL, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.errors import (
    InvalidRequest,
    ProviderNotConfigured,
    ScopeMissing,
    Unavailable,
    UnknownModel,
    UnsupportedParameters,
)
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Labels, Quality
from imagegen.domain.users import Scope


class Deaf(InProcessQueue):
    """A queue whose engine is away."""

    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Take nothing."""
        raise Unavailable


async def test_not_waiting_returns_at_once_what_is_remembered() -> None:
    """Without a wait, and while nobody works, the generation is queued, in the history, and not yet drawn."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    assert generation.status is Status.QUEUED
    assert await history(house, owner) == [generation]
    assert not house.provider.calls


async def test_a_queue_that_is_away_costs_no_request() -> None:
    """When the doorbell does not ring the generation is remembered, for the sweep to find."""
    house = a_house(queue=Deaf())
    owner = await house.owner()
    generation = await ask(house, owner)
    assert generation.status is Status.QUEUED
    assert await history(house, owner) == [generation]


async def test_what_cannot_be_applied_is_adjusted_and_said() -> None:
    """An unsupported parameter is left out with its reason, and asked for as it was all the same."""
    house = a_house()
    wishes: dict[str, Any] = {
        "quality": Quality.MEDIUM,
        "background": Background.TRANSPARENT,
        "output_format": ImageFormat.JPEG,
    }
    generation = await ask(house, await house.owner(), **wishes)
    assert generation.requested == ImageRequest(prompt="fox", **wishes)
    assert (generation.applied.quality, generation.applied.background) == (None, None)
    assert [a.parameter for a in generation.adjustments] == ["quality", "background"]


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"quality": Quality.MEDIUM, "strict": True}, UnsupportedParameters),
        ({"model": "unknown"}, UnknownModel),
        ({"model": "gemini-x"}, ProviderNotConfigured),
        ({"provider": "gemini"}, ProviderNotConfigured),
    ],
)
async def test_what_is_refused_is_neither_remembered_nor_spent(wishes: dict[str, Any], error: type[Exception]) -> None:
    """A request that cannot be served leaves no row and makes no call."""
    elsewhere = replace(EASEL, id="gemini-x", provider="gemini", aliases=())
    house = a_house(models=(EASEL, elsewhere), missing={"gemini": ("GOOGLE_API_KEY",)})
    owner = await house.owner()
    with pytest.raises(error) as refused:
        await ask(house, owner, **wishes)
    assert await history(house, owner) == []
    assert not house.provider.calls
    if error is ProviderNotConfigured:
        assert "GOOGLE_API_KEY" in str(refused.value)


async def test_labels_are_checked_and_kept() -> None:
    """Tags are trimmed and said once; one that cannot be a tag is refused before anything is remembered."""
    house = a_house()
    owner = await house.owner()
    labels = Labels(title="A fox", tags=(" red ", "red", "fox"), metadata={"a": "b"}, external_id="42")
    assert (await ask(house, owner, labels=labels)).labels == replace(labels, tags=("red", "fox"))
    with pytest.raises(InvalidRequest):
        await ask(house, owner, labels=Labels(tags=("line\nbreak",)))
    assert len(await history(house, owner)) == 1


async def test_generating_needs_its_scope() -> None:
    """A key that may only read is refused before anything is looked at."""
    house = a_house()
    owner = await house.owner()
    _, plain = await house.application.issue_api_key(owner, scopes=frozenset({Scope.READ, Scope.WRITE}))
    reader = await house.application.authenticate_key(plain.text)
    with pytest.raises(ScopeMissing):
        await ask(house, reader)
    assert await history(house, reader) == []
