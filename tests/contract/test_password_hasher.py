"""What every `PasswordHasher` promises, and how Argon2id keeps it under load."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from typing import Literal

import argon2
import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from imagegen.adapters.memory import MemoryPasswordHasher
from imagegen.adapters.passwords import OWASP, Argon2Hasher
from imagegen.domain.errors import Overloaded
from imagegen.domain.ports import PasswordHasher

PASSWORD = "securepassword123"
BY_RANK = [password for password in FREQUENCY_LISTS["passwords"] if 8 <= len(password) <= 128]


class HeldHasher(argon2.PasswordHasher):
    """Argon2id that waits for a gate, and remembers which hashes it was asked to check."""

    def __init__(self) -> None:
        super().__init__(memory_cost=OWASP.memory_cost, time_cost=OWASP.time_cost, parallelism=OWASP.parallelism)
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.checked: list[str] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Hash, once the gate is open."""
        self.begun.set()
        assert self.gate.wait(30)
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        """Check, and remember it."""
        self.checked.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture(params=["memory", "argon2"])
async def hasher(request: pytest.FixtureRequest) -> AsyncIterator[PasswordHasher]:
    """Each adapter."""
    if request.param == "memory":
        yield MemoryPasswordHasher(frozenset(BY_RANK[:3_000]))
        return
    hasher = Argon2Hasher()
    yield hasher
    await hasher.close()


@pytest.fixture
async def held() -> AsyncIterator[HeldHasher]:
    """An Argon2id behind a gate, which is opened at the latest when the test ends."""
    held = HeldHasher()
    yield held
    held.gate.set()


async def test_a_password_belongs_to_its_hash(hasher: PasswordHasher) -> None:
    """The right password is recognized, and no other."""
    encoded = await hasher.hash(PASSWORD)
    assert await hasher.verify(PASSWORD, encoded)
    assert not await hasher.verify(PASSWORD.upper(), encoded)
    assert not await hasher.verify("", encoded)


async def test_every_hash_has_its_own_salt(hasher: PasswordHasher) -> None:
    """Two people with one password have two hashes, and neither shows the password."""
    one, other = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)
    assert one != other
    assert PASSWORD not in one + other


async def test_no_hash_is_never_right(hasher: PasswordHasher) -> None:
    """Where there is no account, no password is right."""
    assert not await hasher.verify(PASSWORD, None)


@pytest.mark.parametrize("password", ["p" * 128, "nul\0inside", "пароль🍌", "half a pair \ud83c"])
async def test_any_text_has_a_hash(hasher: PasswordHasher, password: str) -> None:
    """Text of any kind is told apart to its last character."""
    encoded = await hasher.hash(password)
    assert await hasher.verify(password, encoded)
    assert not await hasher.verify(password[:-1], encoded)


async def test_its_own_hashes_are_up_to_date(hasher: PasswordHasher) -> None:
    """A hash made now is not made again at the next login."""
    assert not hasher.outdated(await hasher.hash(PASSWORD))


async def test_common_passwords_are_known(hasher: PasswordHasher) -> None:
    """The three thousand commonest that are long enough are known, and the next one is not among them."""
    assert await hasher.common(BY_RANK[0])
    assert await hasher.common(BY_RANK[2_999])
    assert not await hasher.common(BY_RANK[3_000])


@pytest.mark.parametrize("password", ["password123", "Password123", "QWERTYUIOP"])
async def test_capitals_do_not_make_it_rare(hasher: PasswordHasher, password: str) -> None:
    """A common password is common however it is capitalized."""
    assert await hasher.common(password)


async def test_an_uncommon_password_is_not_refused(hasher: PasswordHasher) -> None:
    """A longer password is not common because a common one is part of it."""
    assert not await hasher.common(PASSWORD)


async def test_the_parameters_are_those_of_owasp() -> None:
    """A hash takes 19 MiB, two passes and one lane of Argon2id."""
    hasher = Argon2Hasher()
    assert (await hasher.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await hasher.close()


async def test_no_hash_costs_as_much_as_one(held: HeldHasher) -> None:
    """Where there is no account, a hash of the very same cost is checked, so that time tells nothing."""
    hasher = Argon2Hasher(held)
    held.gate.set()
    genuine = await hasher.hash(PASSWORD)
    await hasher.verify(PASSWORD, genuine)
    await hasher.verify(PASSWORD, None)
    known, unknown = held.checked
    assert argon2.extract_parameters(unknown) == argon2.extract_parameters(known)
    assert len(unknown) == len(known)
    await hasher.close()


@pytest.mark.parametrize(
    "other",
    [
        argon2.PasswordHasher(memory_cost=8_192, time_cost=2, parallelism=1),
        argon2.PasswordHasher(memory_cost=19_456, time_cost=1, parallelism=1),
        argon2.PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=2),
        argon2.PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1, hash_len=16),
    ],
    ids=["memory", "passes", "lanes", "length"],
)
async def test_other_parameters_are_outdated(other: argon2.PasswordHasher) -> None:
    """A hash of another cost is still right, and is to be made again."""
    hasher = Argon2Hasher()
    encoded = other.hash(PASSWORD)
    assert await hasher.verify(PASSWORD, encoded)
    assert hasher.outdated(encoded)
    await hasher.close()


# Two characters short: base64 without padding never has 1 more than a multiple of 4. One character less is at times
# a shorter hash that is well formed.
@pytest.mark.parametrize(
    "stored",
    ["", PASSWORD, "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", OWASP.hash("x")[:-2], "$argon2id$é"],
    ids=["empty", "plain text", "bcrypt", "cut off", "not ASCII"],
)
async def test_a_stored_text_that_is_no_hash_is_a_fault(stored: str) -> None:
    """What is no Argon2 hash is reported as broken data, and not as a wrong password."""
    hasher = Argon2Hasher()
    with pytest.raises(ValueError, match="cannot be checked"):
        await hasher.verify(PASSWORD, stored)
    await hasher.close()


async def test_the_event_loop_stays_free(held: HeldHasher) -> None:
    """While a password is worked on, everything else goes on: here, what lets the work end."""
    hasher = Argon2Hasher(held)
    working = asyncio.create_task(hasher.hash(PASSWORD))
    assert await asyncio.to_thread(held.begun.wait, 30)
    held.gate.set()
    assert await hasher.verify(PASSWORD, await working)
    await hasher.close()


async def test_beyond_the_line_callers_are_turned_away(held: HeldHasher) -> None:
    """One at work and two waiting are served; the next is told when to come back, and after that there is room."""
    hasher = Argon2Hasher(held, threads=1, waiting=2)
    served = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(3)]
    await asyncio.sleep(0)
    for refused in (hasher.hash(PASSWORD), hasher.verify(PASSWORD, None), hasher.common(PASSWORD)):
        with pytest.raises(Overloaded) as refusal:
            await refused
        assert refusal.value.retry_after is not None
        assert refusal.value.retry_after > 0
    held.gate.set()
    assert len(set(await asyncio.gather(*served))) == 3
    assert await hasher.common(BY_RANK[0])
    await hasher.close()


async def test_who_gives_up_waiting_leaves_the_line(held: HeldHasher) -> None:
    """A caller that is canceled while waiting makes room; one whose work has begun does so when that ends."""
    hasher = Argon2Hasher(held, threads=1, waiting=1)
    working, waiting = (asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(2))
    assert await asyncio.to_thread(held.begun.wait, 30)
    waiting.cancel()
    await asyncio.wait([waiting])
    last = asyncio.create_task(hasher.hash(PASSWORD))
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait([working])
    with pytest.raises(Overloaded):
        await hasher.hash(PASSWORD)
    held.gate.set()
    assert await hasher.verify(PASSWORD, await last)
    await hasher.close()


async def test_closing_finishes_what_was_taken_on(held: HeldHasher) -> None:
    """Whoever was already waiting gets an answer."""
    hasher = Argon2Hasher(held, threads=1, waiting=2)
    taken = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(3)]
    await asyncio.sleep(0)
    held.gate.set()
    await hasher.close()
    assert len(await asyncio.gather(*taken)) == 3


def test_the_list_of_common_passwords_costs_little_memory() -> None:
    """Only the few thousand are kept: none of zxcvbn's modules stays behind."""
    script = (
        "import asyncio, sys\n"
        "from imagegen.adapters.passwords import Argon2Hasher\n"
        "assert asyncio.run(Argon2Hasher().common('password123'))\n"
        "print([name for name in sys.modules if 'zxcvbn' in name or 'frequency' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
