"""What providers that are called over HTTP have in common: one exchange, and base64 that never becomes text."""
