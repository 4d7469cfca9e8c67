"""The reference pages that are made from the code: `python tests/reference_pages.py` writes them again."""

import ast
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from litestar.exceptions import HTTPException

import imagegen
from imagegen.adapters.model_book import load_models
from imagegen.domain.catalog import ImageModel
from imagegen.domain.errors import ImagegenError
from imagegen.domain.images import ImageFormat, Quality
from imagegen.domain.prices import Price
from imagegen.domain.sizes import AnySize, Sizes
from imagegen.settings import reference
from imagegen.web.problems import problem_of, status_of

SOURCE: Final = Path(imagegen.__file__).parent
ROOT: Final = SOURCE.parents[1]
DOCS: Final = ROOT / "docs"

MADE: Final = "<!-- Made from the code by `python tests/reference_pages.py`; change that, not this page. -->"

SETTINGS: Final = """\
# Settings

From the environment, `.env` and `imagegen.toml` in the current folder; the environment wins over `.env`, and `.env`
over the file. `NAME_FILE` gives the path of a file that holds the value. An unknown `IMAGEGEN_…` variable is an
error. [Operating](../guide/operating.md) shows them at work."""

MODELS: Final = """\
# Models

The model book that ships with the package. Each provider's default is in bold, other names are in brackets. Prices
are US dollars per million tokens; an empty one is not known. From its last day on a model is not asked any more, and
its successor is. `GET /v1/models` shows which are available now; [the model book](../guide/model-book.md) says how to
change them."""

PROBLEMS: Final = """\
# Problems

Errors are `application/problem+json` (RFC 9457). `code` is stable and names the page; `title` and `detail` are for
people and may change. A running service serves the same pages at `/problems/{code}`."""

BUCKET: Final = {
    "R2_BUCKET": "The bucket. Required.",
    "R2_ACCESS_KEY_ID": "Who the service is there. Required.",
    "R2_SECRET_ACCESS_KEY": "The secret that goes with it. Required.",
    "R2_ENDPOINT_URL": "Where the store is: Cloudflare R2, or anything else that speaks S3.",
    "R2_ACCOUNT_ID": "In place of the endpoint: the Cloudflare account, 32 hexadecimal digits.",
    "R2_PUBLIC_BASE_URL": "The bucket's public address, if it has one. Links then lead there and do not expire.",
}
PROVIDERS: Final = {
    "GOOGLE_API_KEY": "Switches on `gemini`.",
    "GEMINI_API_KEY": "The same under its other name.",
    "GEMINI_BASE_URL": "Another address for Gemini's API.",
    "OPENAI_API_KEY": "Switches on `openai`.",
    "OPENAI_BASE_URL": "Another address for OpenAI's API.",
    "IMAGEGEN_SKETCH_FAULTS": "`1` lets tags in a prompt make `sketch` fail, to test clients with.",
}
LATER: Final = {
    "IMAGEGEN_RATE_LIMITS": "Only `off`: there are no rate limits in this release.",
}

_FEW: Final = 4
"""Sizes that are named one by one."""


def settings_page() -> str:
    """Every variable, with its default and what it means."""
    own = [(f"`{name}`", f"`{default}`" if default else "", meaning) for name, default, meaning in reference()]
    sections = {
        "The service": _table(("Variable", "Default", "Meaning"), own),
        "A bucket, for `IMAGEGEN_STORAGE_URL=r2:`": _variables(BUCKET),
        "Providers": _variables(PROVIDERS),
        "To come": _variables(LATER),
    }
    return _page(SETTINGS, sections)


def models_page() -> str:
    """Every model of the shipped book, by provider."""
    models = load_models()
    providers = dict.fromkeys(model.provider for model in models)
    return _page(MODELS, {name: _models([m for m in models if m.provider == name]) for name in providers})


def problems_page() -> str:
    """Every problem code, with a link to its page."""
    rows = [(f"[`{code}`](../problems/{code}.md)", str(status), title_of(code)) for code, status in codes().items()]
    return _page(PROBLEMS, {"Codes": _table(("Code", "Status", "Title"), rows)})


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "models.md": models_page,
    "problems.md": problems_page,
}
"""The pages of `docs/reference` that are made, by name."""


@cache
def codes() -> Mapping[str, int]:
    """Every code that an answer may have with its status, in the order of the alphabet."""
    found: dict[str, set[int]] = {}
    for code, status in (*_raised_by_the_core(), *_refused_by_litestar(), *_refused_by_the_edge()):
        found.setdefault(code, set()).update(status)
    assert all(len(statuses) == 1 for statuses in found.values()), "a code has one status, stated where it is made"
    return {code: statuses.pop() for code, statuses in sorted(found.items())}


def title_of(code: str) -> str:
    """The title on a problem's page, below its heading."""
    return (DOCS / "problems" / f"{code}.md").read_text().split("\n\n")[1].removesuffix(".")


def _raised_by_the_core() -> Iterator[tuple[str, set[int]]]:
    kinds: list[type[ImagegenError]] = [ImagegenError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        # An instance without its details is enough to ask for the status of its family.
        yield kind.code, {int(status_of(kind.__new__(kind)))}


def _refused_by_litestar() -> Iterator[tuple[str, set[int]]]:
    for status in HTTPStatus:
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            problem, _ = problem_of(HTTPException(status_code=status), path="/", request_id="")
            yield problem.code, {problem.status}


def _refused_by_the_edge() -> Iterator[tuple[str, set[int]]]:
    """What stands in `web` as `Refusal(HTTPStatus.…, "code", …)`, or with a name for the status."""
    for path in sorted((SOURCE / "web").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        named = {
            ast.unparse(node.targets[0]): ast.unparse(node.value) for node in nodes if isinstance(node, ast.Assign)
        }
        for node in nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal":
                status = ast.unparse(node.args[0])
                name = named.get(status, status).removeprefix("HTTPStatus.")
                yield ast.literal_eval(node.args[1]), {int(HTTPStatus[name])}


def _models(models: Sequence[ImageModel]) -> str:
    head = ("Model", "Until", "Successor", "Sizes", "Takes", "Per call", "Text in", "Image in", "Text out", "Image out")
    sources = dict.fromkeys(source for model in models for source in model.sources)
    return "\n\n".join((_table(head, [_model(model) for model in models]), f"Sources: {'; '.join(sources)}."))


def _model(model: ImageModel) -> Sequence[str]:
    can = model.capabilities
    takes = [str(word) for word in (*Quality, *ImageFormat) if word in can.qualities | can.formats]
    takes += [word for word, able in (("transparent", can.transparent), ("seed", can.seed)) if able]
    return (
        " ".join((f"**`{model.id}`**" if model.default else f"`{model.id}`", *(f"(`{a}`)" for a in model.aliases))),
        str(model.shutdown or ""),
        f"`{model.successor}`" if model.successor else "",
        _sizes(can.sizes),
        ", ".join(takes),
        str(can.images_per_call),
        *_prices(model.price),
    )


def _sizes(sizes: Sizes | AnySize) -> str:
    if isinstance(sizes, AnySize):
        return f"up to {sizes.longest} by {sizes.shortest}, sides of {sizes.least} or more in steps of {sizes.step}"
    if len(sizes.choices) <= _FEW:
        return ", ".join(str(choice.size) for choice in sizes.choices)
    shapes = len({choice.aspect_ratio for choice in sizes.choices})
    tiers = ", ".join(dict.fromkeys(choice.tier for choice in sizes.choices if choice.tier))
    return f"{shapes} shapes in {tiers}" if tiers else f"{shapes} shapes"


def _prices(price: Price) -> Sequence[str]:
    if price.free:
        return ("free",) * 4
    figures = (price.input_text, price.input_image, price.output_text, price.output_image)
    return [f"{figure:f}" if figure is not None else "" for figure in figures]


def _page(head: str, sections: Mapping[str, str]) -> str:
    title, _, intro = head.partition("\n\n")
    parts = [title, MADE, intro]
    for name, content in sections.items():
        parts += [f"## {name}", content]
    return "\n\n".join(parts) + "\n"


def _variables(meanings: Mapping[str, str]) -> str:
    return _table(("Variable", "Meaning"), [(f"`{name}`", meaning) for name, meaning in meanings.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def main() -> None:
    """Write the pages."""
    logging.disable()  # statuses that nobody foresaw are tried out, and would be logged
    for name, page in PAGES.items():
        (DOCS / "reference" / name).write_text(page())


if __name__ == "__main__":
    main()
