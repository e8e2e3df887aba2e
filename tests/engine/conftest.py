from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.desk import Desk, remove, use
from tests.images import Served, registry
from tests.support import Client, clients


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture(scope="module")
def made() -> Iterator[set[str]]:
    """The images built by the tests of this file: a later test may find an earlier one's. Removed at the end."""
    images: set[str] = set()
    yield images
    if images:
        remove(clients()[0][0].path, images)


@pytest.fixture
def desk(
    tmp_path: Path,
    base_image: str,
    served: Served,
    docker_client: Client,
    made: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    use(docker_client, tmp_path / "bin", monkeypatch)
    desk = Desk(tmp_path / "project", base_image, served, docker_client.path, made)
    # No client may find what another has built.
    (desk.root / "app" / "client.txt").write_text(docker_client.version)
    return desk
