"""Recognizing who asks."""

from house import a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.ports import UnitOfWork


class ReadOnly(MemoryDatabase):
    """A database that can be read, and from some moment on not be written."""

    full = False

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work whose commit may fail."""
        work = super().unit_of_work()
        commit = work.commit

        async def refuse_when_full() -> None:
            if self.full:
                raise DatabaseUnavailable
            await commit()

        work.commit = refuse_when_full  # type: ignore[method-assign]  # the whole of what it is for
        return work


async def test_a_database_that_only_reads_lets_its_readers_in() -> None:
    """When a key was last used is good to know, and no reason to refuse it."""
    database = ReadOnly()
    house = a_house(database=database)
    key, plain = await house.application.issue_api_key(await house.owner())
    database.full = True
    principal = await house.application.authenticate_key(plain.text)
    assert principal.api_key_id == key.id
