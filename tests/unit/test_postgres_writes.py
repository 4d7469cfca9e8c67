"""How the writes of one unit travel to Postgres."""

from sqlalchemy import delete, insert, update

from imagegen.adapters.database.postgres_writes import joinable, runs
from imagegen.adapters.database.statements import Write
from imagegen.adapters.database.tables import generations, images, users

ADD, ADD_IMAGE, CHANGE, REMOVE = insert(generations), insert(images), update(users), delete(users)


def test_what_touches_different_rows_is_one_statement() -> None:
    """Insertions and one change each of other tables can be joined; a deletion and a second change cannot."""
    writes = [Write(ADD, {}), Write(ADD, {}), Write(ADD_IMAGE, {}), Write(CHANGE, {}, checked=True)]
    assert joinable(writes)
    assert not joinable([*writes, Write(CHANGE, {})])
    assert not joinable([*writes, Write(REMOVE, {})])
    assert not joinable([*writes, Write(update(generations), {})])


def test_a_thousand_are_not_one_statement() -> None:
    """Only so many parts are joined as any generation takes."""
    assert joinable([Write(ADD, {})] * 50)
    assert not joinable([Write(ADD, {})] * 51)


def test_the_same_over_and_over_travels_together() -> None:
    """Neighbors of the same statement are a run, in their order; whatever must be looked at is by itself."""
    first, second, third = (Write(ADD, {"n": n}) for n in range(3))
    image, changed = Write(ADD_IMAGE, {}), Write(CHANGE, {}, checked=True)
    writes = [first, second, image, third, changed, changed]
    assert [*runs(writes)] == [[first, second], [image], [third], [changed], [changed]]
