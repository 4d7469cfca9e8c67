"""The spool: what a store does not take is found all the same, moves on once, and is removed for good."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import new_id
from imagegen.adapters.storage.local import LocalStore
from imagegen.adapters.storage.spool import SpoolingStore
from imagegen.adapters.storage.spool.moving import AT_ONCE
from imagegen.domain.blob_keys import check_key, picture_key, receipt_key
from imagegen.domain.errors import StorageUnavailable
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import ImageFormat
from imagegen.domain.ports import Blob, BlobStore, StoredBlob

PNG = "image/png"


class Distant(LocalStore):
    """A store that is away while there is `trouble`, refuses or breaks at some keys, and has a gate for other puts."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, durable=False)
        self.trouble: Exception | None = None
        self.refused: set[str] = set()
        self.breaking: set[str] = set()
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store them once the gate is open, unless there is trouble."""
        self.asked += [blob.key for blob in blobs]
        if self.refused & {blob.key for blob in blobs}:
            raise StorageUnavailable("Not this one.")
        if self.breaking & {blob.key for blob in blobs}:
            raise ValueError
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return await super().put_all(blobs)

    async def get(self, location: str) -> bytes:
        """The bytes, unless there is trouble."""
        if self.trouble is not None:
            raise self.trouble
        return await super().get(location)

    async def delete(self, *locations: str) -> None:
        """Remove them, unless there is trouble."""
        if self.trouble is not None:
            raise self.trouble
        await super().delete(*locations)

    def link(self, location: str) -> str:
        """An address of its own."""
        return f"https://distant.example/{location}"


class Scene:
    """A distant store, a spool, and a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.distant = Distant(folder / "distant")
        self.spool = LocalStore(folder / "spool", durable=False)
        self.store = self.process()
        self.others: list[SpoolingStore] = []

    def process(self) -> SpoolingStore:
        """The store as one process has it; all share the folder."""
        return SpoolingStore(self.distant, self.spool, rest=20, patience=0.05, clock=lambda: self.now)

    def go_away(self, trouble: Exception | None = None) -> None:
        """Take nothing and give nothing from now on."""
        self.distant.trouble = trouble or StorageUnavailable("Away.")

    def come_back(self) -> None:
        """Be well again."""
        self.distant.trouble = None

    async def spooled(self, *names: str) -> None:
        """Put something under each name while the store is away, and have it come back."""
        self.go_away()
        for name in names:
            await self.store.put(name, name.encode(), PNG)
        self.come_back()
        self.distant.asked.clear()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A store that is well, and a spool with nothing in it."""
    scene = Scene(tmp_path)
    yield scene
    scene.distant.gate.set()
    await scene.store.close()


async def keys(store: BlobStore) -> list[str]:
    """The keys of all that a store holds, as it lists them."""
    return sorted([blob.key async for blob in store.blobs()])


async def settle() -> None:
    """Let everybody else go as far as they get by themselves."""
    for _ in range(20):
        await asyncio.sleep(0.005)


async def test_a_picture_is_the_same_wherever_it_is(scene: Scene) -> None:
    """Location, bytes and listing are those of the store, while it is away and when the picture has moved on."""
    scene.go_away()
    location = await scene.store.put("ab/x.png", b"picture", PNG)
    assert location == scene.distant.location("ab/x.png") == scene.store.location("ab/x.png")
    assert await scene.store.get(location) == b"picture"
    assert await keys(scene.store) == ["ab/x.png"]
    scene.come_back()
    assert await scene.store.move_on() == 1
    assert await scene.store.get(location) == await scene.distant.get(location) == b"picture"
    assert await keys(scene.store) == ["ab/x.png"]
    assert await keys(scene.spool) == []
    assert await scene.store.move_on() == 0


async def test_a_link_leads_to_where_the_picture_is(scene: Scene) -> None:
    """The store's own address is given only when the store has the picture; meanwhile ours serves it."""
    await scene.spooled("ab/x.png")
    assert scene.store.link("ab/x.png") is None
    await scene.store.move_on()
    assert scene.store.link("ab/x.png") == "https://distant.example/ab/x.png"


async def test_what_is_in_both_places_is_listed_once(scene: Scene) -> None:
    """A move that was cut off between its two steps shows to nobody, and is made again."""
    await scene.spooled("ab/x.png", "cd/y.png")
    await scene.distant.put("ab/x.png", b"ab/x.png", PNG)
    assert await keys(scene.store) == ["ab/x.png", "cd/y.png"]
    assert await scene.store.move_on() == 2
    assert await keys(scene.distant) == ["ab/x.png", "cd/y.png"]


async def test_the_oldest_goes_first(scene: Scene) -> None:
    """Though a few are under way at the same time, none overtakes more than those."""
    names = [f"{n % 3:02x}/{n}.png" for n in range(24)]
    await scene.spooled(*names)
    for n, name in enumerate(names):
        os.utime(scene.folder / "spool" / name, (n, n))
    assert await scene.process().move_on() == 24
    assert all(names.index(name) < place + AT_ONCE for place, name in enumerate(scene.distant.asked))


async def test_a_receipt_follows_the_pictures_of_its_call(scene: Scene) -> None:
    """Who sees only the store and finds a receipt finds the pictures there, whoever brings them and however slowly."""
    attempt = AttemptId(new_id())
    pictures = [picture_key(attempt, index, ImageFormat.PNG) for index in range(3)]
    await scene.spooled(receipt_key(attempt), *reversed(pictures))
    async with moving(scene):
        assert await scene.process().move_on() == 0
        (asked,) = scene.distant.asked
        assert asked in pictures  # whichever: the clock of the file system may not tell them apart
    assert {*scene.distant.asked[:-1]} == {*pictures}
    assert scene.distant.asked[-1] == receipt_key(attempt)


async def test_a_receipt_does_not_go_ahead_of_a_picture_that_is_refused(scene: Scene) -> None:
    """It stays with what it speaks of; what other calls brought goes on."""
    one, other = AttemptId(new_id()), AttemptId(new_id())
    keys_of = {attempt: (picture_key(attempt, 0, ImageFormat.PNG), receipt_key(attempt)) for attempt in (one, other)}
    await scene.spooled(*keys_of[one], *keys_of[other])
    scene.distant.refused = {keys_of[one][0]}
    assert await scene.store.move_on() == 2
    assert await keys(scene.spool) == sorted(keys_of[one])


async def test_a_store_that_is_away_is_left_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Only the first put waits for it, and only one more after each rest; the log says once that it is away."""
    scene.go_away()
    for n in range(5):
        await scene.store.put(f"ab/{n}.png", b"", PNG)
    assert scene.distant.asked == ["ab/0.png"]
    scene.now += 20
    for n in range(5, 9):
        await scene.store.put(f"ab/{n}.png", b"", PNG)
    assert scene.distant.asked == ["ab/0.png", "ab/5.png"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    scene.come_back()
    scene.now += 20
    for n in range(9, 12):
        await scene.store.put(f"ab/{n}.png", b"", PNG)
    assert await keys(scene.distant) == ["ab/10.png", "ab/11.png", "ab/9.png"]


@pytest.mark.parametrize("defect", [RuntimeError, ValueError, KeyError, OSError])
async def test_what_nobody_foresaw_loses_no_picture(
    scene: Scene, caplog: pytest.LogCaptureFixture, defect: type[Exception]
) -> None:
    """Whatever the store's client raises, the picture is spooled; the log says what and where, but no words of it."""
    scene.go_away(defect("quotes a secret"))
    location = await scene.store.put("ab/x.png", b"picture", PNG)
    assert await scene.store.get(location) == b"picture"
    assert f"the store raised {defect.__name__}" in caplog.text
    assert "in put_all" in caplog.text
    assert "secret" not in caplog.text
    scene.come_back()
    assert await scene.store.move_on() == 1
    assert await scene.distant.get(location) == b"picture"


async def test_a_blob_that_breaks_the_client_keeps_no_other_back(scene: Scene) -> None:
    """It stays in the spool like one that is refused, and the rest moves on."""
    names = [f"ab/{n}.png" for n in range(2 * AT_ONCE)]
    await scene.spooled(*names)
    scene.distant.breaking = {*names[:AT_ONCE]}
    assert await scene.store.move_on() == AT_ONCE
    assert await keys(scene.spool) == names[:AT_ONCE]


async def test_nobody_else_probes_while_one_does(scene: Scene) -> None:
    """A store that does not even refuse keeps one caller waiting, not all."""
    await scene.spooled("ab/0.png")
    scene.now += 20
    scene.distant.gate.clear()
    probing = asyncio.create_task(scene.store.put("ab/1.png", b"", PNG))
    await settle()
    await scene.store.put("ab/2.png", b"", PNG)
    assert scene.distant.asked == ["ab/1.png"]
    scene.distant.gate.set()
    await probing
    assert await keys(scene.spool) == ["ab/0.png", "ab/2.png"]


async def test_those_who_wait_give_up_together(scene: Scene) -> None:
    """When a store falls silent, the first who is told so tells all who wait for it."""
    scene.distant.gate.clear()
    waiting = [asyncio.create_task(scene.store.put(f"ab/{n}.png", b"", PNG)) for n in range(5)]
    await settle()
    scene.distant.refused = {"ab/5.png"}
    await scene.store.put("ab/5.png", b"", PNG)
    await asyncio.gather(*waiting)
    assert await keys(scene.spool) == [f"ab/{n}.png" for n in range(6)]


async def test_moving_on_ends_the_rest(scene: Scene) -> None:
    """Once a blob has arrived nobody spools any more."""
    await scene.spooled("ab/x.png")
    await scene.store.move_on()
    await scene.store.put("ab/y.png", b"", PNG)
    assert await keys(scene.distant) == ["ab/x.png", "ab/y.png"]


async def test_moving_on_to_a_store_that_is_away_moves_nothing(scene: Scene) -> None:
    """It says so, and everything is where it was."""
    await scene.spooled("ab/x.png", "ab/y.png")
    scene.go_away()
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match=r"Away\."):
            await scene.store.move_on()
    assert await scene.store.get("ab/y.png") == b"ab/y.png"
    assert len(scene.distant.asked) < 4, "it is asked how it is, and not about every blob"


async def test_a_blob_that_is_refused_keeps_no_other_back(scene: Scene) -> None:
    """What the store does not take for a reason of its own stays in the spool, and the rest moves on."""
    names = [f"ab/{n}.png" for n in range(9)]
    await scene.spooled(*names)
    scene.distant.refused = {names[0]}
    assert await scene.store.move_on() == 8
    assert await keys(scene.spool) == [names[0]]
    assert await keys(scene.store) == names


async def test_what_only_checks_does_not_move_on(scene: Scene) -> None:
    """Another process that is just finding out whether the spool works leaves nothing in the store."""
    await scene.spool.put(check_key(), b"imagegen", "text/plain")
    assert await scene.store.move_on() == 0


async def test_what_was_deleted_from_the_spool_never_arrives(scene: Scene) -> None:
    """Though whoever deletes while the store is away is told that it may have the picture, too."""
    await scene.spooled("ab/x.png", "ab/y.png")
    await scene.store.delete("ab/x.png")
    scene.go_away()
    with pytest.raises(StorageUnavailable):
        await scene.store.delete("ab/y.png")
    scene.come_back()
    assert await scene.store.move_on() == 0
    assert await keys(scene.store) == []


@pytest.mark.parametrize("answers", [(False,), (True, False)])
async def test_what_nobody_wants_is_not_in_the_store_afterwards(scene: Scene, answers: tuple[bool, ...]) -> None:
    """It goes from the spool, and from the store as well if it was forgotten only while it was on its way."""
    await scene.spooled("ab/x.png")
    told = iter(answers)

    async def wanted(blob: StoredBlob) -> bool:
        assert blob.key == "ab/x.png"
        return next(told)

    assert await scene.store.move_on(wanted) == 0
    assert await keys(scene.store) == []
    assert list(told) == []


async def test_what_nobody_wants_is_taken_back_when_the_store_lets_it_go(scene: Scene) -> None:
    """It stays in the spool until it is in neither, though the store went away just when it had arrived."""
    await scene.spooled("ab/x.png")
    told = iter((True, False))

    async def wanted(_: StoredBlob) -> bool:
        if not (answer := next(told)):
            scene.go_away()
        return answer

    with pytest.raises(StorageUnavailable):
        await scene.store.move_on(wanted)
    scene.come_back()
    assert await keys(scene.distant) == await keys(scene.spool) == ["ab/x.png"]
    assert await scene.store.move_on(nobody) == 0
    assert await keys(scene.store) == []


async def nobody(_: StoredBlob) -> bool:
    """Want nothing."""
    return False


async def test_what_is_not_in_the_spool_cannot_be_deleted_while_the_store_is_away(scene: Scene) -> None:
    """Whoever deletes is told, so that a sweep can make up for it."""
    await scene.store.put("ab/x.png", b"", PNG)
    await scene.spooled("ab/y.png")
    scene.go_away()
    with pytest.raises(StorageUnavailable):
        await scene.store.delete("ab/x.png")


async def test_a_cut_off_move_leaves_nothing_that_cannot_be_deleted(scene: Scene) -> None:
    """What is in both places is deleted from both."""
    await scene.spooled("ab/x.png")
    await scene.distant.put("ab/x.png", b"ab/x.png", PNG)
    scene.now += 20
    await scene.store.delete("ab/x.png")
    assert await keys(scene.store) == []


@asynccontextmanager
async def moving(scene: Scene) -> AsyncIterator[asyncio.Task[int]]:
    """While another process is in the middle of bringing a blob to the store, which it does in the end."""
    scene.distant.gate.clear()
    scene.others.append(scene.process())
    task = asyncio.create_task(scene.others[-1].move_on())
    await settle()
    assert scene.distant.asked
    yield task
    scene.distant.gate.set()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_deleted_while_it_moves_does_not_reappear(scene: Scene) -> None:
    """The deletion waits for the move and then removes what has arrived."""
    await scene.spooled("ab/x.png")
    async with moving(scene):
        deleting = asyncio.create_task(scene.store.delete("ab/x.png"))
        await settle()
        assert not deleting.done()
    await deleting
    assert await keys(scene.store) == []


async def test_giving_up_a_move_does_not_let_go_of_it(scene: Scene) -> None:
    """A blob stays claimed until the call that brings it has ended, though nobody waits for that any more."""
    await scene.spooled("ab/x.png")
    async with moving(scene) as task:
        task.cancel()
        deleting = asyncio.create_task(scene.store.delete("ab/x.png"))
        await settle()
        assert not deleting.done()
    await deleting
    assert await keys(scene.store) == []


async def test_what_is_stored_anew_while_it_moves_is_what_stays(scene: Scene) -> None:
    """The second bytes follow the first, wherever these are."""
    await scene.spooled("ab/x.png")
    async with moving(scene):
        storing = asyncio.create_task(scene.store.put("ab/x.png", b"second", PNG))
        await settle()
    await storing
    await scene.store.move_on()
    assert await keys(scene.spool) == []
    assert await scene.store.get("ab/x.png") == await scene.distant.get("ab/x.png") == b"second"


async def test_closing_waits_for_the_moves(scene: Scene) -> None:
    """What was begun is finished before the store is let go of, even if nobody waits for it any more."""
    await scene.spooled("ab/x.png")
    async with moving(scene) as task:
        task.cancel()
        closing = asyncio.create_task(scene.others[0].close())
        await settle()
        assert not closing.done()
    await closing
    assert (scene.folder / "distant/ab/x.png").read_bytes() == b"ab/x.png"


async def test_newer_bytes_wait_behind_older_ones(scene: Scene) -> None:
    """What is put while older bytes are spooled does not reach the store ahead of them, to be overwritten there."""
    await scene.spooled("ab/x.png")
    await scene.process().put("ab/x.png", b"second", PNG)
    assert await scene.store.get("ab/x.png") == b"second"
    await scene.store.move_on()
    assert await scene.store.get("ab/x.png") == b"second"


async def test_what_one_moves_another_leaves_alone(scene: Scene) -> None:
    """No blob is brought twice at the same time."""
    await scene.spooled("ab/x.png")
    async with moving(scene) as task:
        assert await scene.process().move_on() == 0
    assert await task == 1
    assert scene.distant.asked == ["ab/x.png"]


async def test_a_spool_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """When neither takes a picture, putting says so and so does the health; with a store that is well nobody cares."""
    scene = Scene(tmp_path)
    (tmp_path / "spool").touch()
    assert await scene.store.check() is None
    await scene.store.put("ab/x.png", b"picture", PNG)
    scene.go_away()
    with pytest.raises(StorageUnavailable):
        await scene.store.put("ab/y.png", b"picture", PNG)
    with pytest.raises(StorageUnavailable):
        await scene.store.check()
    await scene.store.close()


async def test_health_tells_that_pictures_wait(scene: Scene) -> None:
    """A store that is away or silent is told, but while the spool takes pictures the service works."""
    assert await scene.store.check() is None
    scene.go_away()
    assert await scene.store.check() == "Away. Pictures wait on local disk."
    scene.come_back()
    scene.distant.gate.clear()
    assert await scene.store.check() == "The store did not answer in time. Pictures wait on local disk."
    assert await keys(scene.store) == []


class Silent(Distant):
    """A store that gives nothing and does not say so."""

    async def get(self, location: str) -> bytes:
        """Never."""
        await asyncio.Event().wait()
        return await super().get(location)


async def test_nobody_waits_long_for_what_a_store_that_is_away_has(tmp_path: Path) -> None:
    """Once it is known to be away, a read says so soon; what is spooled is read at once."""
    scene = Scene(tmp_path)
    scene.distant = Silent(tmp_path / "distant")
    scene.store = scene.process()
    await scene.spooled("ab/x.png")
    assert await scene.store.get("ab/x.png") == b"ab/x.png"
    with pytest.raises(StorageUnavailable, match="in time"):
        await scene.store.get("ab/y.png")
    await scene.store.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "move", "away", "back", "later"]),
        st.integers(0, 1),
        st.sampled_from(["ab/x.png", "ab/y.png", "cd/z.png"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_two_processes_behave_like_one_store(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str]]
) -> None:
    """Whatever two that share a spool do in turn, each finds what was put last and nothing that was deleted."""
    scene = Scene(tmp_path_factory.mktemp("scene"))
    processes = [scene.store, scene.process()]
    expected: dict[str, bytes] = {}
    doubtful: set[str] = set()
    for n, (step, who, key) in enumerate(steps):
        match step:
            case "put":
                await processes[who].put(key, b"%d" % n, PNG)
                expected[key] = b"%d" % n
                doubtful.discard(key)
            case "delete":
                expected.pop(key, None)
                doubtful.add(key)
                with suppress(StorageUnavailable):
                    await processes[who].delete(key)
                    doubtful.discard(key)
            case "move":
                with suppress(StorageUnavailable):
                    await processes[who].move_on()
            case "away":
                scene.go_away()
            case "back":
                scene.come_back()
            case _:
                scene.now += 20
    scene.come_back()
    for store in processes:
        assert {*await keys(store)} - doubtful == {*expected}
        assert {key: await store.get(key) for key in expected} == expected
        await store.move_on()
    assert await keys(scene.spool) == []
    assert {*await keys(scene.distant)} - doubtful == {*expected}
    await scene.store.close()
