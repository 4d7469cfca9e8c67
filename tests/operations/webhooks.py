"""What is done to webhooks, and told to them."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from builders import new_event, new_webhook
from imagegen.domain.deliveries import WebhookReply
from imagegen.domain.users import User
from imagegen.domain.webhooks import EventType, WebhookEndpoint, WebhookEvent
from operations.accounts import AccountOperations
from operations.machine import SELDOM, TEXT
from operations.work import WorkOperations

EVENTS = st.frozensets(st.sampled_from(EventType), min_size=1)
REPLIES = st.sampled_from([WebhookReply(status=status) for status in (204, 410, 500)])


class WebhookOperations(WorkOperations):
    """Users listen, things happen, and receivers answer."""

    webhooks = Bundle[WebhookEndpoint]("webhooks")
    events = Bundle[WebhookEvent]("events")

    @rule(target=webhooks, user=AccountOperations.users, events=EVENTS)
    def listen(self, user: User, events: frozenset[EventType]) -> WebhookEndpoint:
        """Add a webhook."""
        webhook = new_webhook(user, events=events, now=self.clock())
        self.write(lambda work: work.webhook_endpoints.add(webhook))
        return webhook

    @rule(webhook=webhooks, description=st.none() | TEXT, events=EVENTS, enabled=st.booleans(), rotate=st.booleans())
    def change_webhook(
        self,
        webhook: WebhookEndpoint,
        description: str | None,
        events: frozenset[EventType],
        enabled: bool,
        rotate: bool,
    ) -> None:
        """Change a webhook."""
        webhook = self.now(webhook, lambda work: work.webhook_endpoints.get(webhook.id, webhook.user_id))
        changed = webhook.change(
            url="https://example.com/",
            description=description,
            events=events,
            enabled=enabled,
            rotate=rotate,
            now=self.clock(),
        )
        self.write(lambda work: work.webhook_endpoints.update(changed))

    @rule(webhook=webhooks, prompt=st.booleans())
    def serve(self, webhook: WebhookEndpoint, prompt: bool) -> None:
        """Remember that it was a webhook's turn."""
        self.write(lambda work: work.webhook_endpoints.served(webhook.id, self.clock(), prompt=prompt))

    @rule(webhook=webhooks, user=AccountOperations.users, really=SELDOM)
    def stop_listening(self, webhook: WebhookEndpoint, user: User, really: bool) -> None:
        """Remove a webhook, now and then one of somebody else's."""
        if really:
            self.write(lambda work: work.webhook_endpoints.remove(webhook.id, user.id))

    @rule(target=events, user=AccountOperations.users, type=st.sampled_from(EventType))
    def happen(self, user: User, type: EventType) -> WebhookEvent:
        """Announce something."""
        event = new_event(user, type=type, now=self.clock())
        self.write(lambda work: work.webhook_deliveries.announce(event))
        return event

    @rule(event=events)
    def happen_again(self, event: WebhookEvent) -> None:
        """Announce the same once more."""
        self.write(lambda work: work.webhook_deliveries.announce(event))

    @rule(webhook=webhooks, reply=REPLIES)
    def deliver(self, webhook: WebhookEndpoint, reply: WebhookReply) -> None:
        """Make the try that has been due longest."""
        now = self.clock()
        due = self.stores.agree(lambda work: work.webhook_deliveries.due(webhook.id, now, 1))
        if due:
            claimed = due[0].claim(now)
            settled = claimed.settle(reply, now=now, jitter=0.0)
            self.write(lambda work: work.webhook_deliveries.update(claimed))
            self.write(lambda work: work.webhook_deliveries.update(settled))

    @rule(webhook=webhooks, event=events)
    def deliver_again(self, webhook: WebhookEndpoint, event: WebhookEvent) -> None:
        """Have an event delivered anew, if it was announced there."""
        there = self.stores.agree(lambda work: work.webhook_deliveries.get(event.id, webhook.id, webhook.user_id))
        if there is not None:
            self.write(lambda work: work.webhook_deliveries.update(there.redeliver(self.clock())))
