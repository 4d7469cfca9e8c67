"""The documentation says what the code does, and leads nowhere that is not there."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import pytest

from builders import new_event, new_generation, new_user, new_webhook, succeeded
from house import House
from imagegen.adapters.memory import MemoryProvider
from imagegen.adapters.model_book import load_models
from imagegen.cli import main
from imagegen.domain.catalog import Catalog
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.errors import NoImage
from imagegen.domain.identifiers import EventId
from imagegen.domain.images import ImageRequest, Size
from imagegen.domain.signatures import WebhookSigner
from imagegen.domain.webhooks import RetiredSecret, WebhookEvent
from imagegen.settings import Settings
from imagegen.web.api.views import BatchView
from imagegen.web.problems import Problem
from reference_pages import DOCS, PAGES, ROOT, SOURCE, codes, title_of

PAPERS: Final = sorted(ROOT.glob("*.md")) + sorted(DOCS.rglob("*.md"))
PROBLEMS: Final = sorted((DOCS / "problems").iterdir())

_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_VARIABLE: Final = re.compile(r"(?:IMAGEGEN|R2|GOOGLE|GEMINI|OPENAI)_[A-Z0-9_]*[A-Z0-9]")
_CALL: Final = re.compile(r"^\| `([A-Z]+) (/\S+)`", re.MULTILINE)

EXAMPLES_OF_MISTAKES: Final = {"IMAGEGEN_DATABSE_URL"}


def name_of(path: Path) -> str:
    """A page's path from the root, for the name of its test."""
    return path.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """A page without its fenced blocks, in which brackets mean other things."""
    return _FENCED.sub("", text)


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a page in that language."""
    return [content for kind, content in _FENCED.findall(path.read_text()) if kind == language]


def marked(path: Path, mark: str) -> str:
    """The fenced block that follows a comment."""
    found = _FENCED.search(path.read_text().partition(f"<!-- {mark} -->\n")[2])
    assert found is not None, f"{path.name} has no block marked {mark}"
    return found[2]


def anchors(path: Path) -> set[str]:
    """The names under which a page's headings can be reached."""
    headings = _HEADING.findall(prose(path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def texts() -> frozenset[str]:
    """Every text that stands in the code."""
    nodes = (node for path in SOURCE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    return frozenset(n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))


@pytest.mark.parametrize("path", PAPERS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link names a file that is there, and a heading that it has."""
    for groups in _LINK.findall(prose(path.read_text())):
        target, _, anchor = next(filter(None, groups)).partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(there), f"{target} has no heading {anchor}"


@pytest.mark.parametrize("path", PAPERS, ids=name_of)
def test_examples_can_be_read(path: Path) -> None:
    """What is shown as shell, JSON or TOML is that."""
    for script in blocks(path, "bash"):
        outcome = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert outcome.returncode == 0, outcome.stderr
    for text in blocks(path, "json"):
        json.loads(text)
    for text in blocks(path, "toml"):
        tomllib.loads(text)


@pytest.mark.parametrize("name", PAGES)
def test_made_pages_are_fresh(name: str) -> None:
    """A reference page that is made from the code equals what the code makes now."""
    assert (DOCS / "reference" / name).read_text() == PAGES[name](), "run `python tests/reference_pages.py`"


def test_every_variable_is_documented() -> None:
    """Each variable that the code names is on the page of the settings, and no page names one that is not."""
    documented = set(_VARIABLE.findall((DOCS / "reference/settings.md").read_text()))
    assert set(filter(_VARIABLE.fullmatch, texts())) <= documented
    told = {name.removesuffix("_FILE") for path in PAPERS for name in _VARIABLE.findall(path.read_text())}
    known = {name.removesuffix("_FILE") for name in documented}
    assert {name for name in told - known if not name.startswith("IMAGEGEN_TEST_")} == EXAMPLES_OF_MISTAKES


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    """Whatever code an answer has, somebody can read what it means; and nothing is explained that cannot happen."""
    assert {path.name for path in PROBLEMS} == {f"{code}.md" for code in codes()}


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_problem_pages_show_the_problem(path: Path) -> None:
    """A page has the code's heading, status and title, and an example that the service could have answered."""
    shown = json.loads(blocks(path, "json")[0])
    problem = msgspec.convert(shown, Problem)
    assert json.loads(msgspec.json.encode(problem)) == shown
    assert (problem.code, problem.type) == (path.stem, f"/problems/{path.stem}")
    assert problem.status == codes()[path.stem]
    assert problem.title == title_of(path.stem)
    text = path.read_text()
    assert text.startswith(f"# `{path.stem}`\n")
    assert f"\n| {problem.status} |" in text
    assert problem.title in texts()


async def test_every_call_is_in_the_overview() -> None:
    """The overview of the HTTP API lists the operations of the OpenAPI document, no more and no fewer."""
    async with House(provider=MemoryProvider("easel", NoImage())).client() as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
    operations = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    listed = _CALL.findall((DOCS / "reference/http-api.md").read_text())
    assert set(listed) == operations
    assert len(listed) == len(operations)


def test_every_command_is_described() -> None:
    """The page of the command line has each command with each of its options."""
    text = (DOCS / "reference/command-line.md").read_text()
    parts = {part.partition("`\n")[0]: part for part in text.split("\n## `imagegen ")[1:]}
    assert parts.keys() == main.commands.keys()
    for name, command in main.commands.items():
        options = {option for p in command.params if isinstance(p, click.Option) and not p.hidden for option in p.opts}
        assert set(re.findall(r"^\| `(--\w+)`", parts[name], re.MULTILINE)) == options


def test_the_example_of_a_book_can_be_used(tmp_path: Path) -> None:
    """The model book in the guide is accepted, and changes what it says it changes."""
    book = tmp_path / "models.toml"
    book.write_text(marked(DOCS / "guide/model-book.md", "book"))
    changed = {model.id: model for model in load_models(book)}
    assert changed["gemini-nano-banana-2.1"].price != {m.id: m for m in load_models()}["gemini-nano-banana-2.1"].price
    assert changed["gpt-image-3"].provider == "openai"


def test_the_example_of_adjustments_is_true() -> None:
    """The shipped book adjusts the request in the guide as the guide says."""
    shown = json.loads(marked(DOCS / "guide/generating.md", "adjustments"))
    request = ImageRequest(prompt="A fox", size=Size.read(shown["requested"]["size"]), seed=shown["requested"]["seed"])
    catalog = Catalog(models=load_models(), providers=("openai",), missing={})
    fitted = catalog.fit(request, date(2026, 11, 21))
    assert fitted.applied.stated() == shown["applied"]
    adjustments = [
        {"parameter": a.parameter, "from": a.asked, "to": a.applied, "reason": a.reason} for a in fitted.adjustments
    ]
    assert adjustments == shown["adjustments"]


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> object:
    """What the code in the guide makes of a message."""
    names: dict[str, Any] = {}
    exec(marked(DOCS / "guide/webhooks.md", "verify"), names)
    return names["verify"](secret, headers, body)


def test_the_guide_checks_messages_as_they_are_signed() -> None:
    """What its code is handed by receivers it believes if it is genuine and new, with either secret in a rotation."""
    user, signer, now = new_user(), WebhookSigner(key=b"k" * 32), datetime.now(UTC)
    hook = new_webhook(user)
    rotated = replace(hook, secret_number=2, retired=(RetiredSecret(1, now + timedelta(hours=1)),))
    event = new_event(user)
    message = signer.sign(rotated, WebhookDelivery.of(event, hook.id), now)
    for endpoint in (hook, rotated):
        assert verify(signer.secret(endpoint).text, message.headers, message.body) == json.loads(event.payload)
    old = signer.sign(rotated, WebhookDelivery.of(event, hook.id), now - timedelta(minutes=6))
    for secret, headers, body in (
        (signer.secret(new_webhook(user)).text, message.headers, message.body),
        (signer.secret(hook).text, message.headers, message.body + b" "),
        (signer.secret(hook).text, {**message.headers, "webhook-id": "evt_1"}, message.body),
        (signer.secret(hook).text, old.headers, old.body),
    ):
        with pytest.raises(ValueError, match=r"not signed|too old"):
            verify(secret, headers, body)


def test_the_message_in_the_guide_is_one_of_ours() -> None:
    """It has the members of what is sent when a generation succeeds."""
    shown = json.loads(marked(DOCS / "guide/webhooks.md", "message"))
    ended = succeeded(new_generation(new_user()))
    sent = json.loads(WebhookEvent.of_generation(ended, EventId(ended.id)).payload)
    assert (shown["type"], shown.keys(), shown["data"].keys()) == (sent["type"], sent.keys(), sent["data"].keys())


def test_the_settings_file_in_the_guide_is_accepted(tmp_path: Path) -> None:
    """The settings shown as a file mean what the guide says of them."""
    (tmp_path / "imagegen.toml").write_text(blocks(DOCS / "guide/operating.md", "toml")[0])
    settings = Settings.load({}, tmp_path)
    assert settings.port == 9000
    assert settings.cors_origins == ("https://app.example.com",)
    assert settings.database_url == "postgresql+asyncpg://imagegen@localhost/imagegen"
    assert "GOOGLE_API_KEY" in settings.environment


def test_the_batch_in_the_guide_is_one_of_ours() -> None:
    """It has the members, and values such as they have, of what a batch is told to be; its counts add up."""
    shown = json.loads(marked(DOCS / "guide/batches.md", "batch"))
    batch = msgspec.convert(shown, BatchView)
    assert json.loads(msgspec.json.encode(batch)) == shown
    assert sum(shown["counts"].values()) == batch.total
