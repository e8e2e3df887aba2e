"""What a run costs: nodes of its pool x credits an hour x time, by the rates in rates.toml; without a rate, nothing is
guessed.

A pool is billed by the second for the nodes it has while it is IDLE, ACTIVE, STOPPING or RESIZING, and for five minutes
at least when a node starts. What is told here is the run's own share: the least that it costs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spcs.errors import SettingsProblem
from spcs.run.record import End, Record

FILE = "rates.toml"
BILLED = frozenset({"IDLE", "ACTIVE", "STOPPING", "RESIZING"})
"""The states in which a pool is billed."""
LOCAL = "local"


@dataclass(frozen=True)
class Rates:
    """Credits an hour by instance family; `source` and `date` say whose and of when."""

    credits: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    date: str = ""

    def of(self, family: str) -> float | None:
        return self.credits.get(family.upper())


@dataclass(frozen=True)
class Tariff:
    """What the machines of a run cost: so many nodes of a family, `rate` credits an hour each, None if not known."""

    family: str
    nodes: int
    rate: float | None

    @property
    def hourly(self) -> float | None:
        return None if self.rate is None else self.rate * self.nodes

    def credits(self, seconds: float | None) -> float | None:
        return None if self.hourly is None or seconds is None else self.hourly * seconds / 3600

    def seconds(self, credits: float) -> float | None:
        """How long that many credits last."""
        return credits / self.hourly * 3600 if self.hourly else None


def rates(root: Path) -> Rates:
    """Read rates.toml in the project's folder; raises SettingsProblem if that fails. Without one, no rate is known."""
    try:
        content = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
        credits = {str(family).upper(): float(rate) for family, rate in content["credits_per_hour"].items()}
    except FileNotFoundError:
        return Rates()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
        fix = f"write `FAMILY = credits` lines below [credits_per_hour] in {FILE}, or delete it"
        raise SettingsProblem(f"{FILE} cannot be read", f"{type(error).__name__}: {error}", fix) from error
    return Rates(credits, str(content.get("source", "")), str(content.get("date", "")))


def tariff(known: Rates, pool: Mapping[str, Any], replicas: int) -> Tariff:
    """`pool` has the keys of the setting `compute_pool`, or of SHOW COMPUTE POOLS. Replicas may share a node; that each
    has its own, as far as the pool has nodes, is the most that they cost."""
    least, most = int(pool.get("min_nodes") or 1), int(pool.get("max_nodes") or 1)
    family = str(pool.get("instance_family") or "")
    return Tariff(family, max(1, least, min(most, replicas)), known.of(family))


def of_record(known: Rates, record: Record) -> Tariff:
    """The tariff of a run, by what it was made of."""
    return tariff(known, record.settings.get("pool") or {}, record.replicas)


def limit(record: Record) -> float | None:
    """The credits at which the run is to be stopped, if its job says so."""
    most = (record.settings.get("job") or {}).get("max_credits")
    return float(most) if most is not None else None


def spent(root: Path, record: Record, end: End) -> float | None:
    """The credits that a run has cost, None where they are not known; on the local account nothing costs any."""
    if record.run.connection == LOCAL or end.started is None or end.ended is None:
        return None
    with suppress(SettingsProblem):  # the file is mended when the next run is started
        seconds = max(0.0, (end.ended - end.started).total_seconds())
        return of_record(rates(root), record).credits(seconds)
    return None
