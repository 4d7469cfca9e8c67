"""The pages that the `type` of a problem leads to: what it means and what to do about it."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from imagegen.web.api.parameters import problems
from imagegen.web.authentication import SECURITY, Access, access

FOLDERS: Final = (
    Path(__file__).parent.parent / "problem_pages",  # in the wheel
    Path(__file__).parents[4] / "docs" / "problems",  # in a working copy
)
_CODE: Final = re.compile(r"[a-z]{1,32}(_[a-z]{1,32}){0,4}")


@cache
def page(code: str) -> bytes:
    """The page about a code, in Markdown, read once; raise `NotFoundException` when nothing has that code."""
    if _CODE.fullmatch(code):
        for folder in FOLDERS:
            path = folder / f"{code}.md"
            if path.is_file():
                return path.read_bytes()
    raise NotFoundException


@get(
    "/problems/{code:str}",
    tags=("Operations",),
    opt=access(Access.PUBLIC),
    security=SECURITY[Access.PUBLIC],
    media_type="text/markdown",
    responses=problems(404),
    sync_to_thread=False,
    summary="Read about a problem",
)
def problem_page(
    code: Annotated[str, PathParameter(description="The `code` of a problem, such as `key_revoked`.")],
) -> Response[bytes]:
    """Explain a problem's `code`: when it comes up, whether it was billed, and what to do."""
    return Response(page(code), headers={"Cache-Control": "public, max-age=3600"})
