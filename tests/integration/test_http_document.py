"""The OpenAPI document, and the pages that problems lead to."""

import inspect
from typing import Any

import httpx
import msgspec
import pytest

from imagegen.domain import errors
from imagegen.domain.errors import ImagegenError
from imagegen.web import problems
from imagegen.web.api import health, requests, views
from imagegen.web.api.examples import EXAMPLES
from imagegen.web.problems import Problem
from reference_pages import codes, title_of
from visitors import assert_problem

PUBLIC = {
    ("post", "/v1/auth/register"),
    ("post", "/v1/auth/login"),
    ("post", "/v1/auth/refresh"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/problems/{code}"),
}
KINDS = (requests, views, health, problems)
"""Where the objects of bodies are defined."""
CODES = {kind.code for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, ImagegenError)}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    """The document as it is served."""
    answer = await client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return dict(answer.json())


@pytest.fixture
def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Each operation by its method and path."""
    return {(method, path): found for path, methods in document["paths"].items() for method, found in methods.items()}


def test_every_operation_is_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    """A summary, a description, a tag, a name of its own, and its parameters and answers described."""
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert len(operation["tags"]) == 1
        assert all(parameter["schema"] for parameter in operation.get("parameters", ()))
        assert all(answer["description"] for answer in operation["responses"].values())
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.islower() for name in names)


def test_every_operation_tells_its_security_and_its_errors(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    """What needs a credential says which, and that it may be 401; every error is a problem; bodies have theirs."""
    for key, operation in operations.items():
        statuses = operation["responses"].keys()
        assert ("security" in operation) == (key not in PUBLIC)
        assert ("401" in statuses) == (key not in PUBLIC or key[1] in {"/v1/auth/login", "/v1/auth/refresh"})
        assert statuses >= ({"400", "408", "413", "415", "422"} if "requestBody" in operation else {"400"})
        for status, answer in operation["responses"].items():
            if status >= "400" and (key[1], status) != ("/health/ready", "503"):
                assert answer["content"].keys() == {"application/problem+json"}
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                example = msgspec.convert(content["example"], Problem)
                assert codes()[example.code] == example.status == int(status)
                assert (example.type, example.title) == (f"/problems/{example.code}", title_of(example.code))


def test_every_answer_tells_its_headers(
    document: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """The request's id always; how to authenticate, when to try again, and which bytes, where they are told."""
    for (_, path), operation in operations.items():
        for status, answer in operation["responses"].items():
            assert "X-Request-ID" in answer["headers"]
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401")
            assert ("Content-Range" in answer["headers"]) == (status in {"206", "416"})
            if status == "503":
                assert ("Retry-After" in answer["headers"]) == (path != "/health/ready")
    told = document["components"]["headers"]
    assert all(header["description"] and header["schema"] for header in told.values())


def test_the_bytes_tell_what_they_can_be_asked_by(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Parts and conditions of a picture are asked for by headers, which are parameters of the operation."""
    parameters = operations["get", "/v1/images/{image_id}/content"]["parameters"]
    asked = {parameter["name"] for parameter in parameters if parameter["in"] == "header"}
    assert asked == {"Range", "If-None-Match", "If-Range"}


def test_bodies_say_exactly_what_is_checked(document: dict[str, Any]) -> None:
    """Requests take no unknown members, nested limits included; every reference leads somewhere."""
    schemas = document["components"]["schemas"]
    bodies = [kind for kind in vars(requests).values() if inspect.isclass(kind) and issubclass(kind, requests.Body)]
    for kind in bodies:
        if kind is not requests.Body:
            assert schemas[kind.__name__]["additionalProperties"] is False
    generation = schemas["NewGeneration"]["properties"]
    assert generation["tags"]["items"]["maxLength"] == 64
    assert generation["seed"]["anyOf"][0]["minimum"] == 0
    assert schemas["KeyView"]["properties"]["created_at"]["format"] == "date-time"
    assert "imagegen." not in str(document["paths"])
    for reference in references(document):
        _, _, section, name = reference.split("/")
        assert name in document["components"][section]


def references(node: Any) -> set[str]:
    """Every reference within a part of the document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_it_is_an_example_of(name: str, document: dict[str, Any]) -> None:
    """Each example in the document is accepted, or could have been answered, by the very type that it stands for."""
    kind = next(getattr(module, name) for module in KINDS if hasattr(module, name))
    msgspec.json.decode(msgspec.json.encode(EXAMPLES[name]), type=kind)
    assert document["components"]["schemas"][name]["examples"] == [EXAMPLES[name]]


def test_whatever_is_sent_or_answered_has_an_example(document: dict[str, Any]) -> None:
    """There is an example for every object in a body, alone, within another, or on a page."""
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("type") != "object" or schema["examples"], name


def test_pictures_are_of_three_types(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    """The bytes of a picture may be any of the formats, in whole and in part."""
    answers = operations["get", "/v1/images/{image_id}/content"]["responses"]
    for status in ("200", "206"):
        assert answers[status]["content"].keys() == {"image/png", "image/jpeg", "image/webp"}


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/v1/generate", "201", {"Location", "X-Imagegen-Generation-Id", "Idempotent-Replayed"}),
        ("/v1/generate", "202", {"Location", "X-Imagegen-Generation-Id", "Idempotent-Replayed", "Retry-After"}),
        ("/v1/generate", "502", {"Location", "X-Imagegen-Generation-Id", "Idempotent-Replayed"}),
        ("/v1/generations", "201", {"Location", "X-Imagegen-Generation-Id", "Idempotent-Replayed"}),
        ("/v1/generations", "202", {"Location", "X-Imagegen-Generation-Id", "Idempotent-Replayed", "Retry-After"}),
        (
            "/v1/generations/{generation_id}/retry",
            "202",
            {"Location", "X-Imagegen-Generation-Id", "Idempotent-Replayed", "Retry-After"},
        ),
        ("/v1/batches", "202", {"Location", "Idempotent-Replayed"}),
        ("/v1/webhooks", "201", {"Location"}),
    ],
)
def test_what_is_made_says_where_it_is(
    operations: dict[tuple[str, str], dict[str, Any]], path: str, status: str, headers: set[str]
) -> None:
    """The headers of the answer are described, each with words of its own."""
    described = operations["post", path]["responses"][status]["headers"]
    assert described.keys() == headers | {"X-Request-ID"}
    assert all(header.get("description") or header["$ref"] for header in described.values())


def test_health_answers_are_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    """`/health/ready` answers the same whether it is ready or not."""
    answers = operations["get", "/health/ready"]["responses"]
    assert answers["503"]["content"] == answers["200"]["content"]


@pytest.mark.parametrize("code", sorted(CODES))
async def test_the_type_of_a_problem_leads_to_its_page(client: httpx.AsyncClient, code: str) -> None:
    """Every code of the core has a page, in Markdown, for anybody, that may be kept for a while."""
    answer = await client.get(f"/problems/{code}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.text.startswith(f"# `{code}`")


@pytest.mark.parametrize(
    "code", ["nothing_of_ours", "Key_Revoked", "key_revoked.md", "..", "%2e%2e%2fREADME", "a" * 500, "_", "a__b", "%00"]
)
async def test_no_other_page_is_shown(client: httpx.AsyncClient, code: str) -> None:
    """What is no code of ours, and any way out of the folder, is not found."""
    assert (await client.get(f"/problems/{code}")).status_code == 404


async def test_an_unknown_page_is_a_problem(client: httpx.AsyncClient) -> None:
    """A page that is not there is told like everything else that is not there."""
    assert_problem(await client.get("/problems/nothing_of_ours"), 404, "not_found")


def test_a_problem_names_every_member_it_may_have() -> None:
    """The members of a problem are those of the contract."""
    assert set(Problem.__struct_fields__) == {
        *("type", "title", "status", "detail", "instance", "code", "request_id", "errors", "retry_after"),
        *("retryable", "billed", "provider", "provider_code", "generation_id"),
    }
