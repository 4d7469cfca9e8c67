"""Drawing a generation that has begun: its calls are made, the pictures are stored, and the row says how it ended.

No transaction is open while a provider or a store is asked.
"""

from dataclasses import dataclass
from itertools import count

from imagegen.application.at_work import AtWork
from imagegen.application.calling import Asking, CallProvider
from imagegen.application.cleaning import RemoveReceipts
from imagegen.application.leasing import Lease
from imagegen.application.settling import SettleGeneration
from imagegen.domain.attempts import Attempt
from imagegen.domain.catalog import ImageModel
from imagegen.domain.generations import Generation
from imagegen.domain.ports import Clock, GenerationEvents, UnitOfWork


@dataclass(frozen=True, slots=True)
class Begun:
    """A generation that runs, and its first calls; from the commit of both on, the calls are taken for made."""

    generation: Generation
    asking: Asking
    attempts: tuple[Attempt, ...]

    def write_calls(self, work: UnitOfWork) -> None:
        """Gather the calls, in the same unit of work as the generation."""
        for attempt in self.attempts:
            work.attempts.add(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawGeneration:
    """Have a generation that has begun drawn, and say how it ended."""

    call: CallProvider
    remove_receipts: RemoveReceipts
    settle: SettleGeneration
    events: GenerationEvents
    clock: Clock
    at_work: AtWork
    lease: Lease

    def begin(self, generation: Generation, model: ImageModel) -> Begun:
        """The generation as it runs, with the calls it takes; nothing is remembered or called yet."""
        running = generation.start(self.lease.worker_id, self.clock())
        asking = Asking(generation=running, model=model, numbers=count(1), ends=self.call.seconds() + model.deadline)
        return Begun(running, asking, tuple(self.call.attempts(asking, running.applied.n)))

    async def __call__(self, begun: Begun) -> None:
        """Draw it to its end; errors of the provider become the generation's, not the caller's."""
        generation = begun.generation
        with self.at_work.on(generation.id):
            drawn = await self.call(begun.asking, begun.attempts)
            ended = await self.settle(generation, drawn)
            if ended is not None:
                await self.events.announce(ended)
            for one in drawn:
                if one.images:
                    self.remove_receipts.later(one.attempt)
