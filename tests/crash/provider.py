"""OpenAI's wire in a process of its own, where each prompt says what becomes of it, and every call is written down.

    python -m crash.provider LOG

Prints its url, and runs until standard input is closed. The log has two lines for each call: when it comes in, and
when its answer has been made; what the provider drew is billed, whoever is still there to take it.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final, Self

from crash.fates import Fate, Plan
from wire.behaviors import Refusal
from wire.openai import FakeOpenAI
from wire.pictures import draw
from wire.provider import Drawing
from wire.server import Delivery, Reply, Request

KEY: Final = "sk-made-up-and-never-to-be-told"
WORDS: Final = "words-of-the-provider-never-to-be-told"
"""Stands in every text of the provider's, which belongs into no answer and no log of the service."""
PAUSE: Final = 0.02
"""Seconds after which somebody may come again who met a busy provider."""

_REFUSALS: Final[Mapping[Fate, Refusal]] = {
    Fate.REFUSED: Refusal.INVALID_REQUEST,
    Fate.BLOCKED: Refusal.BLOCKED_INPUT,
    Fate.EMPTY: Refusal.NO_IMAGE,
    Fate.BROKEN: Refusal.SERVER_ERROR,
}
_DELIVERIES: Final[Mapping[Fate, Delivery]] = {
    Fate.DROPPED: Delivery.RESET_BEFORE,
    Fate.TRUNCATED: Delivery.CLOSE_MIDWAY,
}
_END: Final = 12
"""Bytes of the last chunk of a PNG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: which of its prompt's it was, what became of it, and the pictures and tokens of its answer."""

    name: str
    prompt: str
    number: int
    fate: Fate
    answered: bool = False
    pictures: tuple[str, ...] = ()
    """The SHA-256 of each."""
    tokens: Mapping[str, int] = field(default_factory=dict)


class PlannedOpenAI(FakeOpenAI):
    """OpenAI at `url`, doing what prompts say."""

    def __init__(self, log: IO[str]) -> None:
        super().__init__()
        self._log = log
        self._numbers = Counter[str]()
        self._drawn = 0

    async def reply(self, request: Request) -> Reply:
        """Write the call down, take the time that the prompt says, and answer as it says."""
        if not self.is_call(request) or self.objection(request) is not None:
            return await super().reply(request)
        prompt = request.json["prompt"]
        plan = Plan.of(prompt)
        self._numbers[prompt] += 1
        number = self._numbers[prompt]
        name, fate = f"req_{self._numbers.total()}", plan.fate(number)
        self._write(name=name, prompt=prompt, number=number, fate=fate)
        await asyncio.sleep(plan.seconds)
        pictures = [self._picture() for _ in range(self.asked(request).count)]
        reply = self._answer(fate, request, pictures)
        drew = fate is Fate.PICTURE or fate in _DELIVERIES
        self._write(
            name=name,
            answered=True,
            pictures=[hashlib.sha256(picture).hexdigest() for picture in pictures if drew],
            tokens=json.loads(reply.body)["usage"]["input_tokens_details"] | _put_out(reply) if drew else {},
        )
        return replace(reply, headers={**reply.headers, "x-request-id": name})

    def _answer(self, fate: Fate, request: Request, pictures: list[bytes]) -> Reply:
        if fate is Fate.BUSY:
            return _worded(self.rate_limited(PAUSE))
        if fate in _REFUSALS:
            return _worded(self.refusal(_REFUSALS[fate], request))
        drawings = [Drawing.of(picture, "png") for picture in pictures]
        delivery = _DELIVERIES.get(fate, Delivery.COMPLETE)
        return replace(self.success(request, drawings, usage=True), delivery=delivery)

    def _picture(self) -> bytes:
        """A small PNG like no other: a comment in it has a number."""
        self._drawn += 1
        plain = draw(64, 64, "png")
        return plain[:-_END] + _chunk(b"tEXt", b"Comment\0%d" % self._drawn) + plain[-_END:]

    def _write(self, **line: object) -> None:
        self._log.write(json.dumps(line) + "\n")


def _put_out(reply: Reply) -> dict[str, int]:
    return {"output_tokens": json.loads(reply.body)["usage"]["output_tokens"]}


def _worded(reply: Reply) -> Reply:
    return replace(reply, body=reply.body.replace(b'"message": "', f'"message": "{WORDS} '.encode()))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider's process, from outside."""

    url: str
    log: Path

    @property
    def variables(self) -> dict[str, str]:
        """What the service needs to know."""
        return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": self.url}

    def calls(self) -> list[Call]:
        """Every call so far, in the order in which they came."""
        lines: dict[str, dict[str, Any]] = {}
        for line in map(json.loads, self.log.read_text().splitlines()):
            lines.setdefault(line["name"], {}).update(line)
        return [Call(**line | {"fate": Fate(line["fate"])}) for line in lines.values()]

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Self]:
        """A provider that nothing in this process can hold up, until the end of the block."""
        log = folder / "provider.jsonl"
        process = subprocess.Popen(
            [sys.executable, "-m", "crash.provider", log],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            yield cls(process.stdout.readline().strip(), log)
        assert process.returncode == 0, "the provider broke down"


def main(log: Path) -> None:
    """Run until standard input is closed, however its other end went."""
    with log.open("a", buffering=1) as lines, PlannedOpenAI(lines) as provider:
        print(provider.url, flush=True)  # noqa: T201 - whoever started this process reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
