"""Bodies of requests: read whole, in time and up to a size, checked, and decoded strictly into what the route takes.

This happens when the route asks for its body, which is after the credential was accepted: nobody unknown is told what
is wrong with a body, and nobody unknown has one parsed.
"""

import asyncio
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import Any, ClassVar, Final

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers.http_handlers import HTTPRouteHandler

from imagegen.domain.errors import InvalidRequest
from imagegen.web.faults import faults_in_body
from imagegen.web.json_gate import check_json
from imagegen.web.problems import Refusal, late, malformed

LARGEST_BODY: Final = 512 * 1024
"""Bytes: a prompt and a negative prompt of 32,000 characters each, and room for escapes."""
LARGEST_BATCH: Final = 8 * 1024 * 1024
"""Bytes of the body of a batch: a thousand requests of 8,000 bytes each, for few prompts are longer."""
LARGEST_PUBLIC_BODY: Final = 16 * 1024
"""Bytes that somebody without a credential may have parsed."""
BODY_SECONDS: Final = 30.0
LARGEST_LEFTOVER: Final = 8 * 1024 * 1024
"""Bytes of a body that is too large which are read all the same, so that its sender lives to hear of it."""
LEFTOVER_SECONDS: Final = 2.0
JSON: Final = "application/json"


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body is JSON and nothing else, and there within `body_seconds`."""

    body_seconds: ClassVar[float] = BODY_SECONDS

    async def body(self) -> bytes:
        """The body, whole.

        Raises:
            Refusal: 415 when it does not say that it is JSON, 413 when it is too large, 408 when it is too slow, 400
                when there is none or it ended early.
        """
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            title = "The body must be application/json"
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title)
        try:
            async with asyncio.timeout(self.body_seconds):
                body = await super().body()
        except RequestEntityTooLarge:
            await self._pass_over()
            limit = self.route_handler.resolve_request_max_body_size()
            title, detail = "The body is too large", f"Here a body may have {limit} bytes."
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            raise Refusal(status, "body_too_large", title, detail, connection="close") from None
        except TimeoutError:
            raise late(f"The body is not there after {self.body_seconds:g} seconds.") from None
        except InternalServerException:  # Litestar's word for a client that went away
            raise malformed("The body ended early.") from None
        if not body:
            title = "The body is not acceptable JSON"
            raise Refusal(HTTPStatus.BAD_REQUEST, "malformed_json", title, "The body is empty.")
        return body

    async def json(self) -> Any:
        """The body as the `data` of its route: strict types, no unknown members.

        Raises:
            Refusal: it is not acceptable JSON.
            InvalidRequest: it is JSON of another shape.
        """
        body = await super().body()
        if len(body) <= LARGEST_BODY:
            return self._decoded(body)
        # In a thread, which lets others have Python in between.
        return await asyncio.to_thread(self._decoded, body)

    async def _pass_over(self) -> None:
        """Read on for a while: to close on a client that is still sending would destroy the answer on its way.

        Not from one that waits to be invited, nor where so much is announced that it would not help.
        """
        announced = self.headers.get("content-length", "")
        if "expect" in self.headers or (announced.isdecimal() and int(announced) > LARGEST_LEFTOVER):
            return
        more, read = True, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LEFTOVER_SECONDS):
                while more and read <= LARGEST_LEFTOVER:
                    message = await self.receive()
                    more = message["type"] == "http.request" and message["more_body"]
                    read += len(message["body"]) if message["type"] == "http.request" else 0

    def _decoded(self, body: bytes) -> Any:
        check_json(body)
        decoder = _decoder(self.route_handler)
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            faults = faults_in_body(body, decoder, str(error))
            first = faults[0]
            raise InvalidRequest(f"{first.pointer or 'The body'}: {first.message}", faults=tuple(faults)) from None


@cache
def _decoder(handler: HTTPRouteHandler) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(handler.parsed_fn_signature.parameters["data"].annotation)
