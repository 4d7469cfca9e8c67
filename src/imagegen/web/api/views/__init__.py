"""Bodies of answers: each view is built in one place, so that what leaves the service can be read here."""

from imagegen.web.api.views.accounts import IssuedKeyView, KeyView, LoginView, SessionView, UserView
from imagegen.web.api.views.events import ProgressView, StatusView
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

__all__ = [
    "Address",
    "AdjustmentView",
    "AttemptView",
    "FailureView",
    "GenerationView",
    "ImageView",
    "IssuedKeyView",
    "KeyView",
    "LoginView",
    "ModelView",
    "PageView",
    "ProgressView",
    "SessionView",
    "StatusView",
    "UsageView",
    "UserView",
    "page_view",
]
