"""Who draws: one file and one line per provider."""
