"""What builders and registries say when they fail, what it means, and the command that mends it.

`docs/troubleshooting.md` shows these catalogues to users. In each the first entry that fits counts.
"""

from __future__ import annotations

from spcs.errors import BuildFailed, Known, Meaning, meaning
from spcs.image.engines import EMULATE, MAKE_ROOM, EngineFailed
from spcs.image.inputs import ImagePlan
from spcs.image.registry import Reference, is_loopback

BUILD = (
    Known(("no space left on device",), "the disk of the engine is full", MAKE_ROOM),
    Known(
        ("invalid reference format",),
        "{base} is not the name of an image in a registry; one that lies in a folder (oci:…) is read without an engine",
        "inv build push --engine wheels, or name an image in image.base in invoke.yaml",
    ),
    Known(
        ("error getting credentials",),
        "the engine asks a key store for the login of the base image's registry, and has none that answers",
        "take credsStore and credHelpers out of ~/.docker/config.json",
    ),
    Known(
        (
            *("Temporary failure in name resolution", "Temporary failure resolving", "Name or service not known"),
            *("Failed to establish a new connection", "CERTIFICATE_VERIFY_FAILED"),
            *("error sending request for url", "invalid peer certificate"),
        ),
        "the builder does not reach the package index",
        "check network, proxy and certificates of the engine; image.build_options: [--network, host] may help",
    ),
    Known(
        (
            *("No matching distribution found", "Could not find a version that satisfies"),
            "No solution found when resolving dependencies",
        ),
        "the package indexes that the builder asks have no such version for this base",
        "check image.indexes and the base's Python in the settings; where the version was withdrawn, take another one "
        "under pins in invoke.yaml, then inv lock",
    ),
    Known(
        ("DO NOT MATCH THE HASHES", "Hash mismatch for"),
        "an index gave something else than the artifact that was locked",
        "if you know that the index is right: remove the lock from locks/, then inv lock",
    ),
    Known(
        ("ResolutionImpossible", "conflicting dependencies"),
        "two pins contradict each other",
        "change one of the two under pins in invoke.yaml",
    ),
    Known(
        ("Failed building wheel for {package}", "Failed to build `{package}==…`"),
        "{package} has no ready-made wheel for this Python, and the image has no compiler",
        "pin a version of {package} that has one, or set image: {{apt: [build-essential]}} in invoke.yaml",
    ),
    Known(
        ("Unable to locate package {package}",),
        "the base image's Debian has no package {package}",
        "correct image.apt in invoke.yaml",
    ),
    Known(
        ("python3: not found", "python3: command not found", "ensurepip is not available"),
        "the base image {base} has no python3 with venv",
        "set image: {{apt: [python3, python3-venv]}} in invoke.yaml, or another image.base",
    ),
    Known(
        ("returned a non-zero code: 137", "exit code: 137"),
        "the build was killed, most likely because the engine's memory was full",
        "give the engine more memory (Docker Desktop: Settings, Resources)",
    ),
    Known(
        ("exec format error",),
        "the engine cannot run linux/{architecture} programs on this processor",
        EMULATE,
    ),
    Known(
        ("did not resolve to an alias",),
        "podman takes the base image {base} from no registry that is not named",
        "name the registry in image.base in invoke.yaml: docker.io/library/{base} or docker.io/{base}",
    ),
    Known(
        (
            *("pull access denied", "manifest unknown", "manifest not found", "manifest for … not found"),
            *("failed to resolve source metadata", "Error response from daemon: Get", "dial tcp"),
            "initializing source",
        ),
        "the base image {base} could not be fetched",
        "check image.base in invoke.yaml and the way to its registry: {engine} pull {base}",
    ),
)

UNDERSCORE = Known(
    ("no Host in request URL",),
    "docker takes no host with a _ in its name: {host}",
    "delete .spcs/repository.json, then {again}: the registry answers to the name with - for each _ as well",
)
NOBODY = Known(("connection refused",), "nothing answers at {host}", "check network, proxy and firewall")
NOBODY_HERE = Known(NOBODY.says, NOBODY.means, "inv local.up")
UNKNOWN_HOST = Known(
    (
        *("no such host", "Name or service not known", "Temporary failure in name resolution"),
        *("nodename nor servname provided", "server misbehaving"),
    ),
    "there is no registry of the name {host}",
    "compare with repository_url of SHOW IMAGE REPOSITORIES, and check the network",
)
FULL = Known(("no space left on device",), "the disk of the registry is full", "free some space there, then {again}")
UNSTEADY = Known(
    (
        *("timed out", "timeout", "deadline exceeded", "connection reset", "broken pipe", "EOF"),
        *("tls:", "x509:", "CERTIFICATE_VERIFY_FAILED"),
    ),
    "the connection to {host} failed",
    "check network, proxy and certificates, then {again}",
)

PUSH = (
    UNDERSCORE,
    NOBODY,
    UNKNOWN_HOST,
    Known(
        ("NAME_INVALID", "name invalid", "invalid reference format", "repository name must be lowercase"),
        "the registry does not take that name",
        "write image.name in invoke.yaml in lower-case letters, digits, . _ and -",
    ),
    Known(
        ("413:", "HTTP 413", "status: 413", "Request Entity Too Large", "SIZE_INVALID"),
        "a layer is larger than {host} takes",
        "spread the packages over more layers, with a Dockerfile of your own (image.dockerfile)",
    ),
    Known(
        (
            *("toomanyrequests", "too many requests", "Service Unavailable", "Bad Gateway", "Gateway Timeout"),
            *("Internal Server Error", "429:"),
        ),
        "the registry {host} is busy or being restarted, and stayed so",
        "{again} in a while",
    ),
    Known(
        ("unauthorized", "authentication required", "no basic auth credentials", "401:", "HTTP 401"),
        "the registry {host} refused the login, also with a fresh one",
        "check with inv login that the connection's user may log in",
    ),
    Known(
        ("denied", "insufficient", "insufficient_scope", "forbidden", "403:", "HTTP 403"),
        "the role may not write to the image repository",
        "GRANT WRITE ON IMAGE REPOSITORY … TO ROLE …, or inv setup",
    ),
    Known(
        ("name unknown", "NAME_UNKNOWN", "repository name not known", "not found", "does not exist", "404:"),
        "there is no image repository {repository}",
        "inv setup",
    ),
    FULL,
    UNSTEADY,
)

LOGIN = (
    UNDERSCORE,
    NOBODY,
    UNKNOWN_HOST,
    Known(
        ("Failed to perform repository operation", "404 Not Found", "404 page not found", "404:"),
        "there is no account at {host}, or not this user in it",
        "write account as <organization>-<account> in the connection's entry, without a region, then {again}",
    ),
    Known(
        ("Cannot perform an interactive login from a non TTY device",),
        "the engine was given an empty token",
        "{again}; if it stays so, inv doctor says what is wrong with the connection",
    ),
    Known(
        ("unauthorized", "authentication required", "401:"),
        "the registry {host} does not take the token of this session",
        "{again}; if it stays so, see what inv doctor says of login and registry",
    ),
    FULL,
    UNSTEADY,
)


def of_build(plan: ImagePlan, job: str, engine: str, how: str, failed: EngineFailed) -> BuildFailed:
    """The problem that a failed build is; `how` the engine built it."""
    architecture = plan.platform.rpartition("/")[2]
    known = meaning(BUILD, failed.detail, engine=engine, base=plan.base, architecture=architecture)
    why = ["the builder's own words are above" if failed.shown else failed.detail, *([known.means] if known else [])]
    fix = known.fix if known else f"inv render --job {job}, then read its Dockerfile"
    return BuildFailed(f"the image of job '{job}' could not be built {how}", why="\n".join(why), fix=fix)


def of_push(ref: str, job: str, detail: str) -> BuildFailed:
    """The problem that a failed push of a job's image is, `detail` what was answered."""
    what, again = f"the image {ref} could not be pushed", f"inv push --job {job}"
    known = _known(PUSH, Reference.parse(ref), detail, again)
    if known is None:
        return BuildFailed(what, why=detail, fix=again)
    return BuildFailed(what, why=f"{known.means}\n{_tail(detail)}", fix=known.fix)


def of_login(host: str, detail: str) -> BuildFailed:
    """The problem that a refused login is."""
    known = _known(LOGIN, Reference(host, "", ""), detail, "inv login")
    why, fix = (f"{known.means}\n{_tail(detail)}", known.fix) if known else (_tail(detail), "inv login")
    return BuildFailed(f"the registry {host} refused the login", why=why, fix=fix)


def _known(catalogue: tuple[Known, ...], asked: Reference, detail: str, again: str) -> Meaning | None:
    entries = (NOBODY_HERE, *catalogue) if is_loopback(asked.host) else catalogue
    repository = asked.repository.rpartition("/")[0]
    return meaning(entries, detail, host=asked.host, repository=repository, again=again)


def _tail(text: str) -> str:
    """The last line, which holds the refusal; what stands before it is the progress of layers."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
