"""What is done to leases and to the keys of requests."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from builders import new_idempotency_key
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.ports import UnitOfWork
from operations.history import WORKERS, HistoryOperations

NAMES: Final = ["a", "A", "%"]
LIFETIMES: Final = [timedelta(seconds=-1), timedelta(0), timedelta(days=1)]
"""Nobody waits for a lease to run out: each store has a clock of its own, and they need not agree to the instant."""


class WorkOperations(HistoryOperations):
    """Workers come and go, and users ask for the same again."""

    @rule(
        worker_id=st.sampled_from(WORKERS),
        step=st.sampled_from(["renew", "end", "end others", "forget"]),
        lifetime=st.sampled_from(LIFETIMES),
    )
    def lease(self, worker_id: WorkerId, step: str, lifetime: timedelta) -> None:
        """Give a worker a lease, which may have run out already, or end some."""

        def write(work: UnitOfWork) -> None:
            match step:
                case "renew":
                    work.workers.renew(worker_id, lifetime)
                case "end":
                    work.workers.remove(worker_id)
                case "end others":
                    work.workers.end_others(worker_id)
                case "forget":
                    work.workers.remove_lapsed(worker_id)

        self.write(write)

    @rule(
        generation=HistoryOperations.generations, name=st.sampled_from(NAMES), anew=st.booleans(), early=st.booleans()
    )
    def ask_once(self, generation: Generation, name: str, anew: bool, early: bool) -> None:
        """Add a key for a generation, perhaps one that is taken, perhaps in the place of that."""
        key = replace(new_idempotency_key(generation, name, now=self.clock()), early=early)
        known = self.stores.agree(lambda work: work.idempotency_keys.get(key.user_id, key.key))
        if known and anew:
            self.write(lambda work: work.idempotency_keys.remove(known))
        self.write(lambda work: work.idempotency_keys.add(key))

    @rule(generation=HistoryOperations.generations, name=st.sampled_from(NAMES))
    def forget_key(self, generation: Generation, name: str) -> None:
        """Remove a key, unless it is for another generation."""
        key = new_idempotency_key(generation, name)
        self.write(lambda work: work.idempotency_keys.remove(key))

    @rule(seconds=st.sampled_from([0, 1e-6, 3600]))
    def expire(self, seconds: float) -> None:
        """Forget the keys that are older."""
        before = self.clock() - timedelta(seconds=seconds)
        self.write(lambda work: work.idempotency_keys.expire(before))
