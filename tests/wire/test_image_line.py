"""The local account's registry at the far end of a line that drops, refuses and stalls."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs.image.credentials import Credentials
from spcs.image.registry import Registry, RegistryRefusal
from spcs.image.retries import Retries
from tests.faults import Fault, Line, line_to
from tests.images import Served, registry

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the server

REPOSITORY = "db/schema/images/training"
CONTENT = os.urandom(3 << 20)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture
def line(served: Served) -> Iterator[Line]:
    with line_to(served.host) as line:
        yield line


class Desk:
    """Our side of the line: what was said, and how long it would have waited."""

    def __init__(self, line: Line, served: Served, tries: int = 3) -> None:
        self.said: list[str] = []
        self.slept: list[float] = []
        retries = Retries(tries, sleep=self.slept.append)
        login = Credentials("0sessiontoken", served.door.token())
        self.registry = Registry(line.host, login, retries=retries, say=self.said.append)


@pytest.fixture
def desk(line: Line, served: Served) -> Desk:
    return Desk(line, served)


def test_blob_whose_upload_is_cut_is_sent_again_whole(desk: Desk, line: Line, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)
    line.faults = [Fault("PUT", "/blobs/uploads/", times=2, after=1 << 20)]
    heard: list[int] = []
    desk.registry.put_blob(REPOSITORY, DIGEST, tmp_path / "blob", heard.append)
    assert desk.registry.has_blob(REPOSITORY, DIGEST)
    assert heard[-1] == len(CONTENT)
    assert [line[-14:] for line in desk.said] == ["s (try 2 of 3)", "s (try 3 of 3)"]


def test_upload_that_is_cut_every_time_ends(desk: Desk, line: Line) -> None:
    line.faults = [Fault("PUT", "/blobs/uploads/", times=9, after=1)]
    with pytest.raises(RegistryRefusal):
        desk.registry.put_blob(REPOSITORY, DIGEST, CONTENT)
    assert len(line.met) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_registry_that_is_restarted_is_asked_again(desk: Desk, line: Line, status: int) -> None:
    line.faults = [Fault("HEAD", "/manifests/", status=status)]
    assert desk.registry.digest(REPOSITORY, "none") is None
    assert desk.said[0].startswith(f"{status}: ")


def test_busy_registry_is_given_the_time_it_asks_for(desk: Desk, line: Line) -> None:
    line.faults = [Fault("HEAD", "/manifests/", status=429, headers={"Retry-After": "7"})]
    assert desk.registry.digest(REPOSITORY, "none") is None
    assert desk.slept == [7]
    assert desk.said == ["429: Too Many Requests; trying again in 7 s (try 2 of 3)"]


def test_layer_that_is_too_large_is_refused_at_once_and_heard_though_much_is_unsent(desk: Desk, line: Line) -> None:
    line.faults = [Fault("PUT", "/blobs/uploads/", times=9, status=413)]
    with pytest.raises(RegistryRefusal) as caught:
        desk.registry.put_blob(REPOSITORY, DIGEST, CONTENT * 8)
    assert caught.value.status == 413
    assert (len(line.met), desk.said) == (1, [])


@pytest.mark.parametrize("status", [400, 403, 413])
def test_what_does_not_mend_itself_is_asked_once(desk: Desk, line: Line, status: int) -> None:
    line.faults = [Fault("POST", "/blobs/uploads/", times=9, status=status)]
    with pytest.raises(RegistryRefusal):
        desk.registry.put_blob(REPOSITORY, DIGEST, CONTENT)
    assert (len(line.met), desk.said) == (1, [])


def test_port_where_nothing_listens_is_asked_once(served: Served) -> None:
    with line_to(served.host) as line:
        desk = Desk(line, served)
    with pytest.raises(RegistryRefusal, match="refused"):
        desk.registry.check()
    assert desk.said == []


def test_blob_of_a_neighbour_is_shared_without_sending_it(desk: Desk, served: Served) -> None:
    desk.registry.put_blob(REPOSITORY, DIGEST, CONTENT)
    served.seen.clear()
    assert desk.registry.mount_blob("db/schema/images/other", DIGEST, REPOSITORY)
    assert not desk.registry.mount_blob("db/schema/images/other", f"sha256:{'0' * 64}", REPOSITORY)
    assert [request.partition(" ")[0] for request in served.seen] == ["POST", "POST", "DELETE"]
