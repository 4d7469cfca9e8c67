"""The books: what everybody wrote down, compared once nothing moves any more.

Each check yields what is wrong as a sentence. Nothing wrong is an empty list.
"""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from crash.caller import SECRETS
from crash.fates import Ending, Fate, endings
from crash.load import PROMPT, Asked
from crash.provider import Call
from crash.scale import scaled
from imagegen.domain.identifiers import GENERATION, external

SETTLED_SECONDS: Final = scaled(30, 10)
"""After everything is back, nothing is unfinished any longer than this. Ten are promised, and asked for where the run
is long; a short one may have to share its machine with the other tests."""
READY_SECONDS: Final = scaled(30, 2)
"""At least every other time that processes were killed all are ready within this, however many were killed at once: two
are promised, and asked for where the run is long, as above."""
ENOUGH_STARTS: Final = scaled(1, 100)
"""Of so many there is a median to speak of."""
FINAL: Final = ("succeeded", "failed", "canceled")
EXPECTED: Final = frozenset({None, 201, 202, 422, 502, 503, 504})
"""What a request may be answered with while things go wrong around it, `None` being no answer."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, repr=False)
class Books:
    """What was acknowledged, what the service tells, what is in its database and its store, and what was called."""

    asked: Sequence[Asked]
    told: Mapping[str, Any]
    """Every generation as the API lists it, by its id."""
    usage: Mapping[str, Any]
    """The sum of the usage report."""
    prices: Mapping[str, Decimal]
    """Millionths of a dollar for a token, as the service publishes them."""
    rows: Mapping[str, Sequence[Row]]
    """Every row, by table."""
    files: Mapping[str, str]
    """SHA-256 by location."""
    calls: Sequence[Call]
    logs: Sequence[str]
    offenses: Sequence[str]
    settled: float
    """Seconds until nothing was unfinished any more."""
    starts: Sequence[float]
    """For each time that processes were killed: seconds from their start until all were ready again."""
    killed: bool
    """Whether processes ended without being asked: then a call may have been made whose end nobody saw."""

    def must_balance(self) -> None:
        """Raise an `AssertionError` that names everything that is wrong, if anything is."""
        violations = self.violations()
        assert not violations, "\n".join(violations)

    def violations(self) -> list[str]:
        """Everything that is not as it was promised, in sentences."""
        checks = (
            self._lost,
            self._unfinished,
            self._starts,
            self._files,
            self._orphans,
            self._pictures,
            self._usage,
            self._calls,
            self._attempts,
            self._endings,
            self._words,
        )
        return [sentence for check in checks for sentence in check()]

    def outcomes(self) -> dict[str, int]:
        """How many generations ended in each way."""
        return dict(Counter((row["error"] or {}).get("code", row["status"]) for row in self.told.values()))

    def gone(self) -> int:
        """How many pictures were drawn for generations that ended without anybody knowing how."""
        unknown = {row["prompt"] for row in self._told("failed") if row["error"]["code"] == "outcome_unknown"}
        return sum(len(call.pictures) for call in self.calls if call.prompt in unknown and call.fate is Fate.PICTURE)

    def waits(self) -> list[float]:
        """How many seconds each generation that began had waited to."""
        begun = [row for row in self.told.values() if row["started_at"] is not None]
        moment = datetime.fromisoformat
        return [(moment(row["started_at"]) - moment(row["created_at"])).total_seconds() for row in begun]

    def _lost(self) -> Iterator[str]:
        names = [asked.generation for asked in self.asked if asked.generation is not None]
        yield from _some("acknowledged generations are lost", [name for name in names if name not in self.told])
        yield from _some("generations were acknowledged twice", _repeated(names))
        yield from _some("prompts have several generations", _repeated(row["prompt"] for row in self.told.values()))
        rows = {external(GENERATION, row["id"]) for row in self.rows["generations"]}
        yield from _some("generations are in the list or in the table, not in both", rows ^ self.told.keys())

    def _unfinished(self) -> Iterator[str]:
        stuck = [row["id"] for row in self.rows["generations"] if row["status"] not in FINAL]
        yield from _some("generations are stuck", stuck)
        yield from _some("attempts are stuck", [a["id"] for a in self.rows["attempts"] if a["outcome"] == "started"])
        if self.settled > SETTLED_SECONDS:
            yield f"it took {self.settled:.1f} s until nothing was unfinished"

    def _starts(self) -> Iterator[str]:
        if len(self.starts) >= ENOUGH_STARTS and (usual := statistics.median(self.starts)) > READY_SECONDS:
            yield f"it took {usual:.1f} s, or longer every other time, until all were ready again"

    def _files(self) -> Iterator[str]:
        rows = {row["location"]: row["sha256"] for row in self.rows["images"]}
        yield from _some("rows have no file", rows.keys() - self.files.keys())
        both = self.files.keys() & rows.keys()
        yield from _some("files are not what their row says", [at for at in both if self.files[at] != rows[at]])

    def _orphans(self) -> Iterator[str]:
        rows = {row["location"] for row in self.rows["images"]}
        yield from _some("files have no row", self.files.keys() - rows)

    def _pictures(self) -> Iterator[str]:
        drawn = {call.prompt: sorted(call.pictures) for call in self.calls}  # of its last call
        for status, wanted in (("succeeded", drawn), ("failed", {}), ("canceled", {})):
            shown = {r["prompt"]: sorted(i["sha256"] for i in r["images"]) for r in self._told(status)}
            wrong = [prompt for prompt, pictures in shown.items() if pictures != wanted.get(prompt, [])]
            yield from _some(f"{status} generations have other pictures than were drawn for them", wrong)

    def _usage(self) -> Iterator[str]:
        succeeded = list(self._told("succeeded"))
        costs = [self._cost(call) for row in succeeded for call in self._calls_of[row["prompt"]]]
        wanted = {
            "requests": len(self.told),
            "images": sum(len(row["images"]) for row in succeeded),
            "failures": len(list(self._told("failed"))),
            "cost_usd": sum(costs, Decimal(0)) / 1_000_000,
        }
        if wanted != self.usage:
            yield f"the usage is {dict(self.usage)} and not {wanted}"
        recorded = Counter(row["generation_id"] for row in self.rows["usage_records"])
        expected = Counter(row["id"] for row in self.rows["generations"])
        yield from _some("generations have not exactly one usage record", (recorded - expected) + (expected - recorded))

    def _calls(self) -> Iterator[str]:
        for prompt, calls in self._calls_of.items():
            if any(not call.fate.repeatable for call in calls[:-1]):
                yield f"{prompt} was called again after {[str(call.fate) for call in calls[:-1]]}"
            if len(calls) > len(self._attempts_of[prompt]):
                yield f"{prompt} was called {len(calls)} times in {len(self._attempts_of[prompt])} attempts"

    def _attempts(self) -> Iterator[str]:
        """Each attempt says of its call what the provider says of it."""
        named = {call.name: call for call in self.calls}
        for prompt, attempts in self._attempts_of.items():
            if any(attempt["billed"] != "no" for attempt in attempts[:-1]):
                yield f"{prompt} has an attempt after one that may have been billed"
            for attempt, call in self._paired(prompt, attempts):
                if attempt["billed"] == "no" and call.pictures:
                    yield f"{prompt}: an attempt that was billed is said not to be"
            for attempt in attempts:
                earned = self._earned(attempt, prompt, named.get(attempt["provider_request_id"]))
                if attempt["outcome"] == "succeeded" and not earned:
                    yield f"{prompt}: an attempt succeeded otherwise than its call"

    def _earned(self, attempt: Row, prompt: str, call: Call | None) -> bool:
        """Whether a call brought a picture for that prompt, at the cost that the attempt says."""
        if call is None or (call.prompt, call.fate, call.answered) != (prompt, Fate.PICTURE, True):
            return False
        return bool(attempt["billed"] == "yes" and attempt["cost_micros"] == self._cost(call))

    def _endings(self) -> Iterator[str]:
        """A generation ends as its last call did; one that was killed may also end without anybody knowing."""
        canceled = {asked.generation for asked in self.asked if asked.canceled}
        for row in self.told.values():
            error = row["error"] or {}
            ended = Ending(row["status"], error.get("code"), error.get("billed"))
            fates = [call.fate for call in self._calls_of[row["prompt"]]]
            if ended not in endings(fates, killed=self.killed, canceled=row["id"] in canceled):
                yield f"{row['prompt']} ended as {ended} after {[*map(str, fates)]}"

    def _words(self) -> Iterator[str]:
        yield from _some("answers tell too much, or not properly what is wrong", self.offenses)
        strange = [asked.status for asked in self.asked if asked.status not in EXPECTED]
        yield from _some("answers have a status that nobody expects", strange)
        secrets = (*SECRETS, PROMPT)
        yield from _some("lines of the log tell too much", [ln for ln in self.logs if any(s in ln for s in secrets)])
        yield from _some("lines of the log speak of defects", [ln for ln in self.logs if _defect(ln)])

    def _told(self, status: str) -> Iterator[Any]:
        return (row for row in self.told.values() if row["status"] == status)

    def _cost(self, call: Call) -> Decimal:
        return sum((self.prices[kind] * count for kind, count in call.tokens.items()), Decimal(0))

    def _paired(self, prompt: str, attempts: Sequence[Row]) -> Iterable[tuple[Row, Call]]:
        """Attempts and calls in their order, where each attempt came to its call."""
        calls = self._calls_of[prompt]
        return zip(attempts, calls, strict=True) if len(attempts) == len(calls) else ()

    @cached_property
    def _calls_of(self) -> Mapping[str, Sequence[Call]]:
        found: defaultdict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            found[call.prompt].append(call)
        return found

    @cached_property
    def _attempts_of(self) -> Mapping[str, Sequence[Row]]:
        prompts: Mapping[UUID, str] = {row["id"]: row["requested"].prompt for row in self.rows["generations"]}
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for attempt in sorted(self.rows["attempts"], key=lambda row: row["number"]):
            found[prompts[attempt["generation_id"]]].append(attempt)
        return found


def _defect(line: str) -> bool:
    """Whether a line tells of an error, other than that of a request whose answer was one."""
    try:
        record = json.loads(line)
    except ValueError:  # whatever wrote this was not the service's logging
        return True
    return record["level"] in {"error", "critical"} and record["logger"] != "imagegen.access"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _some(what: str, found: Iterable[object]) -> Iterator[str]:
    """A sentence with up to three examples, if there are any."""
    examples = [str(one) for one in found]
    if examples:
        yield f"{len(examples)} {what}: {', '.join(examples[:3])}"
