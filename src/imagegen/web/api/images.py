"""Images: the gallery, ratings, and the bytes."""

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Controller, Response, delete, get, patch
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET

from imagegen.application import Application
from imagegen.domain.identifiers import IMAGE, ImageId, external
from imagegen.domain.images import Image, ImageFormat
from imagegen.web.api.addresses import address
from imagegen.web.api.parameters import (
    PAGE_SIZE,
    ApiRequest,
    CursorText,
    Limit,
    Verbs,
    identifier,
    page_request,
    problems,
)
from imagegen.web.api.ranges import byte_range, matches
from imagegen.web.api.requests import ImageChange
from imagegen.web.api.views import ImageView, PageView, page_view
from imagegen.web.authentication import SECURITY, Access, access, principal_of
from imagegen.web.problems import Refusal

ImageName = Annotated[str, PathParameter(description="The id of an image, `img_…`.")]


def _picture(description: str) -> ResponseSpec:
    png = ImageFormat.PNG.content_type
    return ResponseSpec(bytes, generate_examples=False, description=description, media_type=png)


class ImageController(Controller):
    """The gallery."""

    path = "/v1/images"
    tags = ("Images",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @get(responses=problems(401, 403, 422, 503), summary="List images")
    async def list_images(
        self,
        request: ApiRequest,
        application: Verbs,
        limit: Limit = PAGE_SIZE,
        cursor: CursorText = None,
    ) -> PageView[ImageView]:
        """List the caller's images, newest first."""
        page = await application.list_images(principal_of(request), page_request(limit, cursor))
        see = address(request, application)
        return page_view(page, lambda image: ImageView.of(image, see))

    @get("/{image_id:str}", responses=problems(401, 403, 404, 503), summary="Read an image")
    async def read(self, request: ApiRequest, image_id: ImageName, application: Verbs) -> ImageView:
        """Read what is known of one of the caller's images; `url` leads to its bytes."""
        image = await application.find_image(principal_of(request), _id(image_id))
        return ImageView.of(image, address(request, application))

    @patch(
        "/{image_id:str}",
        responses=problems(401, 403, 404, 409, 503, body=True),
        summary="Rate or tag an image",
    )
    async def annotate(
        self, request: ApiRequest, image_id: ImageName, data: JSONBody[ImageChange], application: Verbs
    ) -> ImageView:
        """Rate an image from 0 to 5 or take the rating back, set its tags; what is left out stays."""
        image = await application.annotate_image(
            principal_of(request),
            _id(image_id),
            rating=None if data.rating is UNSET else data.rating,
            tags=None if data.tags is UNSET else data.tags,
            keep_rating=data.rating is UNSET,
        )
        return ImageView.of(image, address(request, application))

    @delete("/{image_id:str}", status_code=204, responses=problems(401, 403, 404, 409, 503), summary="Delete an image")
    async def remove(self, request: ApiRequest, image_id: ImageName, application: Verbs) -> None:
        """Remove an image and its bytes; its generation stays in the history."""
        await application.delete_image(principal_of(request), _id(image_id))


class ImageContentController(Controller):
    """The bytes: for whoever has a signed link, or a credential of their owner."""

    path = "/v1/images/{image_id:str}/content"
    tags = ("Images",)
    opt = access(Access.LINK)
    security = SECURITY[Access.LINK]

    @get(
        media_type=ImageFormat.PNG.content_type,
        response_headers=[
            ResponseHeader("ETag", value="", documentation_only=True, description="SHA-256 of the bytes, quoted.")
        ],
        responses={
            206: _picture("A part of the bytes, as `Range` asked."),
            304: ResponseSpec(None, description="The caller has the bytes already."),
            **problems(401, 403, 404, 416, 422, 503),
        },
        summary="Read the bytes",
    )
    async def read_bytes(
        self,
        request: ApiRequest,
        image_id: ImageName,
        application: Verbs,
        expires: Annotated[int | None, QueryParameter(ge=1, le=2**53, description="From the signed link.")] = None,
        signature: Annotated[str | None, QueryParameter(max_length=100, description="From the signed link.")] = None,
        wanted: Annotated[str | None, HeaderParameter(name="Range", description="`bytes=0-99`: a part.")] = None,
        known: Annotated[str | None, HeaderParameter(name="If-None-Match", description="ETags at hand.")] = None,
        condition: Annotated[
            str | None, HeaderParameter(name="If-Range", description="The ETag of which a part is wanted.")
        ] = None,
    ) -> Response[bytes]:
        """Read the bytes of an image, with a signed link or a credential of its owner. Ranges and ETags work."""
        found = _id(image_id)
        if signature is not None:
            image = await application.follow_link(found, expires=expires or 0, signature=signature)
        else:
            image = await application.find_image(principal_of(request), found)
        return await _content(image, application, wanted, known, condition)


def _id(text: str) -> ImageId:
    return ImageId(identifier(IMAGE, text))


async def _content(
    image: Image, application: Application, wanted: str | None, known: str | None, condition: str | None
) -> Response[bytes]:
    etag = f'"{image.sha256}"'
    headers: dict[str, Any] = {
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{external(IMAGE, image.id)}.{image.format}"',
        "Cross-Origin-Resource-Policy": "cross-origin",  # whoever has the link may show the picture on their page
    }
    if matches(known, etag):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers, media_type=image.content_type)
    part = byte_range(wanted, image.bytes) if condition in {None, etag} else None
    if part is not None and not part:
        title = "The range lies outside the picture"
        raise Refusal(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            title,
            content_range=f"bytes */{image.bytes}",
        )
    data = await application.read_bytes(image)
    if part is None:
        return Response(data, headers=headers, media_type=image.content_type)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{image.bytes}"
    return Response(
        data[part.start : part.stop],
        status_code=HTTPStatus.PARTIAL_CONTENT,
        headers=headers,
        media_type=image.content_type,
    )
