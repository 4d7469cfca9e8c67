"""Which addresses may be called: the form of a url, and whether a machine's number is a public one.

There is one parser. What it takes apart is what is resolved, connected to, named in the handshake and in the request,
so that no two readers of a url can mean different machines.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Self

from imagegen.domain.errors import Fault, InvalidRequest

LONGEST_URL: Final = 2048
LAST_PORT: Final = 65535

IPAddress = IPv4Address | IPv6Address

_LONGEST_HOST: Final = 253
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FORM: Final = re.compile(
    r"""(?P<scheme>https?)://
        (?: \[ (?P<number> [0-9a-f:.]+ ) \] | (?P<name> {label} (?: \. {label} )* ) )
        (?: : (?P<port> [1-9][0-9]{{0,4}} ) )?
        (?P<path> / [{path}]* )?
        (?P<query> \? [{path}?]* )?""".format(
        label="[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?",
        path="a-z0-9._~%!$&'()*+,;=:@/-",
    ),
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A url taken apart. `host` is a name in lower case, or the number of a machine without brackets."""

    secure: bool
    host: str
    port: int
    target: str
    authority: str
    """What a request names as its host."""

    @classmethod
    def read(cls, url: str) -> Self:
        """Take a url apart.

        Raises:
            InvalidRequest: it is not one that could be called, or says more than where to send something.
        """
        form = _FORM.fullmatch(url) if len(url) <= LONGEST_URL else None
        if form is None:
            raise refusal("An address is like https://example.com/path: in ASCII, without user, password or fragment.")
        scheme, number, name, port, path, query = form.groups()
        standard = _DEFAULT_PORTS[scheme.lower()]
        chosen = int(port or standard)
        host = _number(number) if number else name.lower()
        if len(host) > _LONGEST_HOST or chosen > LAST_PORT:
            raise refusal("The host or the port of this address cannot be.")
        shown = f"[{host}]" if number else host
        return cls(
            secure=scheme.lower() == "https",
            host=host,
            port=chosen,
            target=(path or "/") + (query or ""),
            authority=shown if chosen == standard else f"{shown}:{chosen}",
        )


def refusal(message: str) -> InvalidRequest:
    """The error that says what is wrong with an address."""
    return InvalidRequest(faults=(Fault("/url", message),))


def is_public(address: IPAddress) -> bool:
    """Whether a machine with that number can be anywhere, and not just in this one or near it."""
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried is None:
            return address in _GLOBAL_UNICAST and not any(address in network for network in _SPECIAL_6)
        address = carried
    return not any(address in network for network in _SPECIAL_4)


def _number(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except AddressValueError:
        raise refusal("What stands in brackets is no IPv6 address.") from None


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address behind a mapped one, or behind one of the well-known translation prefix."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


# From the registries of special-purpose addresses, https://www.iana.org/assignments/iana-ipv4-special-registry and
# …/iana-ipv6-special-registry. Spelled out, since `is_global` changes its mind from one release of Python to the next.

_SPECIAL_4: Final = [
    IPv4Network("0.0.0.0/8"),  # this host
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # behind a provider's translation
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("168.63.129.16/32"),  # public by its number; in one large cloud it is the host below every machine
    IPv4Network("169.254.0.0/16"),  # link-local: metadata of clouds
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # relays from IPv6, given up
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/3"),  # multicast, reserved, broadcast
]
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that is given out: loopback, private, link-local and multicast addresses lie elsewhere."""
_SPECIAL_6: Final = [
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4, given up: it carries any IPv4 address
    IPv6Network("3fff::/20"),  # documentation
]
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
