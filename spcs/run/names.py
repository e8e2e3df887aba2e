"""The name of a run, and the places on the stage that follow from it.

A run is `<job>_<yyyymmdd>_<hhmmss>_<4 chars>` in UTC: readable, sortable within a job, and a legal SPCS service name
(an unquoted identifier that stays a DNS label once Snowflake turns `_` into `-`, so at most 63 characters).
Snowflake stores it in upper case; we always write it in lower case, because paths on a stage tell the cases apart.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from spcs.errors import SettingsProblem

LONGEST = 63
LONGEST_JOB = LONGEST - len("_20260101_000000_xxxx")
# Without vowels no suffix spells a word; without 0, 1 and l none is misread.
SUFFIX_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
SPEC_FILE = "spec.yaml"

_JOB = re.compile(r"[a-z][a-z0-9_]*")
_RUN = re.compile(rf"(?P<job>[a-z][a-z0-9_]*)_(?P<when>\d{{8}}_\d{{6}})_[{SUFFIX_ALPHABET}]{{4}}")


def new_run(job: str, now: datetime | None = None) -> str:
    """Return a fresh run name for `job`; `now` is an aware datetime (default: the present)."""
    stem = job.lower().replace("-", "_")
    if not _JOB.fullmatch(stem) or len(stem) > LONGEST_JOB:
        raise SettingsProblem(
            f"the job name {job!r} cannot name a run",
            f"Snowflake takes a letter, then letters, digits and underscores; at most {LONGEST_JOB} characters",
            "rename the entry under jobs in invoke.yaml",
        )
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(4))
    return f"{stem}_{moment:%Y%m%d_%H%M%S}_{suffix}"


def is_run(name: str) -> bool:
    """Tell whether `name` (in either case) was made by `new_run`."""
    return _RUN.fullmatch(name.lower()) is not None


def known_run(name: str) -> str:
    """Return a run name as typed by a user in its canonical, lower case form."""
    if not is_run(name):
        raise SettingsProblem(
            f"{name!r} is not the name of a run",
            "a run is named <job>_<yyyymmdd>_<hhmmss>_<4 characters>, as inv run prints it",
            "inv status (it names the last run)",
        )
    return name.lower()


def job_of(run: str) -> str:
    """Return the job a run belongs to."""
    return _parts(run)["job"]


def started(run: str) -> datetime:
    """Return the moment (UTC) a run was named."""
    return datetime.strptime(_parts(run)["when"], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)


def all_runs(stage: str) -> str:
    """Return the folder on the stage that holds the folders of all runs."""
    return f"@{stage}/runs/"


def folder(stage: str, run: str) -> str:
    """Return the run's folder on the stage, e.g. `@db.schema.stage/runs/<run>/`."""
    return f"{all_runs(stage)}{run}/"


def output_folder(stage: str, run: str) -> str:
    """Return the folder on the stage where the job's output volume is mounted."""
    return folder(stage, run) + "output/"


def spec_path(stage: str, run: str) -> str:
    """Return where the run's specification lies on the stage."""
    return folder(stage, run) + SPEC_FILE


def record_path(stage: str, run: str) -> str:
    """Return where the run's record lies on the stage."""
    return folder(stage, run) + record_file(run)


def record_file(run: str) -> str:
    """Return the name of the run's record. The run's own, so that one GET, which drops folders, can bring many."""
    return f"{run}.json"


def _parts(run: str) -> dict[str, str]:
    found = _RUN.fullmatch(run.lower())
    if found is None:
        raise ValueError(f"{run!r} is not the name of a run")
    return found.groupdict()
