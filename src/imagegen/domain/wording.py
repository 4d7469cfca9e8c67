"""A request in words, for providers that have no parameters for what was asked."""

from collections.abc import Mapping
from typing import Final

from imagegen.domain.images import ImageRequest, Style

_STYLES: Final[Mapping[Style, str]] = {
    Style.NATURAL: "Style: natural, like a photograph.",
    Style.ARTISTIC: "Style: artistic, like an illustration.",
}


def worded(request: ImageRequest) -> str:
    """The prompt, and after it the style and the things to leave out, each a sentence on a line of its own."""
    lines = [request.prompt]
    if request.style is not None:
        lines.append(_STYLES[request.style])
    if request.negative_prompt is not None and (unwanted := request.negative_prompt.strip()):
        lines.append(f"Leave out: {unwanted}")
    return "\n".join(lines)
