"""A receipt: what a paid call brought, written beside its pictures before the row says that they are there.

Whoever finds a generation whose process has died looks for it. With a receipt the call is known to have succeeded and
what it cost; every picture that it names is stored, for it is written after them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from imagegen.domain.attempts import Attempt
from imagegen.domain.blob_keys import picture_key
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import AttemptId, ImageId
from imagegen.domain.images import Image, ImageFormat, Size, Source

_VERSION: Final = 1


class UnreadableReceipt(Exception):
    """Bytes that are no receipt, or one of a version that nobody here knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPicture:
    """A picture of a call's answer, at its place there, as it was stored."""

    position: int
    size: Size
    format: ImageFormat
    bytes: int
    sha256: str

    def key(self, attempt_id: AttemptId) -> str:
        """The key that it is stored under."""
        return picture_key(attempt_id, self.position, self.format)

    def image(
        self, generation: Generation, attempt_id: AttemptId, location: str, image_id: ImageId, now: datetime
    ) -> Image:
        """The picture as a new image of the generation, at the location that the store gave it."""
        return Image(
            id=image_id,
            user_id=generation.user_id,
            generation_id=generation.id,
            attempt_id=attempt_id,
            position=self.position,
            source=Source.GENERATED,
            location=location,
            size=self.size,
            format=self.format,
            bytes=self.bytes,
            sha256=self.sha256,
            created_at=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How a call ended, and the pictures that were stored for it."""

    billed: Billed
    cost_micros: int | None
    provider_request_id: str | None
    pictures: tuple[StoredPicture, ...]

    @classmethod
    def of(cls, settled: Attempt, pictures: Sequence[StoredPicture]) -> Self:
        """The receipt of a call that succeeded with those pictures."""
        return cls(
            billed=settled.billed,
            cost_micros=settled.cost_micros,
            provider_request_id=settled.provider_request_id,
            pictures=tuple(pictures),
        )

    def settled(self, attempt: Attempt, now: datetime) -> Attempt:
        """The call as it ended."""
        return attempt.succeed(
            cost_micros=self.cost_micros, request_id=self.provider_request_id, billed=self.billed, now=now
        )

    def encode(self) -> bytes:
        """The receipt as JSON in UTF-8."""
        said = {
            "receipt": _VERSION,
            "billed": self.billed,
            "cost_micros": self.cost_micros,
            "provider_request_id": self.provider_request_id,
            "pictures": [
                {
                    "position": picture.position,
                    "width": picture.size.width,
                    "height": picture.size.height,
                    "format": picture.format,
                    "bytes": picture.bytes,
                    "sha256": picture.sha256,
                }
                for picture in self.pictures
            ],
        }
        return json.dumps(said).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` wrote.

        Raises:
            UnreadableReceipt: it is something else.
        """
        try:
            said = json.loads(data)
            if said["receipt"] != _VERSION:
                raise UnreadableReceipt
            cost, request_id = said["cost_micros"], said["provider_request_id"]
            return cls(
                billed=Billed(said["billed"]),
                cost_micros=None if cost is None else int(cost),
                provider_request_id=None if request_id is None else str(request_id),
                pictures=tuple(
                    StoredPicture(
                        position=int(one["position"]),
                        size=Size(int(one["width"]), int(one["height"])),
                        format=ImageFormat(one["format"]),
                        bytes=int(one["bytes"]),
                        sha256=str(one["sha256"]),
                    )
                    for one in said["pictures"]
                ),
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise UnreadableReceipt from error
