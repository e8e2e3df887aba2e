"""What the program says: lines on stdout, and the same numbers in full as JSON lines and for TensorBoard in files; and
what it leaves about its model."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from app import checkpoint
from app.config import Config, Problem


class Report:
    """Says what rank 0 has to say; in the other processes it is silent, but for notes.

    What grows is written to a local folder, where it may be appended to; the `output` volume gets whole copies.
    """

    def __init__(self, config: Config, output: Path, rank: int = 0) -> None:
        self.output, self.rank, self.format, self.rewritten = output, rank, config.log_format, False
        if self.format == "auto":
            self.format = "terminal" if sys.stdout.isatty() else "lines"
        self.local = tempfile.TemporaryDirectory(prefix="train-")
        self.kept = Path(self.local.name, "metrics.jsonl")
        self.kept.touch()
        self.board: Any = None
        with suppress(ImportError):  # TensorBoard is 50 MB, and not installed by default
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(Path(self.local.name, "tensorboard"))) if rank == 0 else None

    def metrics(self, step: int, **values: Any) -> None:
        """A measurement at a step: shown, and kept. On a terminal it takes the place of the one before."""
        if self.rank == 0:
            measurement = {"step": step} | values
            self.show(measurement, passing=True)
            with self.kept.open("a") as file:
                file.write(json.dumps(plain(measurement)) + "\n")
            for name, value in values.items() if self.board else ():
                self.board.add_scalar(name, value, step)

    def say(self, **values: Any) -> None:
        if self.rank == 0:
            self.show(values)

    def note(self, text: str) -> None:
        """Something unusual. It may have happened to one process alone, so each may say it."""
        self.show({"note": text} if self.rank == 0 else {"note": text, "rank": self.rank})

    def show(self, values: Mapping[str, Any], passing: bool = False) -> None:
        if self.format == "json":
            write(json.dumps({"body": line(values), "attributes": plain(values)}) + "\n")
        elif self.format == "terminal":
            self.show_on_terminal(line(values), passing)
        else:
            write(line(values) + "\n")

    def show_on_terminal(self, text: str, passing: bool) -> None:
        if passing:
            write("\r" + text[: shutil.get_terminal_size().columns - 1] + "\x1b[K")
        else:
            write("\n" * self.rewritten + text + "\n")
        self.rewritten = passing

    def publish(self, name: str, content: Any) -> None:
        """Puts a file on the output volume, in the place of what was there: bytes as they are, all else as JSON."""
        if self.rank == 0:
            text = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
            checkpoint.publish(self.output / name, text)

    def publish_results(
        self, config: Config, models: Mapping[str, Any], schema: Mapping[str, Any], result: Mapping[str, Any]
    ) -> None:
        """What is of use after the run; metrics.json comes last, so where it is, all of it is."""
        for name, weights in models.items():
            self.publish(f"{name}.safetensors", model_file(weights, config, schema))
        self.publish("schema.json", schema)
        self.publish("MODEL_CARD.md", card(config, schema, result))
        self.publish("metrics.json", plain(result))

    def publish_logs(self) -> None:
        """As far as they have come."""
        if self.board:
            self.board.flush()
        for file in Path(self.local.name).rglob("*"):
            if file.is_file():
                self.publish(str(file.relative_to(self.local.name)), file.read_bytes())

    def close(self) -> None:
        write("\n" * self.rewritten)
        if self.board:
            self.board.close()
        self.local.cleanup()


def writable(output: Path) -> Path:
    """The folder, made if it is not there. Tried before anything costs time."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not os.access(output, os.W_OK):
            raise PermissionError(13, "it is read-only")
    except OSError as error:
        fix = "choose another --output; on a stage, give the role WRITE"
        raise Problem(f"cannot write to {output}: {error.strerror}", fix) from error
    return output


def say(**values: Any) -> None:
    """For what happens before and around the training."""
    write(line(values) + "\n")


def write(text: str) -> None:
    """Flushed at once: behind a pipe, as in a container, Python would hold back kilobytes of it."""
    print(text, end="", flush=True)


def guarded(main: Callable[[Sequence[str]], int]) -> int:
    """Runs it with the process's arguments; what the user can mend is told in two lines. Returns the exit code."""
    try:
        return main(sys.argv[1:])
    except Problem as error:
        problem = error
    except OSError as error:
        problem = Problem(str(error), "is there space, and is the output folder writable?", 1)
    rank = int(os.environ.get("RANK", "0"))
    sys.stderr.write(f"rank {rank}: {problem}\n" if rank else f"{problem}\n")
    return problem.code


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON has a word for: it has none for NaN and infinity."""
    nameless = {name for name, value in values.items() if isinstance(value, float) and not math.isfinite(value)}
    return {name: None if name in nameless else value for name, value in values.items()}


def line(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={shown(value)}" for name, value in values.items())


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=\n') else text


def model_file(weights: Mapping[str, Tensor], config: Config, schema: Mapping[str, Any]) -> bytes:
    """As safetensors, to be written in one go: its own `save_file` renames, which the output volume cannot."""
    # Copies, as tied weights may not share their memory in this format.
    tensors = {name: weight.to("cpu", copy=True).contiguous() for name, weight in weights.items()}
    return safetensors.torch.save(tensors, {"config": json.dumps(asdict(config)), "schema": json.dumps(schema)})


def card(config: Config, schema: Mapping[str, Any], result: Mapping[str, Any]) -> bytes:
    """The model card: what the model learned from, how, and how well it does. In Markdown."""
    parts = {
        "How well it does": table(result),
        "What it learned from": f"```json\n{json.dumps(schema, indent=1, default=str)}\n```",
        "How it was trained": table(asdict(config)),
        "How to use it": "`model.safetensors` holds the weights of the last step, `best.safetensors` those with the "
        "smallest loss on the held-out rows. Both carry the settings and the schema as JSON in their metadata, under "
        f"`config` and `schema`; `build_model` of `{config.model}` makes the network they belong to.",
    }
    return ("# Model card\n\n" + "\n\n".join(f"## {name}\n\n{text}" for name, text in parts.items()) + "\n").encode()


def table(values: Mapping[str, Any]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {shown(value)} |" for name, value in values.items())])
