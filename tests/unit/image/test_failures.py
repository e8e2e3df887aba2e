from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spcs.image.commands import follow
from spcs.image.engines import EngineFailed
from spcs.image.failures import of_build, of_login, of_push
from tests.images import make_plan, write_code

LOCAL = "127.0.0.1:5000/db/schema/images/training:0123456789ab"
REAL = "org-acct.registry.snowflakecomputing.com/db/schema/images/training:0123456789ab"


@pytest.mark.parametrize(
    ("text", "cause", "cure"),
    [
        ("ERROR: No matching distribution found for six==9.9.9", "have no such version for this base", "under pins"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "something else than the artifact", "then inv lock"),
        (
            "error: No solution found when resolving dependencies\n  cause: Because there is no version of six==99.0",
            "have no such version for this base",
            "under pins",
        ),
        (
            "error: Failed to download `six==1.17.0`\n  cause: Hash mismatch for `six==1.17.0`",
            "something else than the artifact",
            "then inv lock",
        ),
        ("error: Failed to build `pycosat==0.6.3`", "pycosat has no ready-made wheel", "build-essential"),
        ("ERROR: ResolutionImpossible: for help visit", "two pins contradict", "under pins"),
        ("/bin/sh: 1: python3: not found", "has no python3 with venv", "{apt: [python3, python3-venv]}"),
        ("pull access denied for debian, repository does not exist", "debian:12 could not be fetched", "image.base"),
        ("write /x: no space left on device", "disk of the engine is full", "image prune"),
        ("exec /bin/sh: exec format error", "cannot run linux/amd64", "binfmt"),
    ],
)
def test_failed_build_shows_its_last_lines_and_the_cure(text: str, cause: str, cure: str, tmp_path: Path) -> None:
    write_code(tmp_path)
    problem = of_build(
        make_plan(tmp_path), "train", "docker", "with docker (legacy builder)", EngineFailed(f"Step 1/2\n{text}")
    )
    assert problem.code == 5
    assert problem.why.startswith(f"Step 1/2\n{text}\n")
    assert cause in problem.why
    assert cure in problem.fix


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_processor_is_the_one_that_the_image_is_for(architecture: str, tmp_path: Path) -> None:
    write_code(tmp_path)
    plan = replace(make_plan(tmp_path), platform=f"linux/{architecture}")
    problem = of_build(plan, "train", "docker", "with docker", EngineFailed("exec /bin/sh: exec format error"))
    assert f"cannot run linux/{architecture} programs" in problem.why
    assert f"binfmt --install {architecture}, or inv build push --engine wheels" in problem.fix


def test_words_that_were_just_said_are_not_said_again(tmp_path: Path) -> None:
    write_code(tmp_path)
    failed = EngineFailed("Step 1/2\nexec format error", shown=True)
    problem = of_build(make_plan(tmp_path), "train", "docker", "with docker (legacy builder)", failed)
    assert problem.why.splitlines() == [
        "the builder's own words are above",
        "the engine cannot run linux/amd64 programs on this processor",
    ]


@pytest.mark.parametrize(("count", "short"), [(1, True), (20, True), (21, False)])
def test_a_command_that_says_little_is_known_to(count: int, short: bool) -> None:
    said: list[str] = []
    answer = follow(["sh", "-c", f"seq {count}; exit 1"], said.append)
    assert (answer.code, answer.short, len(said)) == (1, short, count)


def test_colours_inside_a_sentence_do_not_hide_it(tmp_path: Path) -> None:
    write_code(tmp_path)
    said: list[str] = []
    program = r"printf '\033[0m\033[91mHash\033[0m\033[91m mismatch for `six`\n\033[0m'; exit 1"
    answer = follow(["sh", "-c", program], said.append)
    assert said[0] == "Hash mismatch for `six`"
    problem = of_build(make_plan(tmp_path), "train", "docker", "with docker", EngineFailed(answer.error))
    assert "something else than the artifact" in problem.why


def test_failure_nobody_knows_shows_its_last_lines(tmp_path: Path) -> None:
    write_code(tmp_path)
    problem = of_build(make_plan(tmp_path), "train", "docker", "with docker (legacy builder)", EngineFailed("boom"))
    assert (problem.why, problem.fix) == ("boom", "inv render --job train, then read its Dockerfile")


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("write /x: no space left on device", "podman image prune --all --filter label=spcs.inputs && podman"),
        ("exec /bin/sh: exec format error", "podman run --privileged"),
        ("initializing source docker://debian:12: pinging container registry", "podman pull debian:12"),
        ('short-name "debian:12" did not resolve to an alias and no unqualified-search', "docker.io/library/debian:12"),
    ],
)
def test_cure_is_a_command_of_the_engine_at_hand(text: str, cure: str, tmp_path: Path) -> None:
    write_code(tmp_path)
    problem = of_build(make_plan(tmp_path), "train", "podman", "with podman (buildah builder)", EngineFailed(text))
    assert cure in problem.fix
    assert "docker " not in problem.fix


@pytest.mark.parametrize(
    ("ref", "text", "cause", "cure"),
    [
        (
            LOCAL,
            "dial tcp 127.0.0.1:5000: connect: connection refused",
            "nothing answers at 127.0.0.1:5000",
            "inv local.up",
        ),
        (REAL, "dial tcp 1.2.3.4:443: connect: connection refused", "nothing answers at org-acct.reg", "check network"),
        (
            REAL,
            "dial tcp: lookup org-acct: no such host",
            "there is no registry of the name",
            "SHOW IMAGE REPOSITORIES",
        ),
        (LOCAL, "unauthorized: Authentication Failure", "refused the login", "inv login"),
        (
            REAL,
            "denied: requested access to the resource is denied",
            "may not write",
            "GRANT WRITE ON IMAGE REPOSITORY",
        ),
        (LOCAL, "name unknown: image repository X does not exist", "no image repository db/schema/images", "inv setup"),
        (LOCAL, "received unexpected HTTP status: 503 Service Unavailable", "is busy or being restarted", "in a while"),
        (REAL, "toomanyrequests: slow down", "is busy or being restarted", "inv push --job train in a while"),
        (
            REAL,
            "error parsing HTTP 413 response body: Request Entity Too Large",
            "a layer is larger",
            "over more layers",
        ),
        (REAL, "invalid reference format: repository name must be lowercase", "does not take that name", "image.name"),
        (REAL, "net/http: TLS handshake timeout", "the connection to org-acct", "inv push --job train"),
    ],
)
def test_refused_push_names_the_cause_and_the_cure(ref: str, text: str, cause: str, cure: str) -> None:
    problem = of_push(ref, "train", text)
    assert problem.code == 5
    assert cause in problem.why
    assert problem.why.endswith(text)
    assert cure in problem.fix


def test_refused_login_says_where() -> None:
    problem = of_login("127.0.0.1:5000", "401: UNAUTHORIZED: log in")
    assert problem.what == "the registry 127.0.0.1:5000 refused the login"
    assert "inv login" in problem.fix
