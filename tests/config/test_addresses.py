"""User and password are taken out of addresses in a text, whatever letters they have, and nothing else is."""

from __future__ import annotations

import pytest

from dbsweep.config.addresses import is_password_legible, without_password


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:secret@server:5000/x", "http://server:5000/x"),
        ("postgresql+psycopg://me:secret@server/runs", "postgresql+psycopg://server/runs"),
        ("https://token@server", "https://server"),
        ("https://me:sec@ret@server/x", "https://server/x"),
        ("https://me:s%40cret@server?x=a@b", "https://server?x=a@b"),
        ("at http://me:secret@one, then http://me:other@two", "at http://one, then http://two"),
        ("postgresql://me:se/c#r?et@server/runs", "postgresql://server/runs"),
        ("mysql+pymysql://me:s/ec@ret@server/runs?x=a@b", "mysql+pymysql://server/runs?x=a@b"),
        ("http://me:p/ss@server", "http://server"),
        ("at 'http://me:p?s/s#@server:5000/x', then", "at 'http://server:5000/x', then"),
        ("http://me:12/34567@ss@server:5000", "http://me:12/34567@ss@server:5000"),  # may be a port and a path
        ("http://me:123456/7@server", "http://server"),  # no port has six digits
        ("http://me:p@s/s@server/x?mail=a@b", "http://server/x?mail=a@b"),
        ("http://me:p?s=@server", "http://server"),
        ("s3://key:sec/ret@bucket/runs", "s3://bucket/runs"),
        ("mysql://me:12/34@server/runs", "mysql://server/runs"),
        ("postgresql://me:p@s/s@server/runs", "postgresql://server/runs"),
        ("http://me:p/s@one,http://me:p/s@two", "http://one,http://two"),
        ("http://[::1]:5000/me@home", "http://[::1]:5000/me@home"),
        ("http://server:5000?mail=me@home", "http://server:5000?mail=me@home"),
        ("http://server: no answer, write to me@home", "http://server: no answer, write to me@home"),
        ("file:///home/a:b/me@work", "file:///home/a:b/me@work"),
        ("http://server:5000/x?mail=me@home", "http://server:5000/x?mail=me@home"),
        ("http://me:secret@one,http://me:other@two", "http://one,http://two"),
        ("http://server/me@home", "http://server/me@home"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("write to me@server, not http://server", "write to me@server, not http://server"),
    ],
)
def test_who_asks_is_taken_out_of_addresses_and_nothing_else_out_of_a_text(text: str, expected: str) -> None:
    assert without_password(text) == expected


@pytest.mark.parametrize(
    ("uri", "legible"),
    [
        ("http://server:5000/x@y", True),
        ("http://me:secret@server/x", True),
        ("http://me:s%2Fcret@server", True),
        ("http://me:s/cret@server", False),
        ("http://me:s@c/ret@server", False),
    ],
)
def test_a_password_with_a_slash_is_none_to_programs(uri: str, legible: bool) -> None:
    assert is_password_legible(uri) is legible
