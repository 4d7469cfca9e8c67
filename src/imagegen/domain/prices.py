"""What a provider charges: prices per token, and the exact cost of one call from the provider's own figures.

Money is in millionths of a US dollar (micros). A price of 30 dollars per million tokens is 30 micros per token.
"""

from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

_MICROS: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens that a provider says it counted for one call; the cached ones are not among the input ones."""

    input_text: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_image: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens; `None` is a price nobody told us. `free` costs nothing whatever is counted."""

    input_text: Decimal | None = None
    input_image: Decimal | None = None
    cached_text: Decimal | None = None
    cached_image: Decimal | None = None
    output_text: Decimal | None = None
    output_image: Decimal | None = None
    free: bool = False

    def cost_micros(self, usage: TokenUsage | None) -> int | None:
        """The cost of a call, rounded half to even; `None` when a figure or a price is missing, never 0."""
        if self.free:
            return 0
        if usage is None:
            return None
        total = Decimal(0)
        for field in fields(TokenUsage):
            tokens = getattr(usage, field.name)
            if tokens:
                price = getattr(self, field.name)
                if price is None:
                    return None
                total += price * tokens
        return int(total.to_integral_value(ROUND_HALF_EVEN))


def dollars(micros: int | None) -> str | None:
    """Micros as clients see money: a decimal string of dollars without needless zeros; `None` stays `None`."""
    if micros is None:
        return None
    return f"{(Decimal(micros) / _MICROS).normalize():f}"
