"""Addresses of Ray clusters: nobody waits where nobody listens."""

from __future__ import annotations

import socket

import pytest

from dbsweep.errors import InputError, ResourceError
from dbsweep.execution.ray.address import check_address


@pytest.mark.parametrize("kind", ["", "ray://"])
def test_a_cluster_is_refused_where_nobody_listens(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{kind}127.0.0.1:{server.getsockname()[1]}"
        check_address(address)
    with pytest.raises(ResourceError, match=f"no Ray answers at --address {address} .*refused"):
        check_address(address)


def test_a_name_that_leads_nowhere_is_told() -> None:
    with pytest.raises(ResourceError, match=r"no Ray answers at --address nowhere\.invalid:6379"):
        check_address("nowhere.invalid:6379")


@pytest.mark.parametrize("address", ["localhost:port", "localhost:99999"])
def test_a_port_is_a_number(address: str) -> None:
    with pytest.raises(InputError, match=r"is no address \(.*\): give host:port, or auto"):
        check_address(address)


@pytest.mark.parametrize("address", ["auto", "local", "anyscale://cluster"])
def test_other_words_are_for_ray_to_know(address: str) -> None:
    check_address(address)
