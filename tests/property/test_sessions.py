"""Whatever a user does on several devices, exactly the sessions that ought to be alive are."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import NOW
from house import PASSWORD, a_house
from imagegen.application.sessions import ACCESS_LIFETIME, Login
from imagegen.domain.errors import ImagegenError, InvalidAccessToken, InvalidCredentials, InvalidRefreshToken
from imagegen.domain.sessions import REFRESH_LIFETIME, ROTATION_GRACE
from imagegen.domain.users import Email, Principal

EMAIL = Email("owner@example.com")
PAUSES = st.sampled_from([
    timedelta(seconds=1), ROTATION_GRACE, ROTATION_GRACE + timedelta(seconds=1), ACCESS_LIFETIME, REFRESH_LIFETIME
])  # fmt: skip

T = TypeVar("T")


@dataclass
class Device:
    """What a device remembers of its session, and what ought to be true of it."""

    access: list[tuple[str, datetime]] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)
    used: datetime = NOW
    ended: bool = False

    def alive(self, now: datetime) -> bool:
        """Whether its session ought to be."""
        return not self.ended and now < self.used + REFRESH_LIFETIME

    def keep(self, login: Login, now: datetime) -> None:
        """Remember a new pair of tokens."""
        self.access.append((login.access_token, now + ACCESS_LIFETIME))
        self.refresh.append(login.refresh_token)
        self.used = now


class Devices(RuleBasedStateMachine):
    """Logs in, refreshes, repeats, replays, logs out and changes the password, on any device, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.house = a_house()
        self.application = self.house.application
        self.password = PASSWORD
        self.devices: list[Device] = []

    def teardown(self) -> None:
        """Let go of the event loop."""
        self.runner.close()

    def do(self, call: Coroutine[Any, Any, T]) -> T | ImagegenError:
        """What a call returns, or the error it raises."""
        try:
            return self.runner.run(call)
        except ImagegenError as error:
            return error

    @property
    def now(self) -> datetime:
        """The moment."""
        return self.house.clock()

    def one(self, data: st.DataObject) -> Device:
        """Any of the devices."""
        return data.draw(st.sampled_from(self.devices))

    def asking(self, device: Device) -> Principal | None:
        """Who a device is, if its latest access token is still good."""
        principal = self.do(self.application.authenticate_token(device.access[-1][0]))
        return principal if isinstance(principal, Principal) else None

    def came_in(self, login: Login | ImagegenError) -> None:
        """A new device is in."""
        assert isinstance(login, Login)
        self.devices.append(Device())
        self.devices[-1].keep(login, self.now)

    @initialize()
    def register(self) -> None:
        """The first device."""
        self.came_in(self.do(self.application.register(EMAIL, self.password)))

    @rule()
    def log_in(self) -> None:
        """Another device comes in, and nobody does with a password that is not right any more."""
        self.came_in(self.do(self.application.log_in(EMAIL, self.password)))
        assert isinstance(self.do(self.application.log_in(EMAIL, f"not {self.password}")), InvalidCredentials)

    @rule(pause=PAUSES)
    def wait(self, pause: timedelta) -> None:
        """Time goes on."""
        self.house.clock.now += pause

    @rule(data=st.data())
    def refresh(self, data: st.DataObject) -> None:
        """The latest refresh token gives a new pair as long as its session is alive."""
        device = self.one(data)
        answer = self.do(self.application.refresh(device.refresh[-1]))
        if device.alive(self.now):
            assert isinstance(answer, Login)
            assert answer.refresh_token not in device.refresh
            device.keep(answer, self.now)
        else:
            assert isinstance(answer, InvalidRefreshToken)

    @rule(data=st.data())
    @precondition(lambda self: any(len(device.refresh) > 1 for device in self.devices))
    def present_a_spent_token(self, data: st.DataObject) -> None:
        """The token before the latest is forgiven within the grace; any other spent one ends the session."""
        device = data.draw(st.sampled_from([device for device in self.devices if len(device.refresh) > 1]))
        at = data.draw(st.integers(0, len(device.refresh) - 2))
        answer = self.do(self.application.refresh(device.refresh[at]))
        forgiven = at == len(device.refresh) - 2 and self.now - device.used <= ROTATION_GRACE
        if device.alive(self.now) and forgiven:
            assert isinstance(answer, Login)
            assert answer.refresh_token == device.refresh[-1]
        else:
            assert isinstance(answer, InvalidRefreshToken)
            device.ended = True

    @rule(data=st.data())
    def log_out(self, data: st.DataObject) -> None:
        """A device ends its own session."""
        device = self.one(data)
        if (principal := self.asking(device)) is not None:
            assert self.do(self.application.end_session(principal)) is None
            device.ended = True

    @rule(data=st.data())
    def change_the_password(self, data: st.DataObject) -> None:
        """A device changes the password, and every other one is out."""
        device = self.one(data)
        if (principal := self.asking(device)) is not None:
            new = f"{self.password[:40]} {len(self.password)}"
            assert self.do(self.application.change_password(principal, current=self.password, new=new)) is None
            self.password = new
            for other in self.devices:
                other.ended = other.ended or other is not device

    @invariant()
    def exactly_what_ought_to_be_alive_is(self) -> None:
        """Every access token ever given is good while it and its session last, and the list shows those sessions."""
        alive = 0
        for device in self.devices:
            alive += device.alive(self.now)
            for token, until in device.access:
                answer = self.do(self.application.authenticate_token(token))
                good = device.alive(self.now) and self.now < until
                assert isinstance(answer, Principal if good else InvalidAccessToken)
                if isinstance(answer, Principal):
                    listed = self.do(self.application.list_sessions(answer))
                    assert not isinstance(listed, ImagegenError)
                    assert len(listed) == sum(each.alive(self.now) for each in self.devices)


TestDevices = Devices.TestCase
TestDevices.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
