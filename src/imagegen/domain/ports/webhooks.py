"""What tells others: who wants to be told, what is on its way to them, and who takes it there."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from imagegen.domain.deliveries import WebhookDelivery, WebhookReply
from imagegen.domain.identifiers import EventId, UserId, WebhookId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.signatures import WebhookMessage
from imagegen.domain.webhooks import WebhookEndpoint, WebhookEvent


class WebhookEndpoints(Protocol):
    """Where users want to be told."""

    @abstractmethod
    async def get(self, webhook_id: WebhookId, owner: UserId) -> WebhookEndpoint | None:
        """The owner's endpoint, or `None`."""

    @abstractmethod
    async def page(self, owner: UserId, wanted: PageRequest) -> Page[WebhookEndpoint]:
        """The owner's endpoints, disabled ones included."""

    @abstractmethod
    async def with_due(self, now: datetime, *, prompt: bool) -> Sequence[WebhookEndpoint]:
        """Anybody's enabled endpoints with a delivery that is due by `now` (at most 1,000).

        Either those that were prompt or the others; those first that were served longest ago or never.
        """

    @abstractmethod
    def add(self, endpoint: WebhookEndpoint) -> None:
        """Remember a new endpoint."""

    @abstractmethod
    def update(self, endpoint: WebhookEndpoint) -> None:
        """Remember a changed endpoint. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def served(self, webhook_id: WebhookId, now: datetime, *, prompt: bool) -> None:
        """Remember when an endpoint was served and whether it was prompt, which no `update` does; keeps `version`."""

    @abstractmethod
    def remove(self, webhook_id: WebhookId, owner: UserId) -> None:
        """Forget an endpoint and its deliveries. The commit raises `StaleWrite` when it is not there."""


class WebhookDeliveries(Protocol):
    """What is told, and how that went."""

    @abstractmethod
    async def get(self, event_id: EventId, webhook_id: WebhookId, owner: UserId) -> WebhookDelivery | None:
        """The delivery of an event to the owner's endpoint, or `None`."""

    @abstractmethod
    async def page(self, webhook_id: WebhookId, owner: UserId, wanted: PageRequest) -> Page[WebhookDelivery]:
        """The deliveries to the owner's endpoint, in the order of their events."""

    @abstractmethod
    async def due(self, webhook_id: WebhookId, now: datetime, limit: int) -> Sequence[WebhookDelivery]:
        """Up to `limit` deliveries to anybody's endpoint that are due by `now`, those due longest first."""

    @abstractmethod
    def announce(self, event: WebhookEvent) -> None:
        """Have an event delivered to each of its user's endpoints that wants it when this is committed.

        The deliveries are due at once by the clock of the database, whatever the moment of the event.
        An event is announced once: where an endpoint has it already, the commit raises
        `AlreadyExists("webhook_deliveries.webhook_id")`.
        """

    @abstractmethod
    def update(self, delivery: WebhookDelivery) -> None:
        """Remember a changed delivery. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def expire(self, before: datetime) -> None:
        """Forget all deliveries that are over, taken or given up, and were tried last before a moment."""


class WebhookSender(Protocol):
    """Takes messages to addresses that users chose, and that may belong to anybody."""

    @abstractmethod
    async def check_address(self, url: str) -> None:
        """Raise `InvalidRequest` unless messages may be sent to that address as things are now."""

    @abstractmethod
    async def send(self, message: WebhookMessage) -> WebhookReply:
        """Post a message and return what came of it, after 15 seconds at the latest.

        The address is checked again, since names come to mean something else. Nothing that the receiver does is
        raised, no redirect is followed, and what else it answers is not looked at.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of what is held; closing twice is fine."""
