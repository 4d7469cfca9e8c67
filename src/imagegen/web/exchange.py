"""One request that is being answered, and what its connection tells the route that answers it."""

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Exchange:
    """An ASGI application: another one, and uvicorn's cycle of the one request that it answers."""

    def __init__(self, app: ASGI3Application, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._broken = False

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer the request."""

        async def receive_unbroken() -> ASGIReceiveEvent:
            message = await receive()
            if self._broken and not self._cycle.response_started:
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, receive_unbroken, send)

    def break_off(self) -> None:
        """Let the body end early, for a route that waits for it; whatever the route answers is still sent."""
        self._broken = True
        self._cycle.message_event.set()

    def disconnect(self) -> None:
        """Let the route know that nobody waits for its answer any more."""
        self._cycle.disconnected = True
        self._cycle.message_event.set()
