"""What every `WebhookSender` promises, and what the one that really sends does with receivers of every kind."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from imagegen.adapters.memory import MemoryWebhookSender
from imagegen.adapters.webhooks import HttpWebhookSender
from imagegen.adapters.webhooks.posting import ANSWER_LIMIT
from imagegen.domain.deliveries import DeliveryError, WebhookReply
from imagegen.domain.errors import InvalidRequest
from imagegen.domain.ports import WebhookSender
from imagegen.domain.signatures import WebhookMessage
from wire.certificates import certified
from wire.server import Delivery, Reply, Request, WireServer, refused_port

NAME = "hooks.example.com"
HEADERS = {"content-type": "application/json", "webhook-id": "evt_1", "webhook-signature": "v1,eA=="}
BODY = b'{"type":"generation.succeeded"}'
CLIENT_HELLO = b"\x16\x03"
LOOPBACK = ip_address("127.0.0.1")
PUBLIC = ip_address("93.184.215.14")

IPAddress = IPv4Address | IPv6Address


class Receiver(WireServer):
    """Answers every message in the same way."""

    def __init__(self, reply: Reply = Reply(status=204)) -> None:  # noqa: B008 - frozen
        super().__init__()
        self.answer = reply

    async def reply(self, request: Request) -> Reply:
        """The answer."""
        return self.answer

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.origin.rpartition(":")[2])


class Names:
    """A name server that says in turn what it was told, and the last thing ever after; nothing is an `OSError`."""

    def __init__(self, *answers: Sequence[IPAddress]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        """What the name means now."""
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append((host, port))
        if not answer:
            raise OSError("no such name")
        return answer


def message(url: str) -> WebhookMessage:
    """A message for that address."""
    return WebhookMessage(url=url, headers=HEADERS, body=BODY)


@asynccontextmanager
async def http(
    *,
    allow_private: bool = True,
    names: Names | None = None,
    trust: ssl.SSLContext | None = None,
    seconds: float = 15.0,
) -> AsyncIterator[HttpWebhookSender]:
    """A sender that may call this machine unless told otherwise."""
    sender = HttpWebhookSender(allow_private=allow_private, resolve=names, trust=trust, total_seconds=seconds)
    try:
        yield sender
    finally:
        await sender.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that takes everything."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(params=["memory", "http"])
async def sender(request: pytest.FixtureRequest) -> AsyncIterator[WebhookSender]:
    """Each sender, one that may call this machine."""
    if request.param == "memory":
        yield MemoryWebhookSender()
        return
    async with http() as sender:
        yield sender


async def test_a_message_arrives(sender: WebhookSender, receiver: Receiver) -> None:
    """The receiver's status comes back; an address that may be called is let in without a word."""
    await sender.check_address(f"{receiver.origin}/imagegen")
    assert await sender.send(message(f"{receiver.origin}/imagegen")) == WebhookReply(status=204)


async def test_closing_twice_is_fine(sender: WebhookSender) -> None:
    """Whoever lets go need not know who else did."""
    await sender.close()
    await sender.close()


async def test_a_message_arrives_as_it_was_signed(receiver: Receiver) -> None:
    """Path and query, the headers and the very bytes of the body; the host is named as it was written."""
    async with http(names=Names([LOOPBACK])) as sender:
        await sender.send(message(f"http://{NAME}:{receiver.port}/a/b?c=%20d"))
    (request,) = receiver.requests
    assert (request.method, request.path, request.query, request.body) == ("POST", "/a/b", "c=%20d", BODY)
    assert HEADERS.items() <= request.headers.items()
    assert request.headers["host"] == f"{NAME}:{receiver.port}"
    assert (request.headers["user-agent"], request.headers["connection"]) == ("imagegen", "close")


@pytest.mark.parametrize("status", [200, 202, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503, 599])
async def test_every_status_comes_back_as_it_is(status: int) -> None:
    """What it means is for the core to say."""
    with Receiver(Reply.of({"any": "thing"}, status)) as receiver:
        async with http() as sender:
            assert await sender.send(message(receiver.origin)) == WebhookReply(status=status)


async def test_no_redirect_is_followed(receiver: Receiver) -> None:
    """Where the receiver points to is not called."""
    with Receiver(Reply.of({}, 307, location=f"{receiver.origin}/within")) as pointing:
        async with http() as sender:
            assert (await sender.send(message(pointing.origin))).status == 307
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("-1", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 11, None),
        ("Wed, 21 Oct 2026", None),
    ],
)
async def test_a_pause_that_is_asked_for_comes_back(said: str, understood: float | None) -> None:
    """In whole seconds; anything else says nothing."""
    if not said.isascii():
        said = said.encode().decode("latin-1")
    with Receiver(Reply.of({}, 503, retry_after=said)) as receiver:
        async with http() as sender:
            assert await sender.send(message(receiver.origin)) == WebhookReply(status=503, retry_after=understood)


@pytest.mark.parametrize("delivery", [Delivery.RESET_MIDWAY, Delivery.CLOSE_MIDWAY, Delivery.HANG_MIDWAY])
async def test_what_else_is_answered_is_not_waited_for(delivery: Delivery) -> None:
    """The status says it all, however the body comes or does not come."""
    with Receiver(Reply(status=200, body=b"x" * 1000, delivery=delivery)) as receiver:
        async with http() as sender:
            assert await sender.send(message(receiver.origin)) == WebhookReply(status=200)


async def test_an_endless_body_costs_nothing() -> None:
    """A receiver that answers with 64 MiB is left with them."""
    with Receiver(Reply(status=200, padding=64, chunked=True)) as receiver:
        async with http() as sender:
            assert await sender.send(message(receiver.origin)) == WebhookReply(status=200)


@pytest.mark.parametrize("delivery", [Delivery.RESET_BEFORE, Delivery.CLOSE_BEFORE])
async def test_a_connection_that_is_lost_is_no_answer(delivery: Delivery) -> None:
    """Whether the message arrived nobody knows."""
    with Receiver(Reply(delivery=delivery)) as receiver:
        async with http() as sender:
            assert await sender.send(message(receiver.origin)) == WebhookReply(error=DeliveryError.NO_ANSWER)


async def test_a_receiver_that_says_nothing_is_not_waited_for() -> None:
    """When the time is over the try is."""
    with Receiver(Reply(delivery=Delivery.HANG_BEFORE)) as receiver:
        async with http(seconds=0.2) as sender:
            assert await sender.send(message(receiver.origin)) == WebhookReply(error=DeliveryError.TIMEOUT)


@asynccontextmanager
async def speaking(*pieces: bytes, hears: bytes = BODY, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that says these pieces once it has heard something, the last one over and over."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(hears)
        try:
            for piece in pieces[:-1]:
                writer.write(piece)
            while True:
                writer.write(pieces[-1])
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            writer.transport.abort()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [b"\x15\x03\x01\x00\x02\x02\x28"],
        [b"HTTP/1.1 2000 OK\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"],
        [b"HTTP/1.1 200 OK\r\na: ", b"b" * 1000],
        [b"HTTP/1.1 102 Processing\r\n\r\n"],
    ],
    ids=["ssh", "tls", "no-status", "many-headers", "long-header", "always-processing"],
)
async def test_what_is_no_answer_is_given_up(pieces: Sequence[bytes]) -> None:
    """Another protocol, or a head without an end: no more of it is read than fits in 64 KiB."""
    async with speaking(*pieces) as port, http() as sender:
        assert await sender.send(message(f"http://127.0.0.1:{port}")) == WebhookReply(error=DeliveryError.NO_ANSWER)
    assert ANSWER_LIMIT == 64 * 1024


async def test_an_answer_after_an_interim_one_counts() -> None:
    """A receiver may say that it is at it."""
    pieces = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 202 OK\r\n\r\n"]
    async with speaking(*pieces, b"x") as port, http() as sender:
        assert await sender.send(message(f"http://127.0.0.1:{port}")) == WebhookReply(status=202)


async def test_a_port_that_refuses_is_unreachable() -> None:
    """Nobody listens there."""
    with refused_port() as port:
        async with http() as sender:
            reply = await sender.send(message(f"http://127.0.0.1:{port}"))
    assert reply == WebhookReply(error=DeliveryError.UNREACHABLE)


async def test_a_name_may_mean_several_machines(receiver: Receiver) -> None:
    """When nobody answers at the first, the next is called."""
    names = Names([ip_address("::1"), ip_address("127.0.0.2"), LOOPBACK])
    async with http(names=names) as sender:
        assert (await sender.send(message(f"http://{NAME}:{receiver.port}"))).status == 204
    assert names.asked == [(NAME, receiver.port)]


async def test_a_receiver_is_who_it_says_it_is(tmp_path: Path) -> None:
    """The certificate is for the name, although the connection goes to a number; the handshake names it too."""
    named: list[str | None] = []
    server, client = certified(NAME, tmp_path)
    server.sni_callback = lambda _socket, name, _context: named.append(name)
    answer = b"HTTP/1.1 200 OK\r\n\r\n", b"x"
    async with speaking(*answer, tls=server) as port, http(names=Names([LOOPBACK]), trust=client) as sender:
        assert await sender.send(message(f"https://{NAME}:{port}")) == WebhookReply(status=200)
    assert named == [NAME]


@pytest.mark.parametrize("trouble", ["other-name", "not-trusted", "expired"])
async def test_a_receiver_that_is_somebody_else_gets_nothing(tmp_path: Path, trouble: str) -> None:
    """A certificate for another name, of nobody known, or out of date ends it before a byte of the message."""
    age = timedelta(days=2) if trouble == "expired" else timedelta(0)
    server, client = certified("other.example.com" if trouble == "other-name" else NAME, tmp_path, age=age)
    trust = None if trouble == "not-trusted" else client
    async with (
        speaking(b"HTTP/1.1 200 OK\r\n\r\n", tls=server) as port,
        http(names=Names([LOOPBACK]), trust=trust) as sender,
    ):
        reply = await sender.send(message(f"https://{NAME}:{port}"))
    assert reply == WebhookReply(error=DeliveryError.TLS_FAILED)


async def test_a_handshake_with_no_tls_fails() -> None:
    """A receiver that answers it plainly is told nothing."""
    async with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n", hears=CLIENT_HELLO) as port, http() as sender:
        reply = await sender.send(message(f"https://127.0.0.1:{port}"))
    assert reply == WebhookReply(error=DeliveryError.TLS_FAILED)


REFUSED = {
    "loopback": [LOOPBACK],
    "metadata": [ip_address("169.254.169.254")],
    "private": [ip_address("10.0.0.7")],
    "mapped": [ip_address("::ffff:127.0.0.1")],
    "one-of-several": [PUBLIC, LOOPBACK],
    "nothing": [],
}


@pytest.mark.parametrize("machines", REFUSED.values(), ids=REFUSED)
async def test_only_public_machines_are_called(machines: Sequence[IPAddress]) -> None:
    """A name is refused when any of what it means lies within, and in the same words when it means nothing."""
    async with http(allow_private=False, names=Names(machines)) as sender:
        with pytest.raises(InvalidRequest) as refusal:
            await sender.check_address(f"https://{NAME}/")
        assert await sender.send(message(f"https://{NAME}/")) == WebhookReply(error=DeliveryError.NO_ADDRESS)
    assert [(fault.pointer, fault.message) for fault in refusal.value.faults] == [
        ("/url", "The host has no public address.")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/",
        "https://127.1:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f000001:{port}/",
        "https://0177.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://[::ffff:7f00:1]:{port}/",
        "https://0.0.0.0:{port}/",
        "https://[::]:{port}/",
    ],
)
async def test_no_spelling_of_this_machine_gets_in(receiver: Receiver, url: str) -> None:
    """The system's own way of reading numbers makes no difference: what it makes of them is looked at."""
    url = url.format(port=receiver.port)
    async with http(allow_private=False) as sender:
        with pytest.raises(InvalidRequest):
            await sender.check_address(url)
        assert await sender.send(message(url)) == WebhookReply(error=DeliveryError.NO_ADDRESS)
    assert receiver.requests == []


async def test_a_name_that_comes_to_mean_something_else_is_found_out(receiver: Receiver) -> None:
    """What it meant when the webhook was made does not count, and it is asked once: there is no later answer to use."""
    names = Names([PUBLIC], [LOOPBACK])
    async with http(allow_private=False, names=names) as sender:
        url = f"https://{NAME}:{receiver.port}/"
        await sender.check_address(url)
        assert await sender.send(message(url)) == WebhookReply(error=DeliveryError.NO_ADDRESS)
    assert names.asked == [(NAME, receiver.port)] * 2
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("url", "let_in"),
    [
        (f"https://{NAME}/", True),
        (f"https://{NAME}:1024/", True),
        (f"https://{NAME}:8443/", True),
        (f"http://{NAME}/", False),
        (f"http://{NAME}:8443/", False),
        (f"https://{NAME}:22/", False),
        (f"https://{NAME}:80/", False),
        (f"https://{NAME}:1023/", False),
        (f"https://user@{NAME}/", False),
        ("not an address", False),
    ],
)
async def test_messages_to_the_world_go_encrypted_and_to_likely_ports(url: str, let_in: bool) -> None:
    """Anything else is refused without asking anybody what the name means."""
    names = Names([PUBLIC])
    async with http(allow_private=False, names=names) as sender:
        if let_in:
            await sender.check_address(url)
            assert len(names.asked) == 1
            return
        with pytest.raises(InvalidRequest) as refusal:
            await sender.check_address(url)
        assert await sender.send(message(url)) == WebhookReply(error=DeliveryError.NO_ADDRESS)
    assert [fault.pointer for fault in refusal.value.faults] == ["/url"]
    assert names.asked == []


async def test_a_name_server_that_is_silent_is_not_waited_for() -> None:
    """A try ends when its time is over, whatever it waits for."""

    class SilentNames(Names):
        async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
            """Never."""
            never: asyncio.Future[Sequence[IPAddress]] = asyncio.get_running_loop().create_future()
            return await never

    async with http(names=SilentNames(), seconds=0.05) as sender:
        reply = await sender.send(message(f"https://{NAME}/"))
    assert reply == WebhookReply(error=DeliveryError.TIMEOUT)
