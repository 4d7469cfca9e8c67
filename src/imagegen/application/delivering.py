"""Delivering webhooks: what is due is claimed, sent, and written down.

No transaction is open while something is sent. A try is committed as begun before it is made, so that of several
workers one makes it; one that a crash cut short is made again when its claim is over. What is due, and until when it is
claimed, all of them read off the clock of the database; their own they only sign with.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final, TypeVar

from imagegen.application.defects import report
from imagegen.application.gathering import all_of
from imagegen.application.retrying import until_fresh
from imagegen.domain.deliveries import WebhookDelivery, WebhookReply
from imagegen.domain.errors import StaleWrite, Unavailable
from imagegen.domain.identifiers import WebhookId
from imagegen.domain.ports import Clock, UnitOfWorkFactory, WebhookSender
from imagegen.domain.signatures import WebhookSigner
from imagegen.domain.webhooks import WebhookEndpoint

LANES: Final = 16
"""Endpoints that are served at the same time of those that were prompt, and as many of the others.

So however many receivers hang, they wait for each other, and nobody for them whose receiver answers.
"""
LANES_OF_USER: Final = 4
"""How many of either one user's endpoints have at the most."""
AT_ONCE: Final = 8
"""Messages on their way to one endpoint: one that hangs has so many connections and one lane, never all of them."""
PROMPT_SECONDS: Final = 2.0
"""Who has answered every message by then is prompt."""
LOOK_SECONDS: Final = 1.0
"""The time between two looks at what is due, and for which an endpoint is left alone that took nothing."""
REST_SECONDS: Final = 0.05
"""The least time between two looks, however many lanes come free: meanwhile those have them who were found waiting."""
GRACE_SECONDS: Final = 30.0

T = TypeVar("T")

logger = logging.getLogger("imagegen.webhooks")


@dataclass(frozen=True, slots=True)
class _Lane:
    endpoint: WebhookEndpoint
    serving: asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class _End:
    """How a try ended: whether the receiver took the message, and how long that took it."""

    taken: bool
    seconds: float


_Lanes = dict[WebhookId, _Lane]
_Waiting = dict[WebhookId, WebhookEndpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverWebhooks:
    """Send what is due, and what becomes due meanwhile, until nothing is. Any number of processes may do it.

    `jitter` gives numbers from 0.0 to 1.0; `grace` is how many seconds what is being sent has left after canceling.
    """

    unit_of_work: UnitOfWorkFactory
    sender: WebhookSender
    signer: WebhookSigner
    clock: Clock
    jitter: Callable[[], float] = random.random  # noqa: S311 - it spreads tries over time, and guards nothing
    look_seconds: float = LOOK_SECONDS
    grace: float = GRACE_SECONDS

    async def __call__(self) -> None:
        """Raise `DatabaseUnavailable` when nobody can tell what is due."""
        lanes: _Lanes = {}
        try:
            while (waiting := await self._look(lanes)) or lanes:
                await self._serve_until_next_look(lanes, waiting)
        finally:
            await self._close(_tasks(lanes))

    async def _look(self, lanes: _Lanes) -> _Waiting:
        """Who waits for a lane, those first whose turn it is; who has one is not among them."""
        async with self.unit_of_work() as work:
            now = await work.now()
            parts = [await work.webhook_endpoints.with_due(now, prompt=prompt) for prompt in (True, False)]
        return {endpoint.id: endpoint for endpoint in chain(*parts) if endpoint.id not in lanes}

    async def _serve_until_next_look(self, lanes: _Lanes, waiting: _Waiting) -> None:
        """Give lanes to who waits, and those that come free to who is next; then it is soon time for another look."""
        now = asyncio.get_running_loop().time
        looked = now()
        next_look = looked + self.look_seconds
        while (lanes or waiting) and (left := next_look - now()) > 0:
            self._open(lanes, waiting)
            await asyncio.wait(_tasks(lanes), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for webhook_id in [webhook_id for webhook_id, lane in lanes.items() if lane.serving.done()]:
                del lanes[webhook_id]
                next_look = looked + REST_SECONDS
        await asyncio.sleep(next_look - now())

    def _open(self, lanes: _Lanes, waiting: _Waiting) -> None:
        """Serve who waits, as far as there is room; who is served waits no more."""
        for endpoint in list(waiting.values()):
            if _has_room(lanes, endpoint):
                del waiting[endpoint.id]
                lanes[endpoint.id] = _Lane(endpoint, asyncio.create_task(self._serve(endpoint)))

    async def _close(self, serving: Collection[asyncio.Task[None]]) -> None:
        """Let what is being sent end within the grace, then cancel it; a second cancellation ends the grace."""
        try:
            if serving:
                await asyncio.wait(serving, timeout=self.grace)
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, endpoint: WebhookEndpoint) -> None:
        if not await self._unbroken(endpoint, partial(self._send_due, endpoint)):
            await asyncio.sleep(self.look_seconds)

    async def _send_due(self, endpoint: WebhookEndpoint) -> bool:
        """Send the next few; return whether the lane may go on at once: unless all was in vain that was sent."""
        claimed = await self._claim(endpoint)
        tries = [partial(self._deliver, endpoint, delivery) for delivery in claimed]
        ends = [end for end in await all_of([self._unbroken(endpoint, make) for make in tries]) if end is not None]
        prompt = all(end.seconds < PROMPT_SECONDS for end in ends)
        if ends and prompt is not endpoint.prompt:
            async with self.unit_of_work() as work:
                work.webhook_endpoints.served(endpoint.id, await work.now(), prompt=prompt)
                await work.commit()
        return not claimed or any(end.taken for end in ends)

    async def _unbroken(self, endpoint: WebhookEndpoint, step: Callable[[], Awaitable[T]]) -> T | None:
        """What a step returns, or `None` when it breaks off: what was claimed is due again when the claim is over."""
        try:
            return await step()
        except Unavailable:
            logger.warning("delivery to webhook %s put off: the database is away", endpoint.id)
        except Exception:  # noqa: BLE001 - reported; a defect must not keep the other webhooks from being delivered
            report(logger, "a delivery to webhook %s failed unexpectedly", endpoint.id)
        return None

    async def _claim(self, endpoint: WebhookEndpoint) -> Sequence[WebhookDelivery]:
        """Begin the next few tries, all in one commit with whose turn it is; none if somebody else was quicker."""
        async with self.unit_of_work() as work:
            now = await work.now()
            due = await work.webhook_deliveries.due(endpoint.id, now, AT_ONCE)
            if not due:  # nor has this one served it
                return ()
            claimed = [delivery.claim(now) for delivery in due]
            work.webhook_endpoints.served(endpoint.id, now, prompt=endpoint.prompt)
            for delivery in claimed:
                work.webhook_deliveries.update(delivery)
            try:
                await work.commit()
            except StaleWrite:  # or one of them is gone
                return ()
        return claimed

    async def _deliver(self, endpoint: WebhookEndpoint, claimed: WebhookDelivery) -> _End:
        """Make one try."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        reply = await self.sender.send(self.signer.sign(endpoint, claimed, self.clock()))
        end = _End(reply.accepted, loop.time() - begun)
        with suppress(StaleWrite):  # its owner has sent it anew, or removed it
            await until_fresh(lambda: self._settle(endpoint, claimed, reply))
        return end

    async def _settle(self, endpoint: WebhookEndpoint, claimed: WebhookDelivery, reply: WebhookReply) -> None:
        async with self.unit_of_work() as work:
            now = await work.now()
            if reply.gone:
                current = await work.webhook_endpoints.get(endpoint.id, endpoint.user_id)
                if current is not None and current.enabled and current.url == endpoint.url:
                    work.webhook_endpoints.update(current.gone(now))
            work.webhook_deliveries.update(claimed.settle(reply, now=now, jitter=self.jitter()))
            await work.commit()


def _tasks(lanes: _Lanes) -> Collection[asyncio.Task[None]]:
    return [lane.serving for lane in lanes.values()]


def _has_room(lanes: _Lanes, endpoint: WebhookEndpoint) -> bool:
    """Whether an endpoint without a lane may have one, among those that are as prompt as it is."""
    alike = [lane.endpoint for lane in lanes.values() if lane.endpoint.prompt is endpoint.prompt]
    own = sum(other.user_id == endpoint.user_id for other in alike)
    return len(alike) < LANES and own < LANES_OF_USER
