"""A receipt: what a paid call brought, written beside its pictures before the row says that they are there.

Whoever finds a generation whose process has died looks for it. With a receipt the call is known to have succeeded and
what it cost; every picture that it names is stored, for it is written after them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from imagegen.domain.errors import Billed
from imagegen.domain.generations import Attempt, Generation
from imagegen.domain.identifiers import ImageId
from imagegen.domain.images import Image, ImageFormat, Size, Source


class UnreadableReceipt(Exception):
    """Bytes that are no receipt, or one of a version nobody here knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How a call ended, and the pictures that were stored for it, as plain values."""

    billed: Billed
    cost_micros: int | None
    provider_request_id: str | None
    pictures: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, settled: Attempt, images: Sequence[Image]) -> Self:
        """The receipt of a call that succeeded with those images."""
        return cls(
            billed=settled.billed,
            cost_micros=settled.cost_micros,
            provider_request_id=settled.provider_request_id,
            pictures=tuple(_picture(image) for image in images),
        )

    def encode(self) -> bytes:
        """The receipt as JSON in UTF-8."""
        return json.dumps(
            {
                "receipt": 1,
                "billed": self.billed,
                "cost_micros": self.cost_micros,
                "provider_request_id": self.provider_request_id,
                "pictures": self.pictures,
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` wrote.

        Raises:
            UnreadableReceipt: it is something else.
        """
        try:
            said = json.loads(data)
            if said["receipt"] != 1:
                raise UnreadableReceipt
            return cls(
                billed=Billed(said["billed"]),
                cost_micros=said["cost_micros"],
                provider_request_id=said["provider_request_id"],
                pictures=tuple(said["pictures"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableReceipt from error

    def settled(self, attempt: Attempt, now: datetime) -> Attempt:
        """The call as it ended."""
        return attempt.succeed(
            cost_micros=self.cost_micros, request_id=self.provider_request_id, billed=self.billed, now=now
        )

    def image(self, place: int, attempt: Attempt, generation: Generation, image_id: ImageId, now: datetime) -> Image:
        """The picture at that place as a new image of the generation.

        Raises:
            UnreadableReceipt: it is not described.
        """
        said = self.pictures[place]
        try:
            return Image(
                id=image_id,
                user_id=generation.user_id,
                generation_id=generation.id,
                attempt_id=attempt.id,
                position=said["position"],
                source=Source.GENERATED,
                location=said["location"],
                size=Size(said["width"], said["height"]),
                format=ImageFormat(said["format"]),
                bytes=said["bytes"],
                sha256=said["sha256"],
                created_at=now,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableReceipt from error


def _picture(image: Image) -> dict[str, Any]:
    return {
        "position": image.position,
        "location": image.location,
        "width": image.size.width,
        "height": image.size.height,
        "format": image.format,
        "bytes": image.bytes,
        "sha256": image.sha256,
    }
