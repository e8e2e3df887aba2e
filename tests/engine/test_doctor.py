"""`inv doctor` on a machine with an engine: what it says of it, with each docker client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.support import Client, Project

pytestmark = pytest.mark.engine


def test_the_engine_the_builder_the_disk_and_the_processor(
    project: Callable[..., Project], docker_client: Client
) -> None:
    done = project(docker=docker_client).inv("doctor", "--json")
    assert "Traceback" not in done.stderr, done
    checks = {line["check"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert checks["engine"]["message"].startswith(f"docker {docker_client.engine}"), done
    assert {checks[name]["status"] for name in ("engine", "platform")} == {"ok"}, done
    assert {checks[name]["status"] for name in ("builder", "disk")} <= {"ok", "warn"}, done
    assert re.search("docker builds with build(x|kit)|docker has the legacy builder", checks["builder"]["message"]), (
        done
    )
    assert "images of docker" in checks["disk"]["message"], done
    assert checks["role"]["fix"] == "inv setup", "the account that was started for it has nothing yet"
