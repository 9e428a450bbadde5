"""Addresses of servers, databases and storage in messages: without the user and password that they may hold."""

from __future__ import annotations

import re

_TO_THE_LAST_AT = r"(?:(?:(?!://|\?\w+=)\S)*|(?:(?!://)[^@\s])*)@"
"""The rest of a password, which may hold ``@ / ? #``: up to the last ``@`` before a query or the next address."""

_DATABASE = re.compile(rf"(sql(?:\+\w+)?://)[^/:@\s]*:{_TO_THE_LAST_AT}")
"""SQLAlchemy takes all between the colon and an ``@`` for a password, and a port too."""

_PASSWORD = re.compile(rf"://[^/?#:@\[\s]*:(?!\d{{0,5}}(?:[/?#\s]|$)){_TO_THE_LAST_AT}")
"""Elsewhere ``server:5000/x@y`` is a port with a path; what is no port begins a password."""

_USER = re.compile(r"://[^/?#\s]+@")


def without_password(text: str) -> str:
    """The text with user and password, whatever letters they have, taken out of its addresses.

    Of an address that can be read in two ways, ``http://me:secret@server/a@b``, rather too much is taken.
    """
    return _USER.sub("://", _PASSWORD.sub("://", _DATABASE.sub(r"\1", text)))


def is_password_legible(uri: str) -> bool:
    """Whether the password of a server, if there is one, has no ``/ ? #``, at which programs take it to end."""
    return _USER.sub("://", uri) == without_password(uri)
