"""Bodies of answers: each view is built in one place, so that what leaves the service can be read here."""

from imagegen.web.api.views.accounts import IssuedKeyView, KeyView, LoginView, SessionView, UserView
from imagegen.web.api.views.batches import BatchCountsView, BatchView, ResultView
from imagegen.web.api.views.events import EventView, ProgressView, StatusView
from imagegen.web.api.views.generations import (
    Address,
    AdjustmentView,
    AttemptView,
    FailureView,
    GenerationView,
    ImageView,
)
from imagegen.web.api.views.pages import PageView, page_view
from imagegen.web.api.views.usage import ModelView, UsageView
from imagegen.web.api.views.webhooks import ChangedWebhookView, DeliveryView, NewWebhookView, WebhookView

__all__ = [
    "Address",
    "AdjustmentView",
    "AttemptView",
    "BatchCountsView",
    "BatchView",
    "ChangedWebhookView",
    "DeliveryView",
    "EventView",
    "FailureView",
    "GenerationView",
    "ImageView",
    "IssuedKeyView",
    "KeyView",
    "LoginView",
    "ModelView",
    "NewWebhookView",
    "PageView",
    "ProgressView",
    "ResultView",
    "SessionView",
    "StatusView",
    "UsageView",
    "UserView",
    "WebhookView",
    "page_view",
]
