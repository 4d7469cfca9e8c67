"""What is remembered of batches."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from imagegen.domain.batches import Batch
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import BatchId, UserId
from imagegen.domain.pages import Page, PageRequest


class Batches(Protocol):
    """The batches. Each comes with its generations counted; these themselves are among the `Generations`."""

    @abstractmethod
    async def get(self, batch_id: BatchId, owner: UserId) -> Batch | None:
        """The owner's batch, or `None`."""

    @abstractmethod
    async def find(self, batch_id: BatchId) -> Batch | None:
        """Anybody's batch, or `None`: for the worker."""

    @abstractmethod
    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Batch]:
        """The owner's batches."""

    @abstractmethod
    async def results(self, batch_id: BatchId, *, after: int = -1, limit: int) -> Sequence[Generation]:
        """Up to `limit` of its generations that have ended, in its order, after a place in it."""

    @abstractmethod
    async def left(self, batch_id: BatchId, *, limit: int) -> Sequence[Generation]:
        """Up to `limit` of its generations that have not ended, the last one first: others begin at the other end."""

    @abstractmethod
    async def canceled(self, batch_id: BatchId) -> bool:
        """Whether its owner took it back."""

    @abstractmethod
    async def unfinished(self, batch_id: BatchId) -> bool:
        """Whether any of its generations has not ended: quicker to tell than how many."""

    @abstractmethod
    async def ended(self) -> Sequence[BatchId]:
        """Batches that are not finished yet although all of their generations have ended (at most 1,000)."""

    @abstractmethod
    def add(self, batch: Batch) -> None:
        """Remember a new batch; its generations are added through `Generations`, in the same unit of work."""

    @abstractmethod
    def update(self, batch: Batch) -> None:
        """Remember how far a batch has come. The commit raises `StaleWrite` unless `version` is the next one."""
