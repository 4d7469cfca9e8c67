"""Accounts and sessions."""

from typing import Annotated, Final

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET

from imagegen.domain.identifiers import SESSION, SessionId
from imagegen.domain.users import Email
from imagegen.web.api.parameters import ApiRequest, Verbs, identifier, problems
from imagegen.web.api.requests import (
    AccountDeletion,
    Credentials,
    PasswordChange,
    ProfileChange,
    RefreshRequest,
    Registration,
)
from imagegen.web.api.views import LoginView, PageView, SessionView, UserView
from imagegen.web.authentication import SECURITY, Access, access, principal_of
from imagegen.web.bodies import LARGEST_PUBLIC_BODY

_AGENT_LIMIT: Final = 200


SessionName = Annotated[str, PathParameter(description="The id of a session, `ses_…`.")]


class AuthenticationController(Controller):
    """Come in without a credential yet."""

    path = "/v1/auth"
    tags = ("Accounts",)
    opt = access(Access.PUBLIC)
    security = SECURITY[Access.PUBLIC]
    request_max_body_size = LARGEST_PUBLIC_BODY

    @post("/register", responses=problems(409, 503, body=True), summary="Open an account")
    async def register(self, request: ApiRequest, data: JSONBody[Registration], application: Verbs) -> LoginView:
        """Open an account and log in to it. The email must not have an account yet, whatever its case."""
        login = await application.register(Email(data.email), data.password, name=data.name, user_agent=_agent(request))
        return LoginView.of(login)

    @post("/login", status_code=200, responses=problems(401, 403, 503, body=True), summary="Log in")
    async def log_in(self, request: ApiRequest, data: JSONBody[Credentials], application: Verbs) -> LoginView:
        """Log in with email and password. An unknown email and a wrong password cannot be told apart."""
        login = await application.log_in(Email(data.email), data.password, user_agent=_agent(request))
        return LoginView.of(login)

    @post("/refresh", status_code=200, responses=problems(401, 503, body=True), summary="Get new tokens")
    async def refresh(self, data: JSONBody[RefreshRequest], application: Verbs) -> LoginView:
        """Trade a refresh token for a new pair. A token is good once; using a spent one ends its session."""
        return LoginView.of(await application.refresh(data.refresh_token))


class SessionController(Controller):
    """Stay in, look around, leave."""

    path = "/v1/auth"
    tags = ("Accounts",)
    opt = access(Access.TOKEN)
    security = SECURITY[Access.TOKEN]

    @post("/logout", status_code=204, responses=problems(401, 403, 503), summary="Log out")
    async def log_out(self, request: ApiRequest, application: Verbs) -> None:
        """End the session that asks: its access and refresh tokens are refused from then on."""
        await application.end_session(principal_of(request))

    @get("/me", responses=problems(401, 403, 503), summary="Who am I?")
    async def me(self, request: ApiRequest, application: Verbs) -> UserView:
        """Read the caller's account."""
        return UserView.of(await application.read_profile(principal_of(request)))

    @get("/sessions", responses=problems(401, 403, 503), summary="List sessions")
    async def sessions(self, request: ApiRequest, application: Verbs) -> PageView[SessionView]:
        """List the sessions in which the caller is logged in now, newest first."""
        principal = principal_of(request)
        sessions = await application.list_sessions(principal)
        return PageView([SessionView.of(s, current=s.id == principal.session_id) for s in sessions], None)

    @delete("/sessions/{session_id:str}", responses=problems(401, 403, 404, 503), summary="End a session")
    async def end(self, request: ApiRequest, session_id: SessionName, application: Verbs) -> None:
        """End one of the caller's sessions: its tokens are refused from then on."""
        found = SessionId(identifier(SESSION, session_id))
        await application.end_session(principal_of(request), found)

    @post(
        "/password",
        status_code=204,
        responses=problems(401, 403, 409, 503, body=True),
        summary="Change the password",
    )
    async def password(self, request: ApiRequest, data: JSONBody[PasswordChange], application: Verbs) -> None:
        """Set a new password; every other session ends."""
        await application.change_password(principal_of(request), current=data.current_password, new=data.new_password)


class ProfileController(Controller):
    """The caller's account."""

    path = "/v1/users/me"
    tags = ("Accounts",)
    opt = access(Access.TOKEN)
    security = SECURITY[Access.TOKEN]

    @get(responses=problems(401, 403, 503), summary="Read the account")
    async def read(self, request: ApiRequest, application: Verbs) -> UserView:
        """Read the caller's account."""
        return UserView.of(await application.read_profile(principal_of(request)))

    @patch(responses=problems(401, 403, 409, 503, body=True), summary="Change the account")
    async def change(self, request: ApiRequest, data: JSONBody[ProfileChange], application: Verbs) -> UserView:
        """Change name or picture; what is left out stays, `null` clears."""
        given = {"name": data.name, "avatar_url": data.avatar_url}
        changes = {name: value for name, value in given.items() if value is not UNSET}
        return UserView.of(await application.update_profile(principal_of(request), **changes))

    @delete(status_code=204, responses=problems(401, 403, 503, body=True), summary="Delete the account")
    async def delete_account(self, request: ApiRequest, data: JSONBody[AccountDeletion], application: Verbs) -> None:
        """Remove the account for good: keys, sessions, history, usage, and the bytes of every image."""
        await application.delete_account(principal_of(request), data.password)


def _agent(request: ApiRequest) -> str | None:
    agent = request.headers.get("user-agent")
    return agent[:_AGENT_LIMIT] if agent else None
