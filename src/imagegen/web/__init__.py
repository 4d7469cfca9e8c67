"""The driving side that speaks HTTP: everything Litestar, and nothing that knows a database or a provider."""

from imagegen.web.unused import without_unused

with without_unused():
    import litestar  # noqa: F401 - before any other module of this package does
