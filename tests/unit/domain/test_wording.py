"""What a provider has no parameter for is said in words."""

import pytest

from imagegen.domain.images import ImageRequest, Style
from imagegen.domain.wording import worded


def test_a_prompt_alone_stays_as_it_is() -> None:
    """Nothing is added to what was not asked for."""
    assert worded(ImageRequest(prompt="a cat")) == "a cat"
    assert worded(ImageRequest(prompt="a cat", negative_prompt="  ")) == "a cat"


@pytest.mark.parametrize("style", Style)
def test_a_style_follows_the_prompt(style: Style) -> None:
    """Each style has words of its own, after the prompt's."""
    first, second = worded(ImageRequest(prompt="a cat", style=style)).split("\n")
    assert first == "a cat"
    assert style in second


def test_what_is_unwanted_comes_last() -> None:
    """In the caller's own words."""
    request = ImageRequest(prompt="a cat", style=Style.NATURAL, negative_prompt=" dogs, rain ")
    assert worded(request).split("\n")[-1] == "Leave out: dogs, rain"
