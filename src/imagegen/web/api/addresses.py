"""Where the bytes of an image can be had: an address for whoever holds it, or the bytes themselves in base64."""

from collections.abc import Callable

import pybase64

from imagegen.application import Application
from imagegen.domain.identifiers import IMAGE, ImageId, external
from imagegen.domain.images import Image
from imagegen.web.api.parameters import ApiRequest


def address(request: ApiRequest, application: Application) -> Callable[[Image], str]:
    """A function that mints the address of an image, under the public URL or as this request reached us."""
    root: str = request.app.state.public_url or f"{request.scope['scheme']}://{request.headers.get('host', '')}"

    def content(image_id: ImageId) -> str:
        return f"{root}/v1/images/{external(IMAGE, image_id)}/content"

    return lambda image: application.link_image(image, content)


async def inlined(image: Image, application: Application) -> str:
    """The bytes of an image in base64."""
    return pybase64.b64encode_as_string(await application.read_bytes(image))
