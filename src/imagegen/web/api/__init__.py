"""The HTTP API under `/v1`: a controller per thing, requests and views as msgspec Structs."""
