"""Taking webhooks to their receivers, over HTTP and with care.

Whoever has an account names the addresses, and the names in them mean today what they did not mean yesterday. So an
address is taken apart once, its name is looked up once for each message, and if all that it means is public the
connection goes to one of those very numbers; the certificate must be for the name nevertheless.
"""

import asyncio
import ssl
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from imagegen.adapters.webhooks.addresses import Address, IPAddress, is_public, refusal
from imagegen.adapters.webhooks.names import Resolve, SystemNames
from imagegen.domain.deliveries import DeliveryError, WebhookReply
from imagegen.domain.errors import InvalidRequest
from imagegen.domain.ports import WebhookSender
from imagegen.domain.signatures import WebhookMessage

TOTAL_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0
"""For each number of a host, so that one nobody answers at leaves time for the next."""

_MOST_TRIED: Final = 3
_HTTPS_PORT: Final = 443
_FIRST_FREE_PORT: Final = 1024


class HttpWebhookSender(WebhookSender):
    """Posts messages, each on a connection of its own.

    Unless `allow_private`, addresses are https on port 443 or above 1023 and lead to public machines only. `resolve` is
    asked what names mean, by default the system; `trust` says whose certificates count, by default the machine's.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._allow_private = allow_private
        self._names = SystemNames()
        self._resolve = resolve or self._names
        self._chosen_trust = trust
        self._total_seconds = total_seconds

    async def check_address(self, url: str) -> None:
        """Take the address apart and look its name up."""
        address = self._read(url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._machines(address)
        except TimeoutError:
            raise _no_machine() from None

    async def send(self, message: WebhookMessage) -> WebhookReply:
        """Look the name up, connect, post, and read the head of the answer."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._send(message)
        except TimeoutError:
            return WebhookReply(error=DeliveryError.TIMEOUT)

    async def close(self) -> None:
        """Look no names up any more."""
        self._names.close()

    async def _send(self, message: WebhookMessage) -> WebhookReply:
        try:
            address = self._read(message.url)
            machines = await self._machines(address)
        except InvalidRequest:  # it was fine when it was chosen
            return WebhookReply(error=DeliveryError.NO_ADDRESS)
        try:
            reader, writer = await self._connect(address, machines)
        except TimeoutError:
            return WebhookReply(error=DeliveryError.TIMEOUT)
        except ssl.SSLError:
            return WebhookReply(error=DeliveryError.TLS_FAILED)
        except OSError:
            return WebhookReply(error=DeliveryError.UNREACHABLE)
        # HTTP takes its time to load, and most services start without a message to send.
        from imagegen.adapters.webhooks.posting import post  # noqa: PLC0415

        headers = {"user-agent": "imagegen", **message.headers}
        try:
            return await post(
                reader, writer, authority=address.authority, target=address.target, headers=headers, body=message.body
            )
        finally:
            writer.transport.abort()  # nothing more is sent, and what else comes is not wanted

    def _read(self, url: str) -> Address:
        address = Address.read(url)
        if not self._allow_private:
            if not address.secure:
                raise refusal("The address must begin with https://.")
            if address.port != _HTTPS_PORT and address.port < _FIRST_FREE_PORT:
                raise refusal("The port must be 443, or 1024 and above.")
        return address

    async def _machines(self, address: Address) -> Sequence[IPAddress]:
        """The numbers behind an address, all of which may be called; raise `InvalidRequest` when there is none."""
        try:
            found = await self._resolve(address.host, address.port)
        except OSError:
            found = ()
        if not found or not (self._allow_private or all(map(is_public, found))):
            raise _no_machine()
        return found

    async def _connect(
        self, address: Address, machines: Sequence[IPAddress]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        failure: OSError = TimeoutError()
        for machine in machines[:_MOST_TRIED]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        str(machine),
                        address.port,
                        ssl=self._trust if address.secure else None,
                        server_hostname=address.host if address.secure else None,
                    )
            except OSError as error:
                failure = error
        raise failure

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # Made when first used: it reads the certificates of the machine (15 ms).
        return self._chosen_trust or ssl.create_default_context()


def _no_machine() -> InvalidRequest:
    # That a name means something within is not told apart from that it means nothing: nobody is to ask for names here.
    return refusal("The host has no public address.")
