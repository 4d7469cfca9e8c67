"""Delivering webhooks: what is due is claimed, sent, and written down.

No transaction is open while something is sent. A try is committed as begun before it is made, so that of several
workers one makes it; one that a crash cut short is made again when its claim is over. What is due, and until when it is
claimed, all of them read off the clock of the database; their own they only sign with.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from imagegen.application.defects import report
from imagegen.application.gathering import all_of
from imagegen.application.retrying import until_fresh
from imagegen.domain.deliveries import WebhookDelivery, WebhookReply
from imagegen.domain.errors import StaleWrite, Unavailable
from imagegen.domain.identifiers import WebhookId
from imagegen.domain.ports import Clock, UnitOfWorkFactory, WebhookSender
from imagegen.domain.signatures import WebhookSigner
from imagegen.domain.webhooks import WebhookEndpoint

LANES: Final = 32
"""Endpoints that are served at the same time."""
AT_ONCE: Final = 8
"""Messages on their way to one endpoint: one that hangs has so many connections and one lane, never all of them."""
LOOK_SECONDS: Final = 1.0
"""The time between two looks at what is due, and for which an endpoint is left alone that took nothing."""
GRACE_SECONDS: Final = 30.0

logger = logging.getLogger("imagegen.webhooks")

_Lanes = dict[WebhookId, asyncio.Task[None]]


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
            while await self._open(lanes):
                await asyncio.wait(lanes.values(), timeout=self.look_seconds, return_when=asyncio.FIRST_COMPLETED)
                for webhook_id in [webhook_id for webhook_id, lane in lanes.items() if lane.done()]:
                    del lanes[webhook_id]
        finally:
            await self._close(lanes)

    async def _open(self, lanes: _Lanes) -> bool:
        """Serve who waits and has no lane yet, as far as there is room; return whether anybody is served."""
        async with self.unit_of_work() as work:
            waiting = await work.webhook_endpoints.with_due(await work.now())
        for endpoint in waiting:
            if len(lanes) < LANES and endpoint.id not in lanes:
                lanes[endpoint.id] = asyncio.create_task(self._serve(endpoint))
        return bool(lanes)

    async def _close(self, lanes: _Lanes) -> None:
        """Let what is being sent end within the grace, then cancel it; a second cancellation ends the grace."""
        try:
            if lanes:
                await asyncio.wait(lanes.values(), timeout=self.grace)
        finally:
            for lane in lanes.values():
                lane.cancel()
            await asyncio.gather(*lanes.values(), return_exceptions=True)

    async def _serve(self, endpoint: WebhookEndpoint) -> None:
        if not await self._unbroken(endpoint, partial(self._send_due, endpoint)):
            await asyncio.sleep(self.look_seconds)

    async def _send_due(self, endpoint: WebhookEndpoint) -> bool:
        """Send the next few; return whether any was taken."""
        async with self.unit_of_work() as work:
            now = await work.now()
            due = await work.webhook_deliveries.due(endpoint.id, now, AT_ONCE)
        tries = [partial(self._deliver, endpoint, delivery, now) for delivery in due]
        return any(await all_of([self._unbroken(endpoint, make) for make in tries]))

    async def _unbroken(self, endpoint: WebhookEndpoint, step: Callable[[], Awaitable[bool]]) -> bool:
        """What a step returns, or `False` when it breaks off: what was claimed is due again when the claim is over."""
        try:
            return await step()
        except Unavailable:
            logger.warning("delivery to webhook %s put off: the database is away", endpoint.id)
        except Exception:  # noqa: BLE001 - reported; a defect must not keep the other webhooks from being delivered
            report(logger, "a delivery to webhook %s failed unexpectedly", endpoint.id)
        return False

    async def _deliver(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime) -> bool:
        """Make one try; return whether the receiver took the message."""
        claimed = delivery.claim(now)
        try:
            async with self.unit_of_work() as work:
                work.webhook_deliveries.update(claimed)
                await work.commit()
        except StaleWrite:  # somebody else was quicker, or it is gone
            return False
        reply = await self.sender.send(self.signer.sign(endpoint, claimed, self.clock()))
        with suppress(StaleWrite):  # its owner has sent it anew, or removed it
            await until_fresh(lambda: self._settle(endpoint, claimed, reply))
        return reply.accepted

    async def _settle(self, endpoint: WebhookEndpoint, claimed: WebhookDelivery, reply: WebhookReply) -> None:
        async with self.unit_of_work() as work:
            now = await work.now()
            if reply.gone:
                current = await work.webhook_endpoints.get(endpoint.id, endpoint.user_id)
                if current is not None and current.enabled and current.url == endpoint.url:
                    work.webhook_endpoints.update(current.gone(now))
            work.webhook_deliveries.update(claimed.settle(reply, now=now, jitter=self.jitter()))
            await work.commit()
