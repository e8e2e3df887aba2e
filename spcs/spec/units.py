"""Amounts as specifications write them: memory with a unit, CPU in cores or thousandths ('m').

All arithmetic is on whole bytes and whole thousandths of a core, so '0.1' and '100m' are the same amount.
Parsing raises ValueError with the rule that was broken as a sentence.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal

GIB = 1024**3
MEMORY_UNITS = {"Gi": GIB, "Mi": 1024**2, "M": 1000**2, "G": 1000**3}
_NUMBER = r"(\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})"
_EXACT = Context(prec=80)


def parse_memory(text: str) -> int:
    """'188G' -> 188000000000, '0.5Gi' -> 536870912 bytes. A fraction of a byte counts as a whole one."""
    match = re.fullmatch(rf"{_NUMBER}([A-Za-z]*)", text, re.ASCII)
    if match is None:
        raise ValueError("It must be a number followed by a unit: M, Mi, G or Gi, as in 10Gi.")
    number, unit = match.groups()
    if not unit:
        raise ValueError("A unit is required: M, Mi, G or Gi, as in 10Gi.")
    if unit not in MEMORY_UNITS:
        raise ValueError(f"Unknown unit '{unit}': it must be M, Mi, G or Gi.")
    return _ceiling(_EXACT.multiply(Decimal(number), MEMORY_UNITS[unit]))


def format_memory(size: int) -> str:
    """The shortest exact text for so many bytes: 188000000000 -> '188G', 536870912 -> '0.5Gi'."""
    texts = (_plain(_EXACT.divide(Decimal(size), factor)) + unit for unit, factor in MEMORY_UNITS.items())
    return min(texts, key=len)


def parse_cpu(text: str) -> float:
    """'2' -> 2.0, '0.5' and '500m' -> 0.5 cores. A fraction of a thousandth counts as a whole one."""
    match = re.fullmatch(rf"{_NUMBER}(m?)", text, re.ASCII)
    if match is None:
        raise ValueError("It must be a number of CPUs, as in 2, 0.5 or 500m.")
    number, unit = match.groups()
    return _ceiling(Decimal(number) * (1 if unit else 1000)) / 1000


def millis(cpu: float) -> int:
    """Cores as whole thousandths, the form in which they may be summed."""
    return round(cpu * 1000)


def format_cpu(cpu: float) -> str:
    """0.5 -> '0.5', 2.0 -> '2'."""
    return _plain(Decimal(millis(cpu)) / 1000)


def _ceiling(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
