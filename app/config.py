"""The settings: one frozen dataclass. Its fields make the flags and the TRAIN_* variables, so they cannot differ."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, NoReturn


class Problem(Exception):
    """Something the user can mend: shown as what is wrong and what mends it, never as a traceback.

    `code` is the process's exit code: 2 for wrong settings or data, 1 for anything else.
    """

    def __init__(self, what: str, fix: str, code: int = 2) -> None:
        super().__init__(f"error: {what}\nfix: {fix}")
        self.code = code


def setting(default: Any, help: str, *, between: tuple[float, float] | None = None, fixed: bool = False) -> Any:
    """A field of Config: `between` bounds a number; a `fixed` one may not change when a run is resumed."""
    return field(default=default, metadata={"help": help, "between": between, "fixed": fixed})


@dataclass(frozen=True)
class Config:
    # What to train on.
    data: str = setting("data/digits.parquet", "a table (NAME, SCHEMA.NAME or DB.SCHEMA.NAME) or a file *.parquet")
    connection: str = setting("", "entry of connections.toml that reaches the table; a container needs none")
    label: str = setting("LABEL", "the column to learn: classes 0, 1, 2, ...", fixed=True)
    row_id: str = setting("ROW_ID", "a unique whole-number column: orders the rows and holds some out", fixed=True)
    features: str = setting("", "comma-separated columns to learn from; empty: every other column", fixed=True)
    classes: int = setting(10, "how many classes there are", between=(2, 1_000_000), fixed=True)
    held_out: int = setting(20, "percent of the rows kept from training, to measure on", between=(1, 90), fixed=True)
    # Where to write.
    output: str = setting("output", "folder for metrics, checkpoints and the model; also by MOUNT_PATH")
    # The network and its training.
    hidden: int = setting(128, "width of the hidden layers", between=(1, 65_536), fixed=True)
    dropout: float = setting(0.1, "share of hidden units silenced at each step", between=(0, 0.95))
    steps: int = setting(1000, "optimizer steps", between=(1, 1_000_000_000))
    batch_size: int = setting(64, "rows per step", between=(1, 10_000_000), fixed=True)
    learning_rate: float = setting(0.003, "its peak, after the warm-up", between=(1e-9, 10))
    weight_decay: float = setting(0.01, "AdamW's", between=(0, 10))
    warmup: int = setting(50, "steps over which the learning rate rises", between=(0, 1_000_000))
    seed: int = setting(0, "of weights, dropout and the order of the rows", between=(0, 2**31 - 1), fixed=True)
    # How to run.
    threads: int = setting(0, "CPU threads; 0: as many as this container may use", between=(0, 1024))
    log_every: int = setting(100, "steps between two log lines", between=(1, 1_000_000))
    save_every: int = setting(250, "steps between two checkpoints", between=(1, 1_000_000))
    keep: int = setting(2, "checkpoints kept; were it one, a damaged one would be the end", between=(2, 1000))

    def __post_init__(self) -> None:
        for item in fields(self):
            value, between = getattr(self, item.name), item.metadata["between"]
            if between and not between[0] <= value <= between[1]:
                raise Problem(f"{flag(item)} is {value}", f"choose one from {between[0]} to {between[1]}")


def resolve(argv: Sequence[str], env: Mapping[str, str]) -> Config:
    """The settings of this run: flags, then TRAIN_<FIELD>, then MOUNT_PATH for the output, then the defaults.

    Raises Problem for an unknown flag, an unknown TRAIN_* variable, and a value of the wrong kind or size.
    """
    parser = _Parser("python -m app", allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for item in fields(Config):
        help = f"{item.metadata['help']} (default: {item.default or 'none'})".replace("%", "%%")
        parser.add_argument(flag(item), dest=item.name, metavar=type(item.default).__name__.upper(), help=help)
    flags, unknown = parser.parse_known_args(argv)
    if unknown:
        word = unknown[0].partition("=")[0]
        raise Problem(f"unknown option {word}", suggestion(word, map(flag, fields(Config))))
    by_variable = {"TRAIN_" + item.name.upper(): item for item in fields(Config)}
    for name in env:
        if name.startswith("TRAIN_") and name not in by_variable:
            raise Problem(f"unknown variable {name}", suggestion(name, by_variable))

    values: dict[str, Any] = {"output": env["MOUNT_PATH"]} if env.get("MOUNT_PATH") else {}
    values |= {item.name: converted(item, env[name], name) for name, item in by_variable.items() if name in env}
    given = vars(flags)
    values |= {
        item.name: converted(item, given[item.name], flag(item)) for item in fields(Config) if item.name in given
    }
    return Config(**values)


def changes(config: Config, before: Mapping[str, Any], *, fixed: bool) -> list[str]:
    """What differs from a checkpoint's settings, as `--name was A, now B`: among the fixed ones, or the others."""
    now = asdict(config)
    differing = [item for item in fields(Config) if before.get(item.name, now[item.name]) != now[item.name]]
    return [
        f"{flag(item)} was {before[item.name]}, now {now[item.name]}"
        for item in differing
        if item.metadata["fixed"] == fixed
    ]


def flag(item: Field[Any]) -> str:
    return "--" + item.name.replace("_", "-")


def converted(item: Field[Any], text: str, origin: str) -> Any:
    kind: Any = type(item.default)
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise Problem(f"{origin} is {text!r}", f"give it {expected}, such as {item.default}") from None


def suggestion(word: str, known: Iterable[str]) -> str:
    """The one that was probably meant, or what there is to choose from (the first dozen, if there are many)."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    more = ", ..." if len(known) > 12 else ""
    return f"did you mean {close[0]}?" if close else "choose from " + ", ".join(known[:12]) + more


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Problem(message, "see python -m app --help")
