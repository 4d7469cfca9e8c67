"""Which generations this very process is working on."""

from collections.abc import Iterator
from contextlib import contextmanager

from imagegen.domain.identifiers import GenerationId


class AtWork:
    """What is being run here now, so that nobody here takes it for stranded."""

    def __init__(self) -> None:
        self._ids: set[GenerationId] = set()

    def __contains__(self, generation_id: GenerationId) -> bool:
        return generation_id in self._ids

    @contextmanager
    def on(self, generation_id: GenerationId) -> Iterator[None]:
        """Count a generation that nobody here works on as being run, until the end of the block."""
        self._ids.add(generation_id)
        try:
            yield
        finally:
            self._ids.discard(generation_id)
