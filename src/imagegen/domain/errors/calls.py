"""What became of a call to a provider: where it failed, and whether it was billed."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import ClassVar, Final, Self

from imagegen.domain.errors.root import ImagegenError


class Stage(StrEnum):
    """Where a generation failed."""

    INPUT = "input"
    OUTPUT = "output"
    TRANSPORT = "transport"
    STORAGE = "storage"


class Billed(StrEnum):
    """Whether the provider charged for a call, as far as anybody can know."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of_all(cls, words: Iterable[Self]) -> Self:
        """What is said of several calls, or of none: unknown if it is of any, else yes if any was billed."""
        said = set(words)
        return next((word for word in (cls.UNKNOWN, cls.YES, cls.NO) if word in said), cls.UNKNOWN)


class ProviderError(ImagegenError):
    """What became of a call to a provider.

    Args:
        detail: one sentence of ours; a provider's own text never goes in here.
        billed: whether the provider charged for the call.
        stage: where it failed.
        retryable: whether the caller may sensibly ask for the same again.
        provider_code: the provider's own short code, for support.
        retry_after: seconds to leave the provider alone, when it said so.
        request_id: the provider's name for the call.
    """

    code = "provider_error"
    title = "The image provider failed"
    default_stage: ClassVar[Stage] = Stage.TRANSPORT
    default_billed: ClassVar[Billed] = Billed.UNKNOWN
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        billed: Billed | None = None,
        stage: Stage | None = None,
        retryable: bool | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.billed = self.default_billed if billed is None else billed
        self.stage = self.default_stage if stage is None else stage
        self.retryable = self.default_retryable if retryable is None else retryable
        self.provider_code = provider_code
        self.retry_after = retry_after
        self.request_id = request_id
        self.provider: str | None = None
        self.generation: str | None = None
        self.replayed = False


class ContentBlocked(ProviderError):
    """The provider's policy refused the prompt (input) or the picture (output)."""

    code = "content_blocked"
    title = "The provider's safety system refused this"
    default_stage = Stage.INPUT


class NoImage(ProviderError):
    """The provider answered, but with no picture."""

    code = "no_image"
    title = "The provider answered without a picture"
    default_stage = Stage.OUTPUT
    default_retryable = True


class ProviderBusy(ProviderError):
    """The provider is rate limited or out of capacity; the call was not taken and not billed."""

    code = "provider_busy"
    title = "The image provider is busy"
    default_billed = Billed.NO
    default_retryable = True


class ProviderUnreachable(ProviderError):
    """No connection could be made, or the provider failed on its side."""

    code = "provider_unreachable"
    title = "The image provider could not be reached"
    default_retryable = True


class ProviderMisbehaved(ProviderError):
    """The provider's answer is of no use: malformed, truncated, too large, or not a picture."""

    code = "provider_misbehaved"
    title = "The image provider gave an unusable answer"
    default_stage = Stage.OUTPUT


class ProviderAccount(ProviderError):
    """The operator's account at the provider is the trouble: key, credit, permission, or a model it may not use."""

    code = "provider_account"
    title = "The image provider refused the operator's account"
    default_billed = Billed.NO


class OutcomeUnknown(ProviderError):
    """The call was sent and its answer never came: it may have been billed, so it is never repeated by itself."""

    code = "outcome_unknown"
    title = "The provider did not answer in time"


class DeadlineExceeded(ProviderError):
    """The time allowed ran out before the call was sent."""

    code = "deadline_exceeded"
    title = "The time allowed ran out"
    default_billed = Billed.NO
    default_retryable = True


class PictureNotStored(ProviderError):
    """The picture was drawn and paid for, but could not be stored."""

    code = "storage_unavailable"
    title = "The picture could not be stored"
    default_stage = Stage.STORAGE
    default_billed = Billed.YES
    default_retryable = True


class GenerationCanceled(ProviderError):
    """The caller canceled it."""

    code = "canceled"
    title = "The generation was canceled"
    default_billed = Billed.NO


PROVIDER_ERRORS: Final[Mapping[str, type[ProviderError]]] = {
    kind.code: kind
    for kind in (
        ContentBlocked,
        NoImage,
        ProviderBusy,
        ProviderUnreachable,
        ProviderMisbehaved,
        ProviderAccount,
        OutcomeUnknown,
        DeadlineExceeded,
        PictureNotStored,
        GenerationCanceled,
    )
}
"""The code of a failed generation, and the error that it stands for."""
