"""What the tests of the OpenAPI document need to know beyond the document; schemathesis loads this in its process.

The service under test is the one whose address is in `SCHEMA_TARGET`.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import httpx
import schemathesis
from schemathesis import AuthContext, Case, CheckContext, HookContext, Response

from imagegen.domain.webhooks import EventType

ACCOUNT: Final = {"email": "visitor@example.com", "password": "a password in no example"}

BEYOND_THE_SCHEMA: Final = {
    "#cursor",  # opaque on purpose
    "#from",  # after the end of the span
    "/aspect_ratio",  # together with a size
    "/expires_at",  # in the past
    "/model",  # not in the catalog
    "/provider",  # not configured
    "/password",  # too common
    "/new_password",  # too common
    "/tags",  # with characters that do not print
}
"""Where a body or query that the schema allows may still be wrong, because no schema can say why."""

IN_A_BATCH: Final = re.compile(r"^/requests/[0-9]+")

AnyCase: TypeAlias = Case[Any]

client = httpx.Client(base_url=os.environ["SCHEMA_TARGET"])
client.post("/v1/auth/register", json=ACCOUNT)


def log_in() -> dict[str, str]:
    """Headers of a new session."""
    token = client.post("/v1/auth/login", json=ACCOUNT).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def issue() -> dict[str, str]:
    """A new API key."""
    return dict(client.post("/v1/keys", json={}, headers=log_in()).json())


SESSION: Final = log_in()
KEY: Final = issue()["key"]


def generate() -> dict[str, Any]:
    """A new generation with its picture."""
    headers = {"Authorization": f"Bearer {KEY}"}
    return dict(client.post("/v1/generate", json={"prompt": "fox"}, headers=headers).json())


def listen() -> str:
    """A new webhook, told of everything; those before it make room if there is none."""
    body = {"url": "https://example.com/hooks", "events": list(EventType)}
    for webhook in client.get("/v1/webhooks", headers=SESSION).json()["data"]:
        client.delete(f"/v1/webhooks/{webhook['id']}", headers=SESSION)
    return str(client.post("/v1/webhooks", json=body, headers=SESSION).json()["id"])


def deliver() -> dict[str, str]:
    """A new webhook, and a delivery to this very one."""
    webhook_id = listen()
    generate()
    (delivery,) = client.get(f"/v1/webhooks/{webhook_id}/deliveries", headers=SESSION).json()["data"]
    return {"webhook_id": webhook_id, "delivery_id": str(delivery["id"])}


def submit() -> str:
    """A new batch."""
    headers = {"Authorization": f"Bearer {KEY}"}
    return str(client.post("/v1/batches", json={"requests": [{"prompt": "fox"}]}, headers=headers).json()["id"])


THERE: Final[Mapping[str, Callable[[], str]]] = {
    "batch_id": submit,
    "code": lambda: "key_revoked",
    "generation_id": lambda: str(generate()["id"]),
    "image_id": lambda: str(generate()["images"][0]["id"]),
    "key_id": lambda: str(issue()["id"]),
    "webhook_id": listen,
    "session_id": lambda: str(client.get("/v1/auth/sessions", headers=log_in()).json()["data"][0]["id"]),
}
"""For each parameter of a path, how to get one that leads somewhere."""


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Presents what an operation asks for: a key where nothing else will do, or else an access token."""

    def get(self, _: AnyCase, context: AuthContext) -> str:
        """The header's value."""
        if context.operation.definition.raw.get("security") == [{"apiKey": []}]:
            return f"Bearer {KEY}"
        ending = context.operation.path.startswith(("/v1/auth/logout", "/v1/auth/sessions"))
        return (log_in() if ending else SESSION)["Authorization"]

    def set(self, case: AnyCase, data: str, _: AuthContext) -> None:
        """Put it into the request."""
        case.headers["Authorization"] = data


@schemathesis.hook
def filter_case(context: HookContext, case: AnyCase) -> bool:
    """Leave out what is known and accepted: the word `null` for a filter in a query counts as no filter."""
    values = dict(case.query or {}).values()
    flat = [text for value in values for text in (value if isinstance(value, list) else [value])]
    return "null" not in map(str, flat) and None not in flat


@schemathesis.hook
def map_case(context: HookContext, case: AnyCase) -> AnyCase:
    """Let requests that are meant to succeed ask for things that are there."""
    if is_positive(case):
        names = case.path_parameters or {}
        found = deliver() if "delivery_id" in names else {name: THERE[name]() for name in names}
        names.update(found)
    return case


@schemathesis.check
def refused_only_for_reasons_beyond_the_schema(_: CheckContext, response: Response, case: AnyCase) -> None:
    """A request that the schema allows is refused as invalid only for what no schema can say."""
    if response.status_code != httpx.codes.UNPROCESSABLE_ENTITY or not is_positive(case):
        return
    problem = response.json()
    if problem["code"] == "idempotency_key_reused":  # the same short key was drawn for two bodies
        return
    # An integer written as 4.0 is one to JSON Schema; here types are strict.
    faults = [fault for fault in problem["errors"] if "got `float`" not in fault["message"]]
    unexpected = [fault for fault in faults if IN_A_BATCH.sub("", fault["pointer"]) not in BEYOND_THE_SCHEMA]
    assert not unexpected, unexpected


def is_positive(case: AnyCase) -> bool:
    """Whether the request follows the schema."""
    return case.meta is not None and case.meta.generation.mode.is_positive
