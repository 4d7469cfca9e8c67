"""The gallery and the bytes over HTTP."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from builders import new_id
from generating import pictures
from house import PICTURE, House
from visitors import Visitor, assert_problem, generate, register

SIZE = len(PICTURE)


@pytest.fixture
async def image(client: httpx.AsyncClient, visitor: Visitor) -> dict[str, Any]:
    """A picture of the visitor's."""
    generation = await generate(client, visitor)
    return dict(generation["images"][0])


async def test_the_gallery_shows_and_rates(client: httpx.AsyncClient, visitor: Visitor, image: dict[str, Any]) -> None:
    """A picture is listed and read; `PATCH` sets rating and tags, `null` takes the rating back."""
    listed = (await client.get("/v1/images", headers=visitor.token)).json()
    assert [(each["id"], each["sha256"]) for each in listed["data"]] == [(image["id"], image["sha256"])]
    path = f"/v1/images/{image['id']}"
    rated = (await client.patch(path, json={"rating": 5}, headers=visitor.key)).json()
    tagged = (await client.patch(path, json={"tags": ["red"]}, headers=visitor.key)).json()
    assert (rated["rating"], tagged["rating"], tagged["tags"]) == (5, 5, ["red"])
    assert (await client.get(path, headers=visitor.key)).json()["tags"] == ["red"]
    assert (await client.patch(path, json={"rating": None}, headers=visitor.key)).json()["rating"] is None
    for body, pointer in (({"rating": 6}, "/rating"), ({"rating": "5"}, "/rating"), ({"url": "x"}, "/url")):
        answer = await client.patch(path, json=body, headers=visitor.key)
        assert assert_problem(answer, 422, "invalid_request")["errors"][0]["pointer"] == pointer


async def test_a_link_needs_no_credential_and_is_private_to_caches(
    client: httpx.AsyncClient, image: dict[str, Any]
) -> None:
    """Whoever has the link gets the bytes with a strong ETag, kept by a browser and by nobody in between."""
    answer = await client.get(image["url"])
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{image["sha256"]}"'
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == f'inline; filename="{image["id"]}.png"'
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_a_link_is_minted_at_each_look_and_expires(
    client: httpx.AsyncClient, house: House, visitor: Visitor, image: dict[str, Any]
) -> None:
    """A link is good for a day; reading the picture again gives one that is good for a day from then."""
    house.clock.advance(minutes=30)
    again = (await client.get(f"/v1/images/{image['id']}", headers=visitor.key)).json()
    assert again["url"] != image["url"]
    house.clock.advance(hours=23, minutes=30)
    refused = await client.get(image["url"])
    assert_problem(refused, 401, "invalid_link")
    assert refused.headers["cache-control"] == "no-store"
    assert (await client.get(again["url"])).status_code == 200


async def test_a_link_cannot_be_bent(client: httpx.AsyncClient, visitor: Visitor, image: dict[str, Any]) -> None:
    """Another picture, a later end, another signature, none, or two of them are 401; no query needs a credential."""
    address = urlsplit(image["url"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    other = (await generate(client, visitor))["images"][0]["id"]
    for path, changed in (
        (f"/v1/images/{other}/content", query),
        (address.path, query | {"expires": str(int(query["expires"]) + 1)}),
        (address.path, query | {"signature": query["signature"][::-1]}),
        (address.path, query | {"signature": ""}),
        (address.path, {"signature": query["signature"]}),
    ):
        assert_problem(await client.get(path, params=changed), 401, "invalid_link")
        # A link that is there is what counts, whoever brings it.
        assert_problem(await client.get(path, params=changed, headers=visitor.key), 401, "invalid_link")
    for nothing in ({}, {"expires": query["expires"]}):
        assert_problem(await client.get(address.path, params=nothing), 401, "credentials_missing")
    for wrong in ({"expires": "soon"}, {"expires": "0"}, {"expires": str(2**60)}, {"signature": "x" * 101}):
        assert_problem(await client.get(address.path, params=query | wrong), 422, "invalid_request")


async def test_the_owner_needs_no_link(client: httpx.AsyncClient, visitor: Visitor, image: dict[str, Any]) -> None:
    """With a credential the bytes are read by the image's id; a stranger's credential finds nothing there."""
    path = f"/v1/images/{image['id']}/content"
    for credential in (visitor.key, visitor.token):
        assert (await client.get(path, headers=credential)).content == PICTURE
    stranger = await register(client)
    assert_problem(await client.get(path, headers=stranger.key), 404, "not_found")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=5-5", 5, 5),
        ("bytes=10-", 10, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        (f"bytes=-{SIZE + 5}", 0, SIZE - 1),
        (f"bytes=0-{SIZE + 5}", 0, SIZE - 1),
        (" bytes=0-0 ", 0, 0),
    ],
)
async def test_a_part_can_be_read(
    client: httpx.AsyncClient, image: dict[str, Any], asked: str, first: int, last: int
) -> None:
    """206 with exactly the bytes asked for, from the front, in the middle or from the end."""
    answer = await client.get(image["url"], headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, PICTURE[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert int(answer.headers["content-length"]) == last - first + 1


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE + 1}-{SIZE + 2}", "bytes=-0"])
async def test_a_part_beyond_the_end_is_416(client: httpx.AsyncClient, image: dict[str, Any], asked: str) -> None:
    """A range that has no byte in it says how many there are."""
    answer = await client.get(image["url"], headers={"Range": asked})
    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=9-0", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=0", "", "bytes=٣-"]
)
async def test_a_range_that_makes_no_sense_is_ignored(
    client: httpx.AsyncClient, image: dict[str, Any], asked: str
) -> None:
    """What cannot be read as one range is answered with the whole, as HTTP allows."""
    answer = await client.get(image["url"], headers={b"Range": asked.encode()})
    assert (answer.status_code, answer.content) == (200, PICTURE)


async def test_what_the_caller_has_is_not_sent_again(client: httpx.AsyncClient, image: dict[str, Any]) -> None:
    """304 without a body for a matching ETag, alone, weak, in a list or as `*`; 200 for another one."""
    etag = f'"{image["sha256"]}"'
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await client.get(image["url"], headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert "content-length" not in answer.headers
    assert (await client.get(image["url"], headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_part_is_only_of_the_picture_that_the_caller_knows(
    client: httpx.AsyncClient, image: dict[str, Any]
) -> None:
    """`If-Range` with the strong ETag gives the part; with any other, weak or a date, the whole."""
    etag = f'"{image["sha256"]}"'
    for known, status in ((etag, 206), (f"W/{etag}", 200), ('"other"', 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200)):
        answer = await client.get(image["url"], headers={"Range": "bytes=0-0", "If-Range": known})
        assert answer.status_code == status


async def test_a_deleted_picture_is_gone(
    client: httpx.AsyncClient, house: House, visitor: Visitor, image: dict[str, Any]
) -> None:
    """204; then picture, bytes and link are 404, and its generation stays without it."""
    path = f"/v1/images/{image['id']}"
    answer = await client.delete(path, headers=visitor.key)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(await client.get(path, headers=visitor.key), 404, "not_found")
    assert_problem(await client.get(image["url"]), 404, "not_found")
    assert_problem(await client.delete(path, headers=visitor.key), 404, "not_found")
    assert await pictures(house) == set()
    generation = (await client.get(f"/v1/generations/{image['generation_id']}", headers=visitor.key)).json()
    assert (generation["status"], generation["images"], generation["url"]) == ("succeeded", [], None)


async def test_somebody_elses_picture_answers_as_a_missing_one(
    client: httpx.AsyncClient, visitor: Visitor, image: dict[str, Any]
) -> None:
    """Reading, rating and deleting it are 404 with the same body as for an id that nobody has."""
    stranger = await register(client)
    answers = []
    for name in (image["id"], f"img_{new_id()}", "img_1", image["id"].replace("img_", "gen_")):
        path = f"/v1/images/{name}"
        for method, suffix, body in (
            ("GET", "", None), ("GET", "/content", None), ("PATCH", "", {"rating": 0}), ("DELETE", "", None)
        ):  # fmt: skip
            answer = await client.request(method, path + suffix, json=body, headers=stranger.key)
            problem = assert_problem(answer, 404, "not_found")
            answers.append({key: problem[key] for key in problem.keys() - {"request_id", "instance"}})
    assert all(answer == answers[0] for answer in answers)
    assert (await client.get(f"/v1/images/{image['id']}", headers=visitor.key)).json()["rating"] is None
