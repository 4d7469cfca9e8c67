"""An SDK that cannot be loaded: nobody was asked, and the next one who asks may find it."""

import asyncio
import threading

import pytest

from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers.gemini import GeminiProvider, open_sdk
from imagegen.adapters.providers.gemini.sdk import GeminiSdk
from imagegen.adapters.providers.wire.exchange import Exchange
from imagegen.domain.errors import Billed, ProviderUnreachable
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from wire.gemini import FakeGemini

KEY = "AIza-made-up"


class Broken:
    """Opens the SDK once it is whole; until then opening it is held, and breaks, with the key in the error's text."""

    def __init__(self) -> None:
        self.whole = False
        self.may_break = threading.Event()
        self.tries = 0

    def __call__(self, key: str, base_url: str, exchange: Exchange) -> GeminiSdk:
        """Open it if that is possible."""
        self.tries += 1
        if self.whole:
            return open_sdk(key, base_url, exchange)
        self.may_break.wait()
        raise ImportError(f"no module named google, {key}")


async def test_an_sdk_that_cannot_be_loaded_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """All who wait for it hear that nothing was billed, one line tells where it broke, and the next call looks anew."""
    broken = Broken()
    with FakeGemini() as service:
        provider = GeminiProvider(KEY, load_models(), base_url=service.url, open_sdk=broken)

        async def draw() -> ProviderAnswer:
            return await provider.generate(
                ImageRequest(prompt="a cat", model="gemini-nano-banana-2.1"), count=1, deadline=30
            )

        together = [asyncio.create_task(draw()) for _ in range(3)]
        await asyncio.sleep(0)
        broken.may_break.set()
        for error in await asyncio.gather(*together, return_exceptions=True):
            assert isinstance(error, ProviderUnreachable)
            assert error.billed is Billed.NO
        assert (broken.tries, service.requests) == (1, [])
        broken.whole = True
        assert (await draw()).pictures
        assert (await draw()).pictures
        assert broken.tries == 2
        await provider.close()
    (line,) = caplog.messages
    assert line.startswith("loading Google's SDK raised ImportError\n")
    assert KEY not in line
