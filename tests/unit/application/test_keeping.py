"""Keeping pictures: measured, in the format asked for, stored and described, with a receipt beside them."""

import zlib
from dataclasses import replace
from hashlib import sha256

import pytest

from builders import SettableClock
from faults import Choosy, Watched
from generating import COST, PAID, PRICED, ask, found, pictures, receipts, run
from house import ANSWER, PICTURE, a_house
from imagegen.adapters.pixels import PillowPixels
from imagegen.application.keeping import STORE_TRIES
from imagegen.domain.attempts import Outcome
from imagegen.domain.blob_keys import is_receipt_key
from imagegen.domain.errors import Billed, NoImage, PictureNotStored, ProviderMisbehaved
from imagegen.domain.generations import Status
from imagegen.domain.images import Dimensions, ImageFormat
from wire.pictures import draw

TRIPLE = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=3))


def is_picture(key: str) -> bool:
    """Whether a key is not a receipt's."""
    return not is_receipt_key(key)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG, with its length and checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


async def test_a_picture_is_described_by_its_bytes() -> None:
    """Size, type, length and hash come from what the provider sent, and the bytes are stored as they are."""
    house = a_house(PAID, models=(PRICED,))
    ended, (attempt,) = await run(house, await house.owner())
    (image,) = ended.images
    assert (str(image.size), image.format, image.bytes) == ("64x48", ImageFormat.PNG, len(PICTURE))
    assert await house.application.read_bytes(image) == PICTURE
    assert (ended.status, ended.cost_micros) == (Status.SUCCEEDED, COST)
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (Outcome.SUCCEEDED, Billed.YES, COST)
    assert attempt.provider_request_id == "call-1"


async def test_another_format_than_the_providers_is_made() -> None:
    """A wish for WebP from a provider that sends PNG is met, and what is described is what is stored."""
    house = a_house()
    ended, _ = await run(house, await house.owner(), output_format=ImageFormat.WEBP)
    (image,) = ended.images
    data = await house.application.read_bytes(image)
    assert (image.format, image.bytes, data[8:12]) == (ImageFormat.WEBP, len(data), b"WEBP")


async def test_a_picture_that_cannot_be_converted_is_kept_as_it_came() -> None:
    """It is paid for: the caller gets it in its own format, and is told."""
    comment = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2**24))
    odd = PICTURE[:-12] + comment + PICTURE[-12:]
    house = a_house(replace(ANSWER, pictures=(odd,)))
    ended, _ = await run(house, await house.owner(), output_format=ImageFormat.WEBP)
    (image,) = ended.images
    assert (ended.status, image.format, image.bytes) == (Status.SUCCEEDED, ImageFormat.PNG, len(odd))
    (adjustment,) = ended.adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("output_format", "webp", "png")


@pytest.mark.parametrize("size", [64, 512])
async def test_the_hash_is_of_the_stored_bytes(size: int) -> None:
    """Small pictures and large ones carry the SHA-256 of exactly what is stored."""
    picture = draw(size, size, "png")
    house = a_house(replace(ANSWER, pictures=(picture,)))
    ended, _ = await run(house, await house.owner())
    assert ended.images[0].sha256 == sha256(picture).hexdigest()


async def test_what_is_no_picture_is_the_providers_fault() -> None:
    """Bytes that cannot be read end as `provider_misbehaved`, billed as the provider said, with their cost."""
    house = a_house(replace(PAID, pictures=(b"not a picture",)), models=(PRICED,))
    ended, (attempt,) = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("provider_misbehaved", Billed.YES)
    assert (attempt.cost_micros, attempt.provider_request_id) == (COST, "call-1")
    assert await pictures(house) == set()


async def test_an_answer_without_a_picture_is_no_success() -> None:
    """An adapter that returns nothing, instead of raising, still ends the generation as `no_image`."""
    house = a_house(replace(PAID, pictures=()), models=(PRICED,))
    ended, _ = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.cost_micros) == (NoImage.code, COST)


async def test_a_store_that_is_away_is_told_apart_from_the_provider() -> None:
    """A picture that was paid for and could not be stored ends as `storage_unavailable`, billed, with its cost."""
    clock = SettableClock()
    house = a_house(PAID, models=(PRICED,), clock=clock, blobs=Choosy(clock, is_picture))
    ended, _ = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("storage_unavailable", Billed.YES)
    assert ended.cost_micros == COST


async def test_a_store_that_is_away_for_a_moment_loses_nothing() -> None:
    """What the store does not take at once is given to it again, under the same key: the picture is paid for."""
    clock = SettableClock()
    house = a_house(PAID, models=(PRICED,), clock=clock, blobs=Choosy(clock, is_picture, times=STORE_TRIES - 1))
    ended, _ = await run(house, await house.owner())
    assert (ended.status, len(ended.images)) == (Status.SUCCEEDED, 1)
    assert await pictures(house) == {ended.images[0].location}


async def test_a_picture_that_is_none_takes_no_other_with_it() -> None:
    """Of several pictures in one answer those that can be read are kept, at their places."""
    house = a_house(replace(PAID, pictures=(PICTURE, b"not a picture", PICTURE)), models=(TRIPLE,))
    ended, (attempt,) = await run(house, await house.owner(), n=3)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 2, COST)
    assert (attempt.outcome, attempt.billed) == (Outcome.SUCCEEDED, Billed.YES)
    assert [adjustment.reason for adjustment in ended.adjustments] == [ProviderMisbehaved.title]


class Shortsighted(PillowPixels):
    """Looks into pictures with a defect that shows at some of them."""

    def measure(self, data: bytes) -> Dimensions:
        """Measure it, or break."""
        if data == b"breaks it":
            raise RuntimeError("unforeseen")
        return super().measure(data)


async def test_a_defect_with_one_picture_takes_no_other_with_it() -> None:
    """An error that nobody foresaw while a picture is looked into loses that picture; the others end as always."""
    house = a_house(replace(PAID, pictures=(PICTURE, b"breaks it", PICTURE)), models=(TRIPLE,), pixels=Shortsighted())
    ended, _ = await run(house, await house.owner(), n=3)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 2, COST)


async def test_a_defect_of_a_store_leaves_no_call_unsettled() -> None:
    """An error that nobody foresaw while pictures are stored is an end, billed, and not a generation that runs on."""
    clock = SettableClock()
    house = a_house(
        PAID, models=(PRICED,), clock=clock, blobs=Choosy(clock, is_receipt_key, error=RuntimeError("unforeseen"))
    )
    ended, (attempt,) = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == (PictureNotStored.code, Billed.YES, COST)
    assert (attempt.outcome, attempt.cost_micros) == (Outcome.FAILED, COST)


async def test_the_receipt_is_written_last_and_before_the_row_says_done() -> None:
    """When it is there all pictures are, and the generation still runs; once that has ended, it is soon gone again."""
    seen: list[tuple[bool, int, Status]] = []

    async def look(key: str) -> None:
        status = (await found(house, owner, generation.id)).status
        seen.append((is_receipt_key(key), len(await pictures(house)), status))

    clock = SettableClock()
    store = Watched(clock)
    store.given = look
    house = a_house(replace(PAID, pictures=(PICTURE,) * 2), models=(TRIPLE,), clock=clock, blobs=store)
    owner = await house.owner()
    generation = await ask(house, owner, n=2)
    await house.application.run_generation(generation.id)
    assert seen == [(False, 1, Status.RUNNING), (False, 2, Status.RUNNING), (True, 2, Status.RUNNING)]
    assert len(await receipts(house)) == 1
    await house.application.remove_receipts()
    assert await receipts(house) == set()
    assert len(await pictures(house)) == 2
