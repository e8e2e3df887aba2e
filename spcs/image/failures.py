"""What engines and registries say when they fail, and what it means: the sentence, then the command that mends it."""

from __future__ import annotations

import re
from typing import NamedTuple

from spcs.errors import BuildFailed
from spcs.image.engines import EngineFailed
from spcs.image.inputs import ImagePlan
from spcs.image.registry import Reference, is_loopback


class Known(NamedTuple):
    """What the text of a failure looks like, its cause, the cure; names in braces are filled in."""

    looks_like: str
    cause: str
    cure: str


BUILD = (
    Known(r"no space left on device", "the disk of the engine is full", "{engine} image prune"),
    Known(
        r"no matching distribution found|could not find a version that satisfies",
        "a package index does not have one of the pinned versions",
        "correct that version under pins in invoke.yaml",
    ),
    Known(
        r"resolutionimpossible|conflicting dependencies",
        "two pins contradict each other",
        "change one of the two under pins in invoke.yaml",
    ),
    Known(
        r"python3: (command )?not found|ensurepip is not available",
        "the base image {base} has no python3 with venv",
        "set image: {{apt: [python3, python3-venv]}} in invoke.yaml, or another image.base",
    ),
    Known(
        r"exec format error",
        "the engine cannot run linux/amd64 programs on this processor",
        "{engine} run --privileged --rm docker.io/tonistiigi/binfmt --install amd64",
    ),
    Known(
        r"did not resolve to an alias",
        "podman takes the base image {base} from no registry that is not named",
        "name the registry in image.base in invoke.yaml: docker.io/library/{base} or docker.io/{base}",
    ),
    Known(
        r"pull access denied|manifest (for .* )?(unknown|not found)|failed to resolve source metadata|"
        r"dial tcp|error response from daemon: get |initializing source",
        "the base image {base} could not be fetched",
        "check image.base in invoke.yaml and the way to its registry: {engine} pull {base}",
    ),
)

PUSH = (
    Known(
        r"connection refused",
        "nothing answers at {host}",
        "inv local.up",
    ),
    Known(
        r"no such host|name or service not known|temporary failure in name resolution|server misbehaving",
        "there is no registry of the name {host}",
        "compare with repository_url of SHOW IMAGE REPOSITORIES, and check the network",
    ),
    Known(
        r"unauthorized|authentication required|no basic auth credentials|\b401\b",
        "the registry {host} refused the login, also with a fresh one",
        "check with inv login that the connection's user may log in",
    ),
    Known(
        r"denied|insufficient|forbidden|\b403\b",
        "the role may not write to the image repository",
        "GRANT WRITE ON IMAGE REPOSITORY … TO ROLE …, or inv setup",
    ),
    Known(
        r"name[_ ]unknown|repository name not known|not found|does not exist|\b404\b",
        "there is no image repository {repository}",
        "inv setup",
    ),
    Known(r"no space left on device", "the disk of the registry is full", "free some space there, then {again}"),
    Known(
        r"timed out|timeout|tls|certificate|connection reset|\beof\b",
        "the connection to {host} failed",
        "check network, proxy and certificates, then {again}",
    ),
)


def of_build(plan: ImagePlan, job: str, engine: str, how: str, failed: EngineFailed) -> BuildFailed:
    """The problem that a failed build is; `how` the engine built it."""
    known = _known(BUILD, failed.detail)
    why = "the builder's own words are above" if failed.shown else failed.detail
    why += f"\n{known.cause.format(base=plan.base)}" if known else ""
    cure = known.cure if known else f"inv render --job {job}, then read its Dockerfile"
    cure = cure.format(engine=engine, base=plan.base)
    return BuildFailed(f"the image of job '{job}' could not be built {how}", why=why, fix=cure)


def of_push(ref: str, job: str, detail: str) -> BuildFailed:
    """The problem that a failed push (or login to push) of a job's image is, `detail` what was answered."""
    reference = Reference.parse(ref)
    known, again = _known(PUSH, detail), f"inv push --job {job}"
    if known is None:
        return BuildFailed(f"the image {ref} could not be pushed", why=detail, fix=again)
    names = {"host": reference.host, "repository": reference.repository.rpartition("/")[0]}
    why = f"{known.cause.format(**names)}\n{_tail(detail)}"
    cure = _cure(known, reference.host, detail, again)
    return BuildFailed(f"the image {ref} could not be pushed", why=why, fix=cure)


def of_login(host: str, detail: str) -> BuildFailed:
    """The problem that a refused login is."""
    known = _known(PUSH, detail)
    cure = _cure(known, host, detail, "inv login") if known else "inv login"
    return BuildFailed(f"the registry {host} refused the login", why=_tail(detail), fix=cure)


def _cure(known: Known, host: str, detail: str, again: str) -> str:
    if "connection refused" in detail.lower() and not is_loopback(host):
        return "check network, proxy and firewall"
    return known.cure.format(again=again)


def _known(catalogue: tuple[Known, ...], text: str) -> Known | None:
    return next((known for known in catalogue if re.search(known.looks_like, text, re.IGNORECASE)), None)


def _tail(text: str) -> str:
    """The last line, which holds the refusal; what stands before it is the progress of layers."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
