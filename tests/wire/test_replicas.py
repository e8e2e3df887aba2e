"""Jobs of two replicas whose processes compute together: as processes, each on the loopback with its own index."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs.run import files
from spcs.run.follow import follow
from spcs.run.model import LogLine, Run, State, Verdict
from tests import replicas, support
from tests.wire import images
from tests.wire.desk import Desk, Seen, desk

#: Runs the entry with the words in it, as `python starter.py 1 leave` would.
PROGRAM = "import sys; sys.argv = {words!r}; exec(open('starter.py').read())"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose account has an image of app/ with the tests' worker beside it."""
    with desk(tmp_path_factory.mktemp("replicas")) as made:
        (repository,) = made.account.query("SHOW IMAGE REPOSITORIES IN SCHEMA DB.S")
        code = [path for path in support.repository_files() if path.parts[0] == "app"]
        layer = {f"app/{path.as_posix()}": (support.REPO / path).read_bytes() for path in code}
        layer |= {"app/worker.py": replicas.WORKER.encode(), "app/starter.py": replicas.STARTER.encode()}
        images.push(repository["repository_url"], made.account.registry_token().reveal(), "replicas", files=layer)
        yield made


def start(at: Desk, *words: str) -> Run:
    return at.start(PROGRAM.format(words=["starter.py", "1", *words]), image="replicas:1", replicas=2)


class Acting(Seen):
    """Does something once every replica has said that it computes; remembers when."""

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[int, re.Match[str]] = {}
        self.acted = 0.0

    def line(self, line: LogLine) -> None:
        super().line(line)
        if found := re.match(r"rank=\d world=2 sum=3 pid=(\d+) parent=(\d+)", line.text):
            self.running[line.instance] = found
            if len(self.running) == 2:
                self.acted = time.monotonic()
                self.act()

    def act(self) -> None:
        """What to do then."""

    def pid(self, instance: int) -> int:
        return int(self.running[instance][1])

    def parent(self, instance: int) -> int:
        return int(self.running[instance][2])


def ended(at: Desk, run: Run, seen: Acting) -> Verdict:
    return follow(at.account, run, seen)


def test_replicas_meet_at_the_address_that_the_account_tells(at: Desk) -> None:
    seen = Acting()
    run = start(at, "leave")
    done = ended(at, run, seen)
    assert done.state is State.DONE, seen.texts
    assert sorted(seen.running) == [0, 1]
    meetings = {match[0] for text in seen.texts if (match := re.search(r"meeting=\S+:2\d{4}", text))}
    assert any("127.0.0.1:" in meeting for meeting in meetings), seen.texts
    assert not any(output.path.startswith("rendezvous/") for output in done.outputs)


def test_a_worker_that_is_killed_ends_all_and_is_named_as_the_cause(at: Desk) -> None:
    class Killing(Acting):
        def act(self) -> None:
            os.kill(self.pid(1), signal.SIGKILL)

    seen = Killing()
    failed = ended(at, start(at, "stay"), seen)
    assert failed.state is State.FAILED
    assert time.monotonic() - seen.acted < 20
    assert failed.container is not None
    assert (failed.container.instance, failed.container.exit_code) == (1, 137), failed
    assert "instance 1 ended with exit code 137 (SIGKILL)" in failed.reason


def test_a_replica_that_is_lost_takes_its_own_processes_with_it_and_ends_the_others(at: Desk) -> None:
    class Killing(Acting):
        def act(self) -> None:
            os.kill(self.parent(1), signal.SIGKILL)

    seen = Killing()
    failed = ended(at, start(at, "stay"), seen)
    assert failed.state is State.FAILED
    assert time.monotonic() - seen.acted < 20
    assert failed.container is not None
    assert (failed.container.instance, failed.container.exit_code) == (1, 137), failed
    # The verdict is there with the first failure; the other replica is still being ended.
    deadline = time.monotonic() + 120
    while any(Path(f"/proc/{seen.pid(instance)}").exists() for instance in (0, 1)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_cancelled_run_that_left_nothing_is_begun_anew(at: Desk) -> None:
    run = start(at, "stay")

    class Cancelling(Acting):
        def act(self) -> None:
            files.cancel(at.account, run)

    cancelled = ended(at, run, Cancelling())
    assert cancelled.state is State.CANCELLED
    assert cancelled.container is not None
    assert cancelled.container.exit_code == 75
    assert cancelled.reason.startswith("container main of instance")
    assert "(it was told to stop)" in cancelled.reason
    assert cancelled.remedy == f"inv run --job {run.job}"
