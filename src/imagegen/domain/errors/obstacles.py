"""What stands in the way of something that could have been asked: the state of things, or what is away."""

from imagegen.domain.errors.root import ImagegenError


class NotFound(ImagegenError):
    """It is not there, or it is somebody else's."""

    code = "not_found"
    title = "Not found"


class Conflict(ImagegenError):
    """The state of things does not allow this."""

    code = "conflict"
    title = "This conflicts with the current state"


class AlreadyExists(Conflict):
    """A store refused a second row with the same unique value; `what` names the constraint."""

    code = "already_exists"
    title = "It exists already"

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what


class EmailTaken(Conflict):
    """An account with this email exists."""

    code = "email_taken"
    title = "An account with this email exists already"


class StaleWrite(Conflict):
    """Somebody else changed the row since it was read; nothing was written."""

    code = "stale_write"
    title = "It was changed by somebody else meanwhile"


class IllegalTransition(Conflict):
    """The life cycle has no such step from here."""

    code = "illegal_transition"
    title = "This is not possible in the current state"


class Unavailable(ImagegenError):
    """It cannot be done now."""

    code = "unavailable"
    title = "Not available at the moment"

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderNotConfigured(Unavailable):
    """The provider lacks its credentials; the detail names the variable to set."""

    code = "provider_not_configured"
    title = "The image provider is not configured"

    def __init__(self, provider: str, variables: tuple[str, ...] = ()) -> None:
        wanted = f"set {' or '.join(variables)}" if variables else "add it to IMAGEGEN_PROVIDERS"
        super().__init__(f"The provider '{provider}' is not configured: {wanted}.")
        self.provider = provider


class StorageUnavailable(Unavailable):
    """The blob store did not answer or did not take the bytes."""

    code = "storage_unavailable"
    title = "The image store is not available"


class DatabaseUnavailable(Unavailable):
    """The database did not answer; nothing is known to have been written."""

    code = "database_unavailable"
    title = "The database is not available"


class Overloaded(Unavailable):
    """More is waiting than this process takes on."""

    code = "overloaded"
    title = "Too much is waiting; try again shortly"
