"""Whether a Ray cluster can be where it is said to be, found without Ray, which would ask again for minutes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from dbsweep.errors import InputError, ResourceError

PATIENCE_S = 5.0


def check_address(address: str, patience_s: float = PATIENCE_S) -> None:
    """Refuses ``host:port`` and ``ray://host:port`` where nobody listens; Ray alone knows what other words mean.

    Raises:
        InputError: the port is none.
        ResourceError: nothing answers there.
    """
    named = address if "://" in address else f"//{address}"
    try:
        host, port = urlsplit(named).hostname, urlsplit(named).port
    except ValueError as error:
        raise InputError(f"--address {address} is no address ({error}): give host:port, or auto") from error
    if host is None or port is None:
        return
    try:
        socket.create_connection((host, port), timeout=patience_s).close()
    except OSError as error:
        raise ResourceError(
            f"no Ray answers at --address {address} ({error.strerror or error}): check it, or start Ray there with"
            " `ray start --head`, whose port is 6379"
        ) from error
