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


def setting(
    default: Any, help: str, *, between: Sequence[float] = (), choices: Sequence[str] = (), fixed: bool = False
) -> Any:
    """A field of Config: `between` bounds a number, `choices` a word; a `fixed` one may not change on resume."""
    return field(default=default, metadata={"help": help, "between": between, "choices": choices, "fixed": fixed})


MOUNTS = {"MOUNT_PATH": "output", "RESUME_PATH": "resume", "MOUNT_STAGE": "stage"}  # set by the specification


@dataclass(frozen=True)
class Config:
    # What to train on.
    data: str = setting("data/digits.parquet", "a table ([[DB.]SCHEMA.]NAME), a file *.parquet, or a FOLDER/ of them")
    connection: str = setting("", "entry of connections.toml that reaches the table; a container needs none")
    label: str = setting("LABEL", "the column to learn: classes 0, 1, 2, ...", fixed=True)
    row_id: str = setting("ROW_ID", "a unique whole-number column: orders the rows and holds some out", fixed=True)
    features: str = setting("", "comma-separated columns to learn from; empty: every other column", fixed=True)
    columns: str = setting("", 'what they hold, as JSON or its file: {"CITY": {"kind": "category"}}')
    classes: int = setting(10, "of the label; 1: it is a number, not a class", between=(1, 1_000_000), fixed=True)
    held_out: int = setting(20, "percent of the rows kept from training, to measure on", between=(1, 90), fixed=True)
    shuffle_gib: int = setting(
        8, "larger data, which memory may not hold, is shuffled by blocks", between=(0, 10**6), fixed=True
    )
    unload: str = setting(
        "auto",
        "write the table to the stage and read it there: auto is for several nodes, and to resume",
        choices=("auto", "always", "never"),
    )
    # Where to write.
    output: str = setting("output", "folder for metrics, checkpoints and the model; also by MOUNT_PATH")
    resume: str = setting("", "output folder of an earlier run to go on from; also by RESUME_PATH")
    stage: str = setting("", "the stage location that the output folder is, if it is one; also by MOUNT_STAGE")
    # The network and its training.
    model: str = setting("app.model", "module that makes the network and its loss", fixed=True)
    image: str = setting("", "8x8: a row is such a picture (28x28x3: in colours); some are shown with what was guessed")
    hidden: int = setting(128, "width of the hidden layers", between=(1, 65_536), fixed=True)
    dropout: float = setting(0.1, "share of hidden units silenced at each step", between=(0, 0.95))
    steps: int = setting(1000, "optimizer steps", between=(1, 1_000_000_000))
    batch_size: int = setting(64, "rows per step, over all processes", between=(1, 10_000_000), fixed=True)
    accumulate: int = setting(1, "parts a process cuts its rows of a step into, to save memory", between=(1, 100_000))
    learning_rate: float = setting(0.003, "its peak, after the warm-up", between=(1e-9, 10))
    weight_decay: float = setting(0.01, "AdamW's", between=(0, 10))
    warmup: int = setting(50, "steps over which the learning rate rises", between=(0, 1_000_000))
    clip: float = setting(1.0, "the longest a gradient may be; 0: any length", between=(0, 1e9))
    nan_budget: int = setting(10, "steps that may be skipped for a gradient with NaN", between=(0, 1_000_000))
    patience: int = setting(0, "stop after so many validations without a better loss; 0: never", between=(0, 1_000_000))
    seed: int = setting(0, "of weights, dropout and the order of the rows", between=(0, 2**31 - 1), fixed=True)
    # How to run.
    device: str = setting("auto", "auto takes the accelerator if there is one", choices=("auto", "cpu", "cuda", "mps"))
    processes: int = setting(0, "of each container; 0: one a GPU, or one", between=(0, 1024))
    precision: str = setting(
        "auto",
        "auto is bf16 on GPUs that have it, else fp32; on CPUs bf16 gains with wide layers only, so it has to be said",
        choices=("auto", "bf16", "fp32"),
    )
    compile: bool = setting(False, "compile the model (needs a C compiler in the image)")
    deterministic: bool = setting(False, "refuse operations that differ from run to run")
    threads: int = setting(0, "CPU threads per process; 0: its share of what the container may use", between=(0, 1024))
    log_every: int = setting(100, "steps between two log lines", between=(1, 1_000_000))
    log_format: str = setting("auto", "auto rewrites one line on a terminal", choices=("auto", "lines", "json"))
    eval_every: int = setting(250, "steps between two validations", between=(1, 1_000_000))
    save_every: int = setting(250, "steps between two checkpoints", between=(1, 1_000_000))
    keep: int = setting(2, "checkpoints kept beside the best; the newest may be damaged", between=(2, 1000))

    def __post_init__(self) -> None:
        for item in fields(self):
            value, between = getattr(self, item.name), item.metadata["between"]
            if between and not between[0] <= value <= between[1]:
                raise Problem(f"{flag(item)} is {value}", f"choose one from {between[0]} to {between[1]}")
            if (choices := item.metadata["choices"]) and value not in choices:
                raise Problem(f"{flag(item)} is {value!r}", f"choose from {', '.join(choices)}")


def resolve(argv: Sequence[str], env: Mapping[str, str]) -> Config:
    """The settings of this run: flags, then TRAIN_<FIELD>, then what the specification mounts, then the defaults.

    Raises Problem for an unknown flag, an unknown TRAIN_* variable, and a value of the wrong kind or size.
    """
    parser = _Parser("python -m app", allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for item in fields(Config):
        help = f"{item.metadata['help']} (default: {item.default or 'none'})".replace("%", "%%")
        optional: dict[str, Any] = {"nargs": "?", "const": "true"} if isinstance(item.default, bool) else {}
        kind = "|".join(item.metadata["choices"]) or type(item.default).__name__.upper()
        parser.add_argument(flag(item), dest=item.name, metavar=kind, help=help, **optional)
    flags, unknown = parser.parse_known_args(argv)
    variables = MOUNTS | {"TRAIN_" + item.name.upper(): item.name for item in fields(Config)}
    for word in [*unknown, *(name for name in env if name.startswith("TRAIN_") and name not in variables)]:
        known = variables if word.startswith("TRAIN_") else map(flag, fields(Config))
        raise Problem(f"unknown setting {word}", suggestion(word.partition("=")[0], known))
    given = {name: env[variable] for variable, name in variables.items() if env.get(variable)} | vars(flags)
    return Config(**{item.name: converted(item, given[item.name]) for item in fields(Config) if item.name in given})


def changes(config: Config, before: Mapping[str, Any], *, fixed: bool) -> list[str]:
    """What differs from a checkpoint's settings, as `--name was A, now B`: among the fixed ones, or the others."""
    now = asdict(config)
    return [
        f"{flag(item)} was {before[item.name]}, now {now[item.name]}"
        for item in fields(Config)
        if item.metadata["fixed"] == fixed and before.get(item.name, now[item.name]) != now[item.name]
    ]


def flag(item: Field[Any]) -> str:
    return "--" + item.name.replace("_", "-")


def converted(item: Field[Any], text: str) -> Any:
    kind: Any = type(item.default)
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (ValueError, LookupError):
        wanted = {int: "a whole number", bool: "true or false"}.get(kind, "a number")
        raise Problem(f"{flag(item)} is {text!r}", f"give it, or TRAIN_{item.name.upper()}, {wanted}") from None


def suggestion(word: str, known: Iterable[str]) -> str:
    """The one that was probably meant, or what there is to choose from (the first dozen, if there are many)."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    more = ", ..." if len(known) > 12 else ""
    return f"did you mean {close[0]}?" if close else "choose from " + ", ".join(known[:12]) + more


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Problem(message, "see python -m app --help")
