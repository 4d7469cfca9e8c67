"""Which addresses of webhooks may be called."""

import ssl
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagegen.adapters.webhooks.addresses import Address, is_public
from imagegen.domain.errors import InvalidRequest

TRUST = ssl.create_default_context()
TRANSLATED = IPv6Network("64:ff9b::/96")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", (True, "example.com", 443, "/", "example.com")),
        ("https://example.com/", (True, "example.com", 443, "/", "example.com")),
        ("HTTPS://Example.COM/A/b", (True, "example.com", 443, "/A/b", "example.com")),
        ("https://example.com:443/a?b=c&d=%2F", (True, "example.com", 443, "/a?b=c&d=%2F", "example.com")),
        ("https://example.com?b=c", (True, "example.com", 443, "/?b=c", "example.com")),
        ("https://example.com:8443/", (True, "example.com", 8443, "/", "example.com:8443")),
        ("http://example.com/", (False, "example.com", 80, "/", "example.com")),
        ("http://example.com:443/", (False, "example.com", 443, "/", "example.com:443")),
        ("http://my_service:8000/x", (False, "my_service", 8000, "/x", "my_service:8000")),
        ("https://xn--ksespezialitt-ifb.example/", (True, "xn--ksespezialitt-ifb.example", 443, "/", None)),
        ("https://93.184.215.14/", (True, "93.184.215.14", 443, "/", "93.184.215.14")),
        ("https://[2606:2800:21F::]/", (True, "2606:2800:21f::", 443, "/", "[2606:2800:21f::]")),
        ("https://[::1]:8443/", (True, "::1", 8443, "/", "[::1]:8443")),
        ("https://example.com/@user:x/;p=1,2/~a/*'()!$", (True, "example.com", 443, "/@user:x/;p=1,2/~a/*'()!$", None)),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: tuple[bool, str, int, str, str | None]) -> None:
    """Scheme, host, port and the rest, each as it is used."""
    secure, host, port, target, authority = expected
    found = Address.read(url)
    assert (found.secure, found.host, found.port, found.target) == (secure, host, port, target)
    assert found.authority == (authority or host)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "https:example.com/",
        "https:/example.com/",
        "https:///example.com/",
        "https://",
        "https://:443/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://127.0.0.1\\@example.com/",
        "https://127.0.0.1#@example.com/",
        "https://example.com/#fragment",
        "https://example.com/ x",
        " https://example.com/",
        "https://example.com/\n",
        "https://example.com/\r\nX: y",
        "https://exa\tmple.com/",
        "https://example.com\x00.evil.example/",
        "https://example..com/",
        "https://.example.com/",
        "https://example.com./",
        "https://-example.com/",
        "https://exam%70le.com/",
        "https://käse.example/",
        "https://\uff45xample.com/",
        "https://example\u3002com/",
        "https://\u212aey.example/",
        "http\u017f://example.com/",
        "https://example.com/käse",
        "https://example.com:0/",
        "https://example.com:0443/",
        "https://example.com:65536/",
        "https://example.com:99999/",
        "https://example.com:+443/",
        "https://example.com:٤٤٣/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[:::]/",
        "https://[1.2.3.4]/",
        "https://[fe80::1%25eth0]/",
        "https://[]/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 126}example/",
        f"https://example.com/{'a' * 2048}",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    """There is one spelling of a host, and nothing but host, port, path and query."""
    with pytest.raises(InvalidRequest) as refusal:
        Address.read(url)
    assert [fault.pointer for fault in refusal.value.faults] == ["/url"]


@given(
    st.text(st.sampled_from("htps:/.-_[]@?#%a0Z9:\\ é\r\n\x00"))
    | st.from_regex(r"https?://[ -~]{1,80}", fullmatch=True)
)
@example("https://a_-.b/")
@example("https://xn--a/")
@example("https://xn--/")
@example("https://1.2.3/")
def test_what_is_read_can_be_asked_for(url: str) -> None:
    """Whatever is let in is a host that a handshake can name and a request that can be written."""
    try:
        address = Address.read(url)
    except InvalidRequest:
        return
    buffers = ssl.MemoryBIO(), ssl.MemoryBIO()
    TRUST.wrap_bio(*buffers, server_hostname=address.host)
    h11.Request(method="POST", target=address.target, headers=[("host", address.authority)])
    assert address.host.isascii()


@pytest.mark.parametrize(
    "number",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:200::1",
        "2a00:1450:4001:80b::200e",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ],
)
def test_the_public_world_may_be_called(number: str) -> None:
    """Addresses that are given out, also where IPv6 only carries them."""
    assert is_public(ip_address(number))


@pytest.mark.parametrize(
    "number",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:101:101::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_nothing_near_may_be_called(number: str) -> None:
    """This machine, its network, its cloud, what is reserved, and any of them in the clothes of another."""
    assert not is_public(ip_address(number))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_python_calls_private_is_not_public(address: IPv4Address | IPv6Address) -> None:
    """Ours is the stricter list, whatever release of Python it is compared with."""
    carried = getattr(address, "ipv4_mapped", None) or address
    if is_public(address):
        assert carried.is_global
        assert not carried.is_multicast
        assert not carried.is_reserved or carried in TRANSLATED
