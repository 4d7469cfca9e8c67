"""What all errors are."""

from typing import ClassVar


class ImagegenError(Exception):
    """Something imagegen refuses or cannot do; `code` is stable and has a page in the documentation."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"
    retry_after: float | None = None

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.title
        super().__init__(self.detail)
