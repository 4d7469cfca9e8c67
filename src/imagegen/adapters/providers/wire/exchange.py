"""One request to a provider and its answer, with everything that can go wrong on the way told apart.

The question that matters is whether the request may have reached the provider: what certainly did not begin may be
repeated, what may have been billed may not.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError, DetailedPyreqwestError, PyreqwestError, RequestTimeoutError
from pyreqwest.request import StreamRequest

from imagegen.domain.errors import Billed, DeadlineExceeded, OutcomeUnknown, ProviderMisbehaved, ProviderUnreachable

ANSWER_LIMIT: Final = 64 * 1024 * 1024
"""Bytes; what is longer is cut off and of no use."""

_CONNECT_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 30.0
"""Less than servers keep idle connections, so that hardly ever a request meets one that is being closed."""
_CONNECTING: Final = "client error (Connect)"
"""How the client's HTTP library says that it never had a connection."""
_PARTING_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, at most `ANSWER_LIMIT` long; the names of its headers are in lower case.

    The body is a view of the buffer into which it was received: nobody copies two megabytes to look at them.
    """

    status: int
    headers: Mapping[str, str]
    body: memoryview


class Exchange:
    """A pool of connections. It follows no redirect, retries nothing, and takes no compressed answer."""

    @cached_property
    def _client(self) -> Client:
        # Made when first used: it reads the certificates of the machine (15 ms).
        return (
            ClientBuilder()
            .http1_only()
            .follow_redirects(enable=False)
            .referer(enable=False)
            # Base64 of a picture hardly shrinks, and what cannot be inflated cannot be a bomb.
            .gzip(enable=False)
            .brotli(enable=False)
            .zstd(enable=False)
            .deflate(enable=False)
            .connect_timeout(timedelta(seconds=_CONNECT_SECONDS))
            .pool_idle_timeout(timedelta(seconds=_IDLE_SECONDS))
            .user_agent("imagegen")
            .build()
        )

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, deadline: float
    ) -> Answer:
        """Send a request and read the whole answer, whatever its status, within `deadline` seconds.

        Raises:
            DeadlineExceeded: there was no time left to begin.
            ProviderUnreachable: no connection could be made; nothing was sent.
            OutcomeUnknown: the request may have arrived, and no whole answer came back.
            ProviderMisbehaved: the answer is longer than `ANSWER_LIMIT`.
        """
        if deadline <= 0:
            raise DeadlineExceeded
        request = self._request(method, url, headers, body, deadline)
        try:
            return await _exchanged(request)
        except PyreqwestError as error:
            if _never_connected(error):
                raise ProviderUnreachable("No connection could be made.", billed=Billed.NO) from error
            detail = (
                None if isinstance(error, RequestTimeoutError) else "The connection was lost before the answer came."
            )
            raise OutcomeUnknown(detail) from error

    async def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            await self._client.close()
            # The client's thread is still letting go of the interpreter when it reports back; a process that ended
            # right now would be aborted about one time in ten.
            await asyncio.sleep(_PARTING_SECONDS)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> StreamRequest:
        try:
            request = self._client.request(method, url).headers(headers).timeout(timedelta(seconds=deadline))
            return (request if body is None else request.body_bytes(body)).build_streamed()
        except ValueError:  # which quotes the key
            raise ProviderUnreachable("The provider's address or key is malformed.", billed=Billed.NO) from None


async def _exchanged(request: StreamRequest) -> Answer:
    async with request as response:
        announced = response.get_header("content-length") or ""
        if announced.isdecimal() and int(announced) > ANSWER_LIMIT:
            raise ProviderMisbehaved("The provider's answer is too large.")
        body = await response.body_reader.read(ANSWER_LIMIT + 1)
        if body is not None and len(body) > ANSWER_LIMIT:
            raise ProviderMisbehaved("The provider's answer is too large.")
        return Answer(response.status, dict(response.headers.items()), memoryview(b"" if body is None else body))


def _never_connected(error: PyreqwestError) -> bool:
    """Whether certainly nothing was sent.

    The class of the error does not tell: a connection that is reset while the answer is awaited is a `ConnectError`
    too, and an answer that does not come in time a `ConnectTimeoutError`. The chain of causes does, and when it is
    ever worded otherwise the error counts as an unknown outcome, which costs a repetition but no money.
    """
    if isinstance(error, BuilderError):
        return True
    causes = error.details.get("causes") if isinstance(error, DetailedPyreqwestError) else None
    return any(cause["message"] == _CONNECTING for cause in causes or ())
