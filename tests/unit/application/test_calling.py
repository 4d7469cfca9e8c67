"""Calling providers: each call on record before it is made, and what follows when one fails."""

import logging
from dataclasses import replace
from io import StringIO

from generating import PAID, PRICED, run
from house import a_house
from imagegen.bootstrap.logging import JsonFormatter
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Status
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer


async def test_a_defect_in_one_answer_takes_no_other_call_with_it() -> None:
    """An answer that breaks what reads it ends its own call as unknown, and the pictures of the others are kept."""
    broken = replace(PAID, usage="not a count of tokens")  # type: ignore[arg-type]  # this is the defect
    house = a_house(broken, PAID, models=(PRICED,))
    ended, attempts = await run(house, await house.owner(), n=2)
    assert (ended.status, len(ended.images)) == (Status.SUCCEEDED, 1)
    assert [attempt.outcome for attempt in attempts] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]


async def test_a_defect_of_an_adapter_settles_as_unknown_and_keeps_its_silence() -> None:
    """What nobody foresaw ends as `outcome_unknown`; the text of the exception, which may quote, is not logged."""

    async def broken(request: ImageRequest, _: int) -> ProviderAnswer:
        raise ValueError(f"cannot draw {request.prompt}")

    log = StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("imagegen").addHandler(handler)
    house = a_house(broken)
    try:
        ended, _ = await run(house, await house.owner())
    finally:
        logging.getLogger("imagegen").removeHandler(handler)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("outcome_unknown", Billed.UNKNOWN)
    assert "ValueError" in log.getvalue()
    assert "cannot draw fox" not in log.getvalue()
