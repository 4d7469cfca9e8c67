"""Where a service listens."""

import socket

from imagegen.settings import SettingsInvalid


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound there and does not wait; raise `SettingsInvalid` when that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsInvalid((f"IMAGEGEN_PORT: cannot listen on {host}:{port}: {error.strerror}",)) from None
    listening.setblocking(False)
    return listening
