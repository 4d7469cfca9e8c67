"""The offline provider: pictures drawn, not generated, deterministic by prompt and seed, and free.

With `IMAGEGEN_SKETCH_FAULTS=1` tags in a prompt make it fail as a real provider would; see `faults`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

from imagegen.adapters.providers.sketch.faults import FaultScripts, Script
from imagegen.domain.catalog import ImageModel
from imagegen.domain.errors import Billed, OutcomeUnknown
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality, Size, Style
from imagegen.domain.ports import ImageProvider, ProviderAnswer

VARIABLES: Final = ()

FAULTS_VARIABLE: Final = "IMAGEGEN_SKETCH_FAULTS"

_DRAFTSMEN: Final = 2
"""Pictures drawn at a time: each takes a core, and up to about 115 MB."""
_DEFAULT_SIZE: Final = Size(1024, 1024)


class SketchProvider(ImageProvider):
    """Draws in threads of its own. `faults` is there when the tags of `faults` are to be obeyed."""

    name = "sketch"

    def __init__(self, models: Sequence[ImageModel] = (), *, faults: FaultScripts | None = None) -> None:
        self._sizes = {model.id: model.capabilities.sizes for model in models}
        self._faults = faults
        self._threads = ThreadPoolExecutor(_DRAFTSMEN, thread_name_prefix="sketch")

    async def generate(self, request: ImageRequest, *, count: int, deadline: float) -> ProviderAnswer:
        """Draw; the first picture has the seed asked for, or the prompt's own, and each further one another."""
        script = self._faults.read(request.prompt) if self._faults is not None else Script(request.prompt)
        try:
            async with asyncio.timeout(deadline):
                await asyncio.sleep(script.slow)
                if script.error is not None:
                    raise script.error
                pictures = await asyncio.gather(
                    *(self._drawn(request, script.prompt, number) for number in range(count))
                )
        except TimeoutError:
            raise OutcomeUnknown from None
        return ProviderAnswer(pictures=tuple(pictures), usage=None, request_id=None, billed=Billed.NO)

    async def check(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """Draw nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drawn(self, request: ImageRequest, prompt: str, number: int) -> bytes:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _draw, request, prompt, number, self._size(request))

    def _size(self, request: ImageRequest) -> Size:
        sizes = self._sizes.get(request.model or "")
        return request.size or (sizes.size_of(request.aspect_ratio) if sizes is not None else _DEFAULT_SIZE)


def connect(environment: Mapping[str, str], models: Sequence[ImageModel]) -> ImageProvider:
    """The provider, obeying tags when its switch is on."""
    faulty = environment.get(FAULTS_VARIABLE, "").strip() == "1"
    return SketchProvider(models, faults=FaultScripts() if faulty else None)


def _draw(request: ImageRequest, prompt: str, number: int, size: Size) -> bytes:
    # With it comes Pillow, which a service that never sketches can do without.
    from imagegen.adapters.providers.drawing import draw  # noqa: PLC0415

    return draw(
        prompt,
        seed=_seed(prompt, request.seed, number),
        width=size.width,
        height=size.height,
        style=request.style or Style.ARTISTIC,
        image_format=request.output_format or ImageFormat.PNG,
        quality=request.quality or Quality.AUTO,
        transparent=request.background is Background.TRANSPARENT,
    )


def _seed(prompt: str, seed: int | None, number: int) -> int:
    """The seed of the picture of that number: of the first it is the one asked for, if any."""
    if seed is not None and number == 0:
        return seed
    return int.from_bytes(sha256(f"{seed}/{number}/{prompt}".encode()).digest()[:4])
