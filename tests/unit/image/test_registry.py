from __future__ import annotations

import pytest

from spcs.image.registry import Reference, Registry, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "127.1.2.3", "localhost:80", "[::1]:5000"])
def test_this_machine_is_spoken_to_without_tls(host: str) -> None:
    assert is_loopback(host)
    assert Registry(host, None).url == f"http://{host}"


@pytest.mark.parametrize("host", ["org-acct.registry.snowflakecomputing.com", "10.0.0.1:5000", "localhost.example.com"])
def test_every_other_host_is_spoken_to_with_tls(host: str) -> None:
    assert not is_loopback(host)
    assert Registry(host, None).url == f"https://{host}"


def test_reference_is_taken_apart_at_host_and_tag() -> None:
    assert Reference.parse("127.0.0.1:5000/db/schema/repo/name:abc") == Reference(
        "127.0.0.1:5000", "db/schema/repo/name", "abc"
    )
