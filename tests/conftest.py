"""What every test may use."""

from hypothesis import settings

pytest_plugins = ["no_skips", "servers.plugin", "stores"]

# How long one example takes says nothing about the code on a busy machine.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
