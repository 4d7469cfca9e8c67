"""What is done to leases and to the keys of requests."""

from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from builders import new_idempotency_key
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.identifiers import WorkerId
from operations.history import WORKERS, HistoryOperations

NAMES: Final = ["a", "A", "%"]
LIFETIMES: Final = [timedelta(seconds=-1), timedelta(0), timedelta(days=1)]
"""Nobody waits for a lease to run out: each store has a clock of its own, and they need not agree to the instant."""


class WorkOperations(HistoryOperations):
    """Workers come and go, and users ask for the same again."""

    keys_of_requests = Bundle[IdempotencyKey]("keys_of_requests")

    @rule(worker_id=st.sampled_from(WORKERS), lifetime=st.sampled_from(LIFETIMES))
    def renew(self, worker_id: WorkerId, lifetime: timedelta) -> None:
        """Give a worker a lease, which may have run out already."""
        self.write(lambda work: work.workers.renew(worker_id, lifetime))

    @rule(worker_id=st.sampled_from(WORKERS), others=st.booleans())
    def end_leases(self, worker_id: WorkerId, others: bool) -> None:
        """End a worker's lease, or all others."""
        self.write(lambda work: (work.workers.remove_others if others else work.workers.remove)(worker_id))

    @rule()
    def remove_lapsed(self) -> None:
        """Forget the leases that have run out."""
        self.write(lambda work: work.workers.remove_lapsed())

    @rule(target=keys_of_requests, generation=HistoryOperations.generations, name=st.sampled_from(NAMES))
    def ask_once(self, generation: Generation, name: str) -> IdempotencyKey:
        """Add a key for a generation, perhaps one that is taken."""
        key = new_idempotency_key(generation, name, now=self.clock())
        self.write(lambda work: work.idempotency_keys.add(key))
        return key

    @rule(key=keys_of_requests, generation=HistoryOperations.generations, replaced=st.booleans())
    def forget_key(self, key: IdempotencyKey, generation: Generation, replaced: bool) -> None:
        """Remove a key, and perhaps use it for something else."""
        key = self.now(key, lambda work: work.idempotency_keys.get(key.user_id, key.key))
        self.write(lambda work: work.idempotency_keys.remove(key))
        if replaced:
            self.ask_once(generation, key.key)

    @rule(seconds=st.sampled_from([0, 1e-6, 3600]))
    def expire(self, seconds: float) -> None:
        """Forget the keys that are older."""
        before = self.clock() - timedelta(seconds=seconds)
        self.write(lambda work: work.idempotency_keys.expire(before))
