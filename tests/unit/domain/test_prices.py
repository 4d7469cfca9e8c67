"""What a call costs."""

from decimal import Decimal

import pytest

from imagegen.domain.prices import Price, TokenUsage, dollars

FLASH = Price(
    input_text=Decimal("0.30"), input_image=Decimal("0.30"), output_text=Decimal("2.50"), output_image=Decimal(30)
)


def test_a_cost_is_tokens_times_price() -> None:
    """1,290 tokens of picture at 30 dollars per million are 3.87 cents."""
    assert FLASH.cost_micros(TokenUsage(output_image=1_290)) == 38_700


def test_every_kind_of_token_counts() -> None:
    """Text and picture, in and out, fresh and cached, each at its own price."""
    prices = Price(
        input_text=Decimal(1),
        input_image=Decimal(10),
        cached_text=Decimal(100),
        cached_image=Decimal(1_000),
        output_text=Decimal(10_000),
        output_image=Decimal(100_000),
    )
    usage = TokenUsage(input_text=1, input_image=2, cached_text=3, cached_image=4, output_text=5, output_image=6)
    assert prices.cost_micros(usage) == 654_321


@pytest.mark.parametrize(("tokens", "micros"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_halves_are_rounded_to_even(tokens: int, micros: int) -> None:
    """Half a micro goes to the even neighbor, so that many small calls come out right."""
    assert Price(output_text=Decimal("0.5")).cost_micros(TokenUsage(output_text=tokens)) == micros


def test_a_missing_price_is_no_price() -> None:
    """A token that has no price makes the cost unknown, never zero."""
    assert FLASH.cost_micros(TokenUsage(output_image=1_290, cached_text=1)) is None
    assert Price().cost_micros(TokenUsage(output_image=1)) is None


def test_a_missing_figure_is_no_price() -> None:
    """A call that nobody counted has an unknown cost."""
    assert FLASH.cost_micros(None) is None


def test_a_price_that_is_not_needed_may_be_missing() -> None:
    """Only tokens that were counted need a price."""
    assert FLASH.cost_micros(TokenUsage(input_text=10)) == 3


def test_free_is_zero_and_not_unknown() -> None:
    """What costs nothing costs nothing, counted or not."""
    assert Price(free=True).cost_micros(None) == 0
    assert Price(free=True).cost_micros(TokenUsage(output_image=1_290)) == 0


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, None),
        (0, "0"),
        (1, "0.000001"),
        (33_600, "0.0336"),
        (100_000, "0.1"),
        (1_000_000, "1"),
        (10_000_000, "10"),
        (12_345_678_901_234, "12345678.901234"),
    ],
)
def test_money_is_a_decimal_string(micros: int | None, text: str | None) -> None:
    """Dollars without needless zeros and never with an exponent; what is unknown stays unknown."""
    assert dollars(micros) == text
