"""Sizes that models draw, and the one nearest to a wish."""

import pytest

from imagegen.domain.errors import InvalidRequest
from imagegen.domain.images import Size
from imagegen.domain.sizes import AnySize, NamedSize, Sizes, ratio_of

THREE = Sizes(
    (
        NamedSize(size=Size(1024, 1024), aspect_ratio="1:1"),
        NamedSize(size=Size(1536, 1024), aspect_ratio="3:2"),
        NamedSize(size=Size(1024, 1536), aspect_ratio="2:3"),
    )
)
TIERS = Sizes(
    (
        NamedSize(size=Size(1024, 1024), aspect_ratio="1:1", tier="1K"),
        NamedSize(size=Size(2048, 2048), aspect_ratio="1:1", tier="2K"),
        NamedSize(size=Size(1376, 768), aspect_ratio="16:9", tier="1K"),
        NamedSize(size=Size(2752, 1536), aspect_ratio="16:9", tier="2K"),
    )
)
LARGE = AnySize(step=16, least=16, longest=3840, shortest=2160, most_ratio=3, default=Size(1024, 1024), fewest=655_360)
FREE = AnySize(step=16, least=256, longest=3840, shortest=2160, most_ratio=3, default=Size(1024, 1024))


@pytest.mark.parametrize(("label", "ratio"), [("1:1", 1.0), ("16:9", 16 / 9), ("9:16", 0.5625), ("100:1", 100.0)])
def test_a_shape_is_width_to_height(label: str, ratio: float) -> None:
    """A label names the width over the height."""
    assert ratio_of(label) == ratio


@pytest.mark.parametrize(
    "label", ["", ":", "1", "1:", ":1", "0:1", "1:0", "16x9", "1:1:1", "-1:1", "1.5:1", "101:1", "1: 1", "1:1\n", "٣:1"]
)
def test_what_is_no_shape_is_refused(label: str) -> None:
    """The fault points to the member `aspect_ratio`."""
    with pytest.raises(InvalidRequest) as refusal:
        ratio_of(label)
    assert [fault.pointer for fault in refusal.value.faults] == ["/aspect_ratio"]


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        (Size(1024, 1024), Size(1024, 1024)),
        (Size(512, 512), Size(1024, 1024)),
        (Size(1792, 1024), Size(1536, 1024)),
        (Size(1024, 1792), Size(1024, 1536)),
        (Size(99_999, 1), Size(1536, 1024)),
    ],
)
def test_the_nearest_of_a_list_has_the_nearest_shape(wish: Size, size: Size) -> None:
    """Whoever wants a wide picture gets a wide one."""
    assert THREE.nearest(wish) == size


@pytest.mark.parametrize(
    ("wish", "size"),
    [(Size(800, 800), Size(1024, 1024)), (Size(4096, 4096), Size(2048, 2048)), (Size(1920, 1080), Size(1376, 768))],
)
def test_among_sizes_of_one_shape_the_area_decides(wish: Size, size: Size) -> None:
    """The tier nearest in area is taken."""
    assert TIERS.nearest(wish) == size


@pytest.mark.parametrize(("label", "drawn"), [("3:2", "3:2"), ("16:9", "3:2"), ("9:21", "2:3"), ("4:4", "1:1")])
def test_a_shape_that_is_not_drawn_becomes_the_nearest(label: str, drawn: str) -> None:
    """A label that is drawn stays; another becomes one that is."""
    assert THREE.nearest_ratio(label) == drawn


def test_a_label_that_is_drawn_is_not_reduced() -> None:
    """Of two labels of one shape, the one that was asked for stays."""
    both = Sizes(
        (NamedSize(size=Size(1536, 1024), aspect_ratio="3:2"), NamedSize(size=Size(96, 64), aspect_ratio="6:4"))
    )
    assert both.nearest_ratio("6:4") == "6:4"


def test_the_first_of_a_shape_is_its_size() -> None:
    """A shape alone means the first tier of it, and nothing at all the default."""
    assert TIERS.size_of("16:9") == Size(1376, 768)
    assert TIERS.size_of(None) == Size(1024, 1024)


def test_a_size_has_the_providers_words() -> None:
    """An applied size leads to its shape and tier."""
    assert TIERS.named(Size(2752, 1536), None) == TIERS.choices[3]
    assert TIERS.named(Size(2752, 1536), "1:1") == TIERS.choices[3]
    assert TIERS.named(None, None) == TIERS.choices[0]


@pytest.mark.parametrize(
    "size", [Size(256, 256), Size(3840, 2160), Size(2160, 3840), Size(3072, 1024), Size(1040, 1024)]
)
def test_any_size_within_bounds_is_drawn(size: Size) -> None:
    """What is allowed is drawn exactly."""
    assert FREE.allows(size)
    assert FREE.nearest(size) == size


@pytest.mark.parametrize(
    "size",
    [
        Size(1024, 1000),
        Size(1000, 1024),
        Size(512, 240),
        Size(2176, 2176),
        Size(3856, 2160),
        Size(3088, 1024),
        Size(1024, 3088),
    ],
    ids=["height", "width", "least", "shortest", "longest", "too wide", "too high"],
)
def test_each_bound_holds(size: Size) -> None:
    """A size that breaks one bound and no other is not drawn."""
    assert not FREE.allows(size)


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        (Size(1020, 1020), Size(1024, 1024)),
        (Size(10, 10), Size(256, 256)),
        (Size(8000, 4500), Size(3840, 2160)),
        (Size(4500, 8000), Size(2160, 3840)),
        (Size(5000, 5000), Size(2160, 2160)),
        (Size(3000, 300), Size(3008, 1008)),
        (Size(300, 3000), Size(1008, 3008)),
    ],
)
def test_a_size_out_of_bounds_is_brought_in(wish: Size, size: Size) -> None:
    """Rounded to whole steps, within the sides, and no longer than the shape allows."""
    assert not FREE.allows(wish)
    assert FREE.nearest(wish) == size


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        (Size(1280, 720), Size(1280, 720)),
        (Size(512, 512), Size(816, 816)),
        (Size(300, 100), Size(1408, 480)),
        (Size(660, 990), Size(672, 992)),
        (Size(9, 90_000), Size(1280, 3840)),
    ],
)
def test_a_size_of_too_few_pixels_grows(wish: Size, size: Size) -> None:
    """As little as it must, its shape kept."""
    assert LARGE.nearest(wish) == size
    assert LARGE.allows(size)


def test_a_shape_of_any_size_has_enough_pixels() -> None:
    """A narrow one too."""
    assert LARGE.size_of("1:3") == Size(592, 1776)


@pytest.mark.parametrize(("label", "drawn"), [("3:1", "3:1"), ("16:9", "16:9"), ("4:1", "3:1"), ("1:8", "1:3")])
def test_a_shape_out_of_bounds_becomes_the_extreme(label: str, drawn: str) -> None:
    """On its own side: what was upright stays upright."""
    assert FREE.nearest_ratio(label) == drawn


def test_an_extreme_that_is_no_whole_number_has_a_label_too() -> None:
    """Two and a half to one is written as five to two."""
    narrow = AnySize(step=16, least=256, longest=2048, shortest=2048, most_ratio=2.5, default=Size(1024, 1024))
    assert narrow.nearest_ratio("3:1") == "5:2"
    assert narrow.nearest_ratio("1:3") == "2:5"


@pytest.mark.parametrize(
    ("label", "size"),
    [(None, Size(1024, 1024)), ("1:1", Size(1024, 1024)), ("16:9", Size(1360, 768)), ("1:3", Size(592, 1776))],
)
def test_a_shape_is_drawn_at_about_the_default_area(label: str | None, size: Size) -> None:
    """A shape says nothing of the area, so it costs what the default costs."""
    assert FREE.size_of(label) == size
    assert FREE.allows(size)
