"""The installed command, as a stranger uses it."""
