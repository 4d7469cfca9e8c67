"""A provider that answers what it is told."""

from asyncio import sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagegen.domain.errors import ProviderError
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ImageProvider, ProviderAnswer

Draw = Callable[[ImageRequest, int], Awaitable[ProviderAnswer]]
"""An answer that depends on the applied request and the count, or takes its time."""


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """What a provider was asked."""

    request: ImageRequest
    count: int
    deadline: float


class MemoryProvider(ImageProvider):
    """Gives the answers it was handed, one a call and the last one ever after; an error is raised, a `Draw` awaited.

    `calls` are those made so far. While `failure` is set, `check` raises it.
    """

    def __init__(self, name: str, *answers: ProviderAnswer | ProviderError | Draw) -> None:
        if not answers:
            raise ValueError("a provider needs an answer to give")
        self.name = name
        self.calls: list[ProviderCall] = []
        self.failure: ProviderError | None = None
        self._answers = answers

    async def generate(self, request: ImageRequest, *, count: int, deadline: float) -> ProviderAnswer:
        """Give the answer of this call."""
        answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
        self.calls.append(ProviderCall(request, count, deadline))
        await sleep(0)
        if isinstance(answer, ProviderError):
            raise answer
        return answer if isinstance(answer, ProviderAnswer) else await answer(request, count)

    async def check(self) -> None:
        """Raise `failure` if it is set."""
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Nothing to let go of."""
