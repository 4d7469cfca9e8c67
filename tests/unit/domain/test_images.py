"""Images and requests for them."""

from dataclasses import replace

import pytest

from builders import new_generation, new_image, new_user
from imagegen.domain.errors import InvalidRequest
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality, Size, Style, checked_tags

IMAGE = new_image(new_generation(new_user()))


def pointers(refusal: pytest.ExceptionInfo[InvalidRequest]) -> list[str]:
    """Where the faults are."""
    return [fault.pointer for fault in refusal.value.faults]


@pytest.mark.parametrize("text", ["1024x1024", "1x99999", "1792x1024"])
def test_a_size_is_read_as_it_is_written(text: str) -> None:
    """Width, an `x`, and height."""
    assert str(Size.read(text)) == text


NO_SIZES = """
    x 1024 1024x x1024 1024X1024 1024*1024 1024x1024x1 -1x1 +1x1 1.5x1 1_0x10 0x1024 1024x0 100000x1 ٣x3 ²x2 auto
"""


@pytest.mark.parametrize("text", [*NO_SIZES.split(), "", " 1024x1024", "1024x1024\n", "1024 x 1024"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """The fault points to the member `size`."""
    with pytest.raises(InvalidRequest) as refusal:
        Size.read(text)
    assert pointers(refusal) == ["/size"]


def test_a_size_has_a_shape_and_an_area() -> None:
    """Width over height, and width times height."""
    assert Size(1536, 1024).ratio == 1.5
    assert Size(1536, 1024).pixels == 1_572_864


def test_a_prompt_is_trimmed() -> None:
    """White space around it does not count."""
    assert ImageRequest(prompt="\n a banana ").prompt == "a banana"


@pytest.mark.parametrize("prompt", ["", "   ", "\n", "x" * 32_001])
def test_a_prompt_has_1_to_32000_characters(prompt: str) -> None:
    """After trimming."""
    with pytest.raises(InvalidRequest) as refusal:
        ImageRequest(prompt=prompt)
    assert pointers(refusal) == ["/prompt"]
    assert len(ImageRequest(prompt=" " + "x" * 32_000).prompt) == 32_000


@pytest.mark.parametrize("n", [-1, 0, 11])
def test_one_to_ten_images_are_asked_for(n: int) -> None:
    """Everything that is wrong is said at once."""
    with pytest.raises(InvalidRequest) as refusal:
        ImageRequest(prompt="a banana", n=n)
    assert pointers(refusal) == ["/n"]
    with pytest.raises(InvalidRequest) as refusal:
        ImageRequest(prompt="", n=n)
    assert pointers(refusal) == ["/prompt", "/n"]


def test_a_request_states_only_what_was_said() -> None:
    """Saying nothing states nothing; the prompt has a place of its own."""
    assert ImageRequest(prompt="a banana").stated() == {}
    said = ImageRequest(
        prompt="a banana",
        n=2,
        size=Size(1024, 768),
        quality=Quality.HIGH,
        style=Style.NATURAL,
        output_format=ImageFormat.WEBP,
        background=Background.OPAQUE,
        seed=0,
        strict=True,
    )
    assert said.stated() == {
        "n": 2,
        "size": "1024x768",
        "quality": "high",
        "style": "natural",
        "output_format": "webp",
        "background": "opaque",
        "seed": 0,
        "strict": True,
    }


@pytest.mark.parametrize("rating", [0, 3, 5, None])
def test_an_image_is_rated(rating: int | None) -> None:
    """Nought to five, or not at all; the image before is as it was."""
    rated = replace(IMAGE, rating=1).annotate(rating=rating, tags=())
    assert (rated.rating, rated.version) == (rating, 2)
    assert IMAGE.rating is None


@pytest.mark.parametrize("rating", [-1, 6])
def test_another_rating_is_refused(rating: int) -> None:
    """The fault points to the member `rating`."""
    with pytest.raises(InvalidRequest) as refusal:
        IMAGE.annotate(rating=rating, tags=())
    assert pointers(refusal) == ["/rating"]


def test_tags_are_trimmed_and_said_once() -> None:
    """They keep their order, and replace the ones before."""
    tagged = IMAGE.annotate(rating=None, tags=(" fruit", "yellow", "fruit ", "Fruit"))
    assert (tagged.tags, tagged.version) == (("fruit", "yellow", "Fruit"), 2)
    assert tagged.annotate(rating=None, tags=()).tags == ()


@pytest.mark.parametrize("tags", [("",), (" ",), ("a\nb",), ("a\0",), ("x" * 65,), tuple(map(str, range(21)))])
def test_tags_that_nobody_can_file_by_are_refused(tags: tuple[str, ...]) -> None:
    """At most twenty, of 1 to 64 printable characters."""
    with pytest.raises(InvalidRequest) as refusal:
        checked_tags(tags)
    assert pointers(refusal) == ["/tags"]


def test_twenty_tags_of_64_characters_are_taken() -> None:
    """The limits themselves are allowed, and repetitions do not count."""
    tags = tuple(f"{number:064}" for number in range(20))
    assert checked_tags((*tags, tags[0])) == tags


@pytest.mark.parametrize("kind", ImageFormat)
def test_a_format_has_a_media_type(kind: ImageFormat) -> None:
    """It is `image/` and the format's name."""
    assert replace(IMAGE, format=kind).content_type == kind.content_type == f"image/{kind.value}"
