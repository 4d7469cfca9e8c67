"""The books balance when all is well, and say so when anything is not: every promise is broken here once."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from crash.books import Books
from crash.fates import Fate, Plan
from crash.load import Asked
from crash.provider import KEY, Call
from imagegen.domain.identifiers import GENERATION, external
from imagegen.domain.images import ImageRequest

DRAWN, REFUSED = UUID(int=1), UUID(int=2)
PRICES = {"text_tokens": Decimal(5), "image_tokens": Decimal(8), "output_tokens": Decimal(30)}
TOKENS = {"text_tokens": 4, "image_tokens": 0, "output_tokens": 1000}
COST = 30_020

Change = Callable[[Books], Books]


def attempt(number: int, generation: UUID, **values: Any) -> dict[str, Any]:
    """A row of an attempt that was refused, or what is said of it instead."""
    row = {"id": UUID(int=10 + number), "generation_id": generation, "number": number, "cost_micros": 0}
    return {**row, "outcome": "failed", "billed": "no", "provider_request_id": f"req_{number}"} | values


def told(generation: UUID, prompt: str, status: str, error: dict[str, str] | None, *pictures: str) -> dict[str, Any]:
    """A generation as the API lists it."""
    images = [{"sha256": picture} for picture in pictures]
    return {
        "id": external(GENERATION, generation),
        "prompt": prompt,
        "status": status,
        "error": error,
        "images": images,
    }


def call(number: int, prompt: str, fate: Fate, **values: Any) -> Call:
    """A call as the provider wrote it down."""
    return Call(name=f"req_{number}", prompt=prompt, number=number, fate=fate, answered=True, **values)


def balanced() -> Books:
    """One generation that was drawn at the second try, and one that was blocked."""
    rows = {
        "generations": [
            {"id": DRAWN, "status": "succeeded", "requested": ImageRequest(prompt="drawn")},
            {"id": REFUSED, "status": "failed", "requested": ImageRequest(prompt="refused")},
        ],
        "attempts": [
            attempt(1, DRAWN),
            attempt(2, DRAWN, outcome="succeeded", billed="yes", cost_micros=COST),
            attempt(3, REFUSED),
        ],
        "images": [{"location": "02/a-0.png", "sha256": "aa"}],
        "usage_records": [{"generation_id": DRAWN}, {"generation_id": REFUSED}],
    }
    blocked = {"code": "content_blocked", "billed": "no"}
    listed = [told(DRAWN, "drawn", "succeeded", None, "aa"), told(REFUSED, "refused", "failed", blocked)]
    return Books(
        asked=[Asked(row["prompt"], Plan(), 1, status=202, generation=row["id"]) for row in listed],
        told={row["id"]: row for row in listed},
        usage={"requests": 2, "images": 1, "failures": 1, "cost_usd": Decimal("0.03002")},
        prices=PRICES,
        rows=rows,
        files={"02/a-0.png": "aa"},
        calls=[
            call(1, "drawn", Fate.BUSY),
            call(2, "drawn", Fate.PICTURE, pictures=("aa",), tokens=TOKENS),
            call(3, "refused", Fate.BLOCKED),
        ],
        logs=['{"level":"error","logger":"imagegen.access","message":"request"}'],
        offenses=[],
        settled=0.1,
        starts=[0.5, 31.0, 1.5] * 40,
        killed=False,
    )


def without(books: Books, table: str, *, keep: int) -> Books:
    """The same, with only so many rows of a table."""
    return replace(books, rows={**books.rows, table: books.rows[table][:keep]})


def other(books: Books, table: str, index: int, **values: Any) -> Books:
    """The same, with other values in one row."""
    rows = list(books.rows[table])
    rows[index] = {**rows[index], **values}
    return replace(books, rows={**books.rows, table: rows})


def retold(books: Books, generation: UUID, **values: Any) -> Books:
    """The same, with one generation listed otherwise."""
    name = external(GENERATION, generation)
    return replace(books, told={**books.told, name: {**books.told[name], **values}})


def recalled(books: Books, index: int, **values: Any) -> Books:
    """The same, with one call gone otherwise."""
    calls = list(books.calls)
    calls[index] = replace(calls[index], **values)
    return replace(books, calls=calls)


def test_balanced_books_have_no_violation() -> None:
    """What is in order is not complained of."""
    assert balanced().violations() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda b: replace(b, asked=[*b.asked, Asked("", Plan(), 1, 202, "gen_x")]), "generations are lost"),
        (lambda b: replace(b, asked=[*b.asked, b.asked[0]]), "acknowledged twice"),
        (lambda b: retold(b, REFUSED, prompt="drawn"), "several generations"),
        (lambda b: replace(b, told=dict(list(b.told.items())[:1])), "not in both"),
        (lambda b: other(b, "generations", 0, status="running"), "generations are stuck"),
        (lambda b: other(b, "attempts", 2, outcome="started"), "attempts are stuck"),
        (lambda b: replace(b, settled=31.0), "it took 31.0 s"),
        (lambda b: replace(b, starts=[31.0, 0.5, 32.0] * 40), "it took 31.0 s, or longer"),
        (lambda b: replace(b, files={**b.files, "03/b-0.png": "bb"}), "files have no row"),
        (lambda b: replace(b, files={}), "rows have no file"),
        (lambda b: replace(b, files={"02/a-0.png": "bb"}), "not what their row says"),
        (lambda b: recalled(b, 1, pictures=("bb",)), "other pictures than were drawn"),
        (lambda b: retold(b, REFUSED, images=[{"sha256": "cc"}]), "other pictures than were drawn"),
        (lambda b: replace(b, usage={**b.usage, "cost_usd": Decimal("0.06004")}), "the usage is"),
        (lambda b: replace(b, usage={**b.usage, "images": 2}), "the usage is"),
        (lambda b: without(b, "usage_records", keep=1), "not exactly one usage record"),
        (lambda b: recalled(b, 0, fate=Fate.BROKEN), "called again after ['broken']"),
        (lambda b: without(b, "attempts", keep=1), "called 2 times in 1 attempts"),
        (lambda b: other(b, "attempts", 0, billed="unknown"), "after one that may have been billed"),
        (lambda b: recalled(b, 2, fate=Fate.DROPPED, pictures=("bb",)), "is said not to be"),
        (lambda b: other(b, "attempts", 1, cost_micros=0), "succeeded otherwise than its call"),
        (lambda b: other(b, "attempts", 1, provider_request_id=None), "succeeded otherwise than its call"),
        (lambda b: other(b, "attempts", 1, billed="unknown"), "succeeded otherwise than its call"),
        (lambda b: recalled(b, 1, answered=False), "succeeded otherwise than its call"),
        (lambda b: retold(b, REFUSED, error={"code": "outcome_unknown", "billed": "unknown"}), "ended as"),
        (lambda b: retold(b, REFUSED, error={"code": "content_blocked", "billed": "yes"}), "ended as"),
        (lambda b: replace(b, offenses=["POST /v1/generate: …"]), "answers tell too much"),
        (lambda b: replace(b, asked=[Asked("", Plan(), 1, 500)]), "a status that nobody expects: 500"),
        (lambda b: replace(b, logs=[f'{{"level":"info","logger":"x","message":"{KEY}"}}']), "log tell too much"),
        (lambda b: replace(b, logs=['{"level":"info","logger":"x","message":"load-01"}']), "log tell too much"),
        (lambda b: replace(b, logs=['{"level":"error","logger":"imagegen.worker"}']), "speak of defects"),
        (lambda b: replace(b, logs=["Segmentation fault"]), "speak of defects"),
    ],
)
def test_what_is_wrong_is_told(change: Change, sentence: str) -> None:
    """No broken promise goes unnoticed."""
    assert sentence in "\n".join(change(balanced()).violations())


def test_what_was_canceled_may_have_been_billed() -> None:
    """A cancellation that somebody wanted is no violation, unless it claims to have cost nothing; others are one."""
    ended = {"status": "canceled", "error": {"code": "canceled", "billed": "unknown"}}
    books = retold(recalled(balanced(), 2, fate=Fate.PICTURE), REFUSED, **ended)
    wanted = replace(books, asked=[replace(asked, canceled=True) for asked in books.asked])
    usage = {**books.usage, "failures": 0}
    assert replace(wanted, usage=usage).violations() == []
    assert replace(books, usage=usage).violations() != []
    free = {"error": {"code": "canceled", "billed": "no"}}
    assert retold(replace(wanted, usage=usage), REFUSED, **free).violations() != []


def test_a_kill_may_leave_an_outcome_unknown() -> None:
    """A call that nobody was there to hear of ends as unknown, which is no violation; elsewhere it is one."""
    unknown = {"code": "outcome_unknown", "billed": "unknown"}
    books = other(retold(balanced(), REFUSED, error=unknown), "attempts", 2, outcome="unknown", billed="unknown")
    assert books.violations() != []
    assert replace(books, killed=True).violations() == []
