"""Which of several runs is the best, by a metric."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from spcs.errors import SettingsProblem, did_you_mean
from spcs.run.record import Record

USUAL = ("best_loss", "loss", "accuracy")
"""By which metric runs are compared where none is named: the first of these that one of them has, else its first."""
SMALLER = re.compile(r"(^|[_/.-])(loss|error|nll|perplexity|ppl|bpc|rmse|mse|mae|wer|cer|skipped)([_/.-]|$)", re.I)
LARGER = re.compile(
    r"(^|[_/.-])(acc|accuracy|f1|auc|auroc|precision|recall|r2|bleu|map|iou|dice|mfu|per_s)([_/.-]|$)", re.I
)
"""The names of metrics of which it is known which way is better."""
_DIRECTIONS = {"min": True, "max": False}


def metric(records: Iterable[Record], named: str = "") -> str:
    """Return the name of the metric that runs are compared by, empty where none has any.

    `named` is what the user said, `loss` or `loss:min`; a metric that no run has raises SettingsProblem.
    """
    known = list(dict.fromkeys(name for record in records for name in record.metrics))
    name = named.partition(":")[0]
    if not name:
        measured = [name for name in known if name not in ("seconds", "steps", "epochs")]
        return next((name for name in USUAL if name in known), measured[0] if measured else "")
    if known and name not in known:
        raise SettingsProblem(
            f"no run has a metric {name!r}", fix=did_you_mean(name, known) or f"choose from {', '.join(known)}"
        )
    return name


def smaller_is_better(named: str) -> bool:
    """Tell the direction of a metric: said with it (`f1:max`), or by its name: a loss is to be small, and whatever is
    not known to be as large as it can."""
    name, colon, direction = named.partition(":")
    if not colon:
        return SMALLER.search(name) is not None
    if direction not in _DIRECTIONS:
        raise SettingsProblem(f"{named!r} names no direction", fix=f"write {name}:min or {name}:max")
    return _DIRECTIONS[direction]


def ranked(records: Sequence[Record], named: str = "") -> list[Record]:
    """Return the runs that have the metric, the best first. Raises SettingsProblem for a metric that none has."""
    name, small = metric(records, named), smaller_is_better(named) if named else None
    small = smaller_is_better(name) if small is None else small
    having = [record for record in records if math.isfinite(record.metrics.get(name, math.nan))]
    return sorted(having, key=lambda record: record.metrics[name] * (1 if small else -1))
