"""What values must be beyond their type: names, bounds, and texts that enter a Dockerfile or YAML as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spcs.config.check import Origin, Path, dotted
from spcs.config.model import ComputePool, Job, Settings
from spcs.errors import SettingsProblem


@dataclass(frozen=True)
class Rule:
    """What a text must match as a whole; `fix` says it in words, `why` what for."""

    pattern: re.Pattern[str]
    fix: str
    why: str = ""


IDENTIFIER = Rule(
    re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}"),
    "use letters, digits and _, beginning with a letter",
    "Snowpark Container Services takes unquoted names only",
)
FAMILY = Rule(re.compile(r"\w+", re.ASCII), "name an instance family, such as CPU_X64_S: letters, digits and _")
CONNECTION = Rule(re.compile(r"\S.*"), "write local, or the name of an entry of your connections.toml")
IMAGE = Rule(
    re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"),
    "use lower-case letters and digits, parted by . _ or -",
    "registries take no other names of images",
)
BASE = Rule(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@\[\]-]*"),
    "name one image, such as python:3.11-slim, with its digest if it has one",
)
PYTHON = Rule(re.compile(r"3\.\d+"), 'write its first two numbers in quotes, such as "3.11"')
APT = Rule(
    re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+~:-]+)?"),
    "name one Debian package an entry, such as libgomp1 or libgomp1=12.2.0-14",
)
VARIABLE = Rule(re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*"), "use letters, digits and _, beginning with a letter")
CONTAINERS_OWN = Rule(
    re.compile(r"(?!(SNOWFLAKE_HOST|SNOWFLAKE_ACCOUNT)$).*"),
    "take it out, or call it otherwise",
    "Snowflake sets it in the container, and the account is reached from there by what it sets alone",
)
FOLDER = Rule(
    re.compile(r"(/(?!\.{1,2}(/|$))[^/\x00-\x1f]+)+/?"),
    "write an absolute path of a folder below /, such as /opt/training-output",
)
JOB = Rule(
    re.compile(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?"),
    "use lower-case letters, digits and _, beginning with a letter, at most 40 characters",
    "a run's name is made of it, and that becomes a host name",
)
HOST = Rule(
    re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?"),
    "name one host, such as huggingface.co or example.org:8443; there are no wildcards",
)
SECRET = Rule(
    re.compile(r"([A-Za-z_][A-Za-z0-9_$]*\.){0,2}[A-Za-z_][A-Za-z0-9_$]*"),
    "name a secret of the account, such as HUB_TOKEN, or one of another schema as database.schema.name",
)
MOST_HOSTS = 100
PORTS = (22, 80, 443)
"""The ports below 1024 that Snowpark Container Services lets a container out to."""
ANYWHERE = "0.0.0.0"

Checked = tuple[Path, str, Rule]
Bounded = tuple[Path, int, int]


def check(settings: Settings, origin: Origin) -> None:
    """Raise SettingsProblem for the first value that breaks its rule."""
    for name in settings.jobs:
        if not JOB.pattern.fullmatch(name):
            check_job_name(name, f" ({origin(('jobs', name))})")
    for path, text, rule in _texts(settings):
        if not rule.pattern.fullmatch(text):
            raise SettingsProblem(f"'{dotted(path)}' is {text!r} ({origin(path)})", rule.why, rule.fix)
    for path, number, least in _numbers(settings):
        if number < least:
            raise SettingsProblem(f"'{dotted(path)}' is {number} ({origin(path)})", fix=f"write {least} or more")
    for name, job in settings.jobs.items():
        if job.max_credits is not None and not job.max_credits > 0:
            at: Path = ("jobs", name, "max_credits")
            raise SettingsProblem(f"'{dotted(at)}' is {job.max_credits:g} ({origin(at)})", fix="write more than 0")
    for path, pool in _pools(settings):
        if pool.max_nodes < pool.min_nodes:
            raise SettingsProblem(
                f"'{dotted(path)}' has min_nodes {pool.min_nodes}, but max_nodes {pool.max_nodes} ({origin(path)})",
                fix="raise max_nodes, or lower min_nodes",
            )
    for name, job in settings.jobs.items():
        _check_access(("jobs", name), job, origin)


def _check_access(path: Path, job: Job, origin: Origin) -> None:
    for number, secret in enumerate(job.secrets):
        here = (*path, "secrets", str(number))
        if (secret.env is None) == (secret.mount is None):
            what = f"'{dotted(here)}' must have either env or mount ({origin(here)})"
            raise SettingsProblem(what, fix="write env: VARIABLE, or mount: /folder for files")
    for number, host in enumerate(job.network):
        here = (*path, "network", str(number))
        if not _is_open(*host.partition(":")[::2]):
            what = f"'{dotted(here)}' is {host!r} ({origin(here)})"
            fix = f"name port 22, 80, 443, or 1024 and above; for {ANYWHERE}, any host, 80 or 443"
            raise SettingsProblem(what, "containers are let out to no other port", fix)
    if len(job.network) > MOST_HOSTS:
        here = (*path, "network")
        what = f"'{dotted(here)}' names {len(job.network)} hosts ({origin(here)})"
        raise SettingsProblem(what, f"an integration takes {MOST_HOSTS}", "name fewer")


def _is_open(host: str, port: str) -> bool:
    number = int(port or 443)
    return number in ((80, 443) if host == ANYWHERE else PORTS) or (host != ANYWHERE and 1024 <= number < 65536)


def check_job_name(name: str, where: str = "") -> None:
    """Raise SettingsProblem if no job can be called that; `where` says where it stands."""
    if not JOB.pattern.fullmatch(name):
        raise SettingsProblem(f"a job cannot be called {name!r}{where}", JOB.why, JOB.fix)


def _texts(settings: Settings) -> Iterator[Checked]:
    yield ("connection",), settings.connection, CONNECTION
    yield ("data", "table"), settings.data.table, IDENTIFIER
    for key, text in vars(settings.snowflake).items():
        if isinstance(text, str):
            yield ("snowflake", key), text, IDENTIFIER
    for path, pool in _pools(settings):
        yield (*path, "name"), pool.name, IDENTIFIER
        yield (*path, "instance_family"), pool.instance_family, FAMILY
    yield ("image", "name"), settings.image.name, IMAGE
    yield ("image", "base"), settings.image.base, BASE
    if settings.image.python is not None:
        yield ("image", "python"), settings.image.python, PYTHON
    for number, package in enumerate(settings.image.apt):
        yield ("image", "apt", str(number)), package, APT
    for name, job in settings.jobs.items():
        yield from _of_job(("jobs", name), job)


def _of_job(path: Path, job: Job) -> Iterator[Checked]:
    if job.base is not None:
        yield (*path, "base"), job.base, BASE
    if job.python is not None:
        yield (*path, "python"), job.python, PYTHON
    for name in job.env:
        yield (*path, "env", name), name, VARIABLE
        yield (*path, "env", name), name, CONTAINERS_OWN
    yield (*path, "output"), job.output, FOLDER
    for number, volume in enumerate(job.volumes):
        yield (*path, "volumes", str(number), "mount"), volume.mount, FOLDER
    for number, host in enumerate(job.network):
        yield (*path, "network", str(number)), host, HOST
    for number, secret in enumerate(job.secrets):
        yield (*path, "secrets", str(number), "name"), secret.name, SECRET
        if secret.env is not None:
            yield (*path, "secrets", str(number), "env"), secret.env, VARIABLE
        if secret.mount is not None:
            yield (*path, "secrets", str(number), "mount"), secret.mount, FOLDER


def _numbers(settings: Settings) -> Iterator[Bounded]:
    for path, pool in _pools(settings):
        yield (*path, "min_nodes"), pool.min_nodes, 0
        yield (*path, "max_nodes"), pool.max_nodes, 1
        yield (*path, "auto_suspend_secs"), pool.auto_suspend_secs, 0
    for name, job in settings.jobs.items():
        yield ("jobs", name, "replicas"), job.replicas, 1


def _pools(settings: Settings) -> Iterator[tuple[Path, ComputePool]]:
    yield ("snowflake", "compute_pool"), settings.snowflake.compute_pool
    for name, job in settings.jobs.items():
        if job.compute_pool:
            yield ("jobs", name, "compute_pool"), job.compute_pool
