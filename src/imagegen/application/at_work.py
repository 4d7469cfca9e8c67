"""What this process runs at the moment."""

from asyncio import CancelledError, Task, current_task
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from imagegen.domain.errors import Billed, GenerationCanceled
from imagegen.domain.identifiers import GenerationId


class AtWork:
    """The generations that are being run here, and the calls under way for them."""

    def __init__(self) -> None:
        self._ids: set[GenerationId] = set()
        self._calls: defaultdict[GenerationId, set[Task[object]]] = defaultdict(set)
        self._abandoned: set[GenerationId] = set()

    def __contains__(self, generation_id: GenerationId) -> bool:
        return generation_id in self._ids

    @contextmanager
    def on(self, generation_id: GenerationId) -> Iterator[None]:
        """Count a generation as being run, until the end of the block."""
        self._ids.add(generation_id)
        try:
            yield
        finally:
            self._ids.discard(generation_id)
            self._abandoned.discard(generation_id)

    @contextmanager
    def calling(self, generation_id: GenerationId) -> Iterator[None]:
        """Let whoever cancels the generation cut the block short.

        Raises:
            GenerationCanceled: that happened, at whatever the block awaited, or before.
        """
        task = current_task()
        assert task is not None
        calls = self._calls[generation_id]
        calls.add(task)
        try:
            if generation_id in self._abandoned:
                raise GenerationCanceled(billed=Billed.NO)
            yield
        except CancelledError:
            if generation_id not in self._abandoned:
                raise
            task.uncancel()
            raise GenerationCanceled(billed=Billed.UNKNOWN) from None
        finally:
            calls.discard(task)
            if not calls:
                self._calls.pop(generation_id, None)

    def abandon(self, generation_id: GenerationId) -> None:
        """Cut the calls short that are under way for a generation, and let none begin any more."""
        if generation_id in self._ids:
            self._abandoned.add(generation_id)
            for task in self._calls.get(generation_id, ()):
                task.cancel()
