"""What a spool needs of the disk."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol

from imagegen.domain.ports import BlobStore


class Spool(BlobStore, Protocol):
    """A store on local disk, in which one holder at a time can claim a blob, among all processes of the machine."""

    @abstractmethod
    def holds(self, location: str) -> bool:
        """Whether something lies there now: one look, which takes microseconds."""

    @abstractmethod
    def claim(self, location: str) -> AbstractContextManager[object] | None:
        """Keep a blob from all others who would claim it, until the end of the context or of the process.

        `None` when somebody else has it.

        Raises:
            NotFound: nothing lies there.
        """
