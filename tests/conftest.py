"""What every test may use."""

pytest_plugins = ["no_skips", "servers.plugin", "stores"]
