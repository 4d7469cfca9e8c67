"""The driving side that speaks HTTP: everything Litestar, and nothing that knows a database or a provider."""
