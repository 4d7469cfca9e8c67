"""What is done to batches."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, multiple, rule

from builders import new_batch
from imagegen.domain.batches import Batch
from imagegen.domain.errors import IllegalTransition
from imagegen.domain.generations import Generation
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.users import User
from operations.accounts import AccountOperations
from operations.history import WISHES, HistoryOperations, Wish
from stores import add


class BatchOperations(HistoryOperations):
    """Users hand in batches, whose generations are treated like any other, and take them back."""

    batches = Bundle[Batch]("batches")

    @rule(target=batches, user=AccountOperations.users, wishes=st.lists(WISHES, min_size=1, max_size=4))
    def submit(self, user: User, wishes: list[Wish]) -> Batch:
        """Add a batch with its generations, the last one first."""
        batch = new_batch(user, len(wishes), now=self.clock())
        items = [
            replace(wish.generation(user, self.clock()), batch_id=batch.id, batch_index=index)
            for index, wish in enumerate(wishes)
        ]
        self.write(lambda work: work.batches.add(batch), *(partial(add, thing=item) for item in reversed(items)))
        return batch

    @rule(target=HistoryOperations.generations, batch=batches)
    def pick_items(self, batch: Batch) -> MultipleResults[Generation]:
        """Take the generations of a batch at hand that have not ended."""
        return multiple(*self.stores.agree(lambda work: work.batches.left(batch.id, limit=100)))

    @rule(batch=batches, canceled=st.booleans())
    def end_batch(self, batch: Batch, canceled: bool) -> None:
        """Take a batch back, or finish one."""
        batch, now = self.now(batch, lambda work: work.batches.find(batch.id)), self.clock()
        with suppress(IllegalTransition):
            changed = batch.cancel(now) if canceled else batch.finish(now)
            self.write(lambda work: work.batches.update(changed))

    @rule(batch=batches, after=st.integers(-1, 3), limit=st.integers(1, 3))
    def read_results(self, batch: Batch, after: int, limit: int) -> None:
        """Read what came of a batch after a place in it, and what is left."""

        async def read(work: UnitOfWork) -> object:
            return [
                list(await work.batches.results(batch.id, after=after, limit=limit)),
                list(await work.batches.left(batch.id, limit=limit)),
                await work.batches.unfinished(batch.id),
                await work.batches.canceled(batch.id),
            ]

        self.stores.agree(read)
