"""The API reference at `/docs` is whole, comes from here alone, and is sent once."""

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from imagegen.web.authentication import Access
from imagegen.web.reference import ASSETS, FOLDER, POLICY, REFERENCE_HANDLERS


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    """A client of a service that has nothing but the reference."""
    with TestClient(Litestar(REFERENCE_HANDLERS, openapi_config=None)) as client:
        yield client


def test_page_loads_only_what_is_served_here(client: TestClient[Litestar]) -> None:
    """Every script, style sheet and picture that the page names is one of its own assets."""
    page = client.get("/docs")
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert named == {f"/docs/{name}" for name in ASSETS} | {"/docs", "/openapi.json"}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("reference.css", "text/css; charset=utf-8"),
        ("reference.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ],
)
def test_asset_is_sent_with_its_type(client: TestClient[Litestar], name: str, media_type: str) -> None:
    """An asset arrives whole, as what it is; a browser told not to guess takes it."""
    answer = client.get(f"/docs/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.content == (FOLDER / ASSETS[name][0]).read_bytes()


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui-bundle.js"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
def test_known_content_is_not_sent_again(client: TestClient[Litestar], path: str, form: str) -> None:
    """A client that names the ETag it has gets 304 without a body, and the ETag again."""
    etag = client.get(path).headers["etag"]
    answer = client.get(path, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert answer.headers["cache-control"] == "no-cache"


def test_stale_content_is_sent_anew(client: TestClient[Litestar]) -> None:
    """A client that has another version gets the whole page."""
    answer = client.get("/docs", headers={"If-None-Match": '"other"'})
    assert answer.status_code == 200
    assert answer.content == (FOLDER / "page.html").read_bytes()


@pytest.mark.parametrize("name", ["LICENSE", "page.html", "__init__.py", "..%2F__init__.py", "%2e%2e"])
def test_other_names_are_not_found(client: TestClient[Litestar], name: str) -> None:
    """Only the page's assets can be read, whatever else lies in the folder or above it."""
    assert client.get(f"/docs/{name}").status_code == 404


def test_policy_allows_nothing_inline_and_nobody_else(client: TestClient[Litestar]) -> None:
    """The page may load from its own origin only, run no inline script or style, and be framed by nobody."""
    assert client.get("/docs").headers["content-security-policy"] == POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_page_has_nothing_inline() -> None:
    """No script, style or event handler stands in the page itself, where the policy would refuse it."""
    page = (FOLDER / "page.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def test_anybody_may_read_the_reference() -> None:
    """The reference needs no credential and does not describe itself."""
    for handler in REFERENCE_HANDLERS:
        assert handler.opt["access"] is Access.PUBLIC
        assert handler.include_in_schema is False
