"""What the program says: lines on stdout, and the same numbers in full as JSON lines and for TensorBoard in files; and
what it leaves about its model."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from app import checkpoint
from app.config import Config, Problem

SHOWN, ACROSS, FRAME = 64, 8, 3  # pictures in all, in a row, and the pixels around each
RIGHT, WRONG = (70, 70, 70), (230, 40, 40)


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
        text = line(values)
        if self.format == "json":
            text = json.dumps({"body": text, "attributes": plain(values)})
        start, end = "\n" if self.rewritten and not passing else "", "\n"
        if self.format == "terminal" and passing:
            start, text, end = "\r", text[: shutil.get_terminal_size().columns - 1] + "\x1b[K", ""
        self.rewritten = not end
        # Flushed at once: behind a pipe, as in a container, Python would hold back kilobytes of it.
        print(start + text, end=end, flush=True)

    def publish(self, name: str, content: Any) -> None:
        """Puts a file on the output volume, in the place of what was there: bytes as they are, all else as JSON."""
        if self.rank == 0:
            text = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
            checkpoint.publish(self.output / name, text)

    def publish_logs(self) -> None:
        """As far as they have come."""
        if self.board:
            self.board.flush()
        for file in Path(self.local.name).rglob("*"):
            if file.is_file():
                self.publish(str(file.relative_to(self.local.name)), file.read_bytes())

    def close(self) -> None:
        if self.rewritten:
            print(flush=True)
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
    print(line(values), flush=True)


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


def image_shape(config: Config, columns: int) -> tuple[int, ...]:
    """Height, width and colours of the picture that a row is; nothing if --image does not say so. Raises Problem."""
    if not config.image:
        return ()
    found = re.fullmatch(r"(\d+)x(\d+)(x3)?", config.image)
    shape = (int(found[1]), int(found[2]), 3 if found[3] else 1) if found else ()
    if math.prod(shape) != columns or config.classes == 1:
        what = f"--image is {config.image!r}, and a row has {columns} columns and one of {config.classes} classes"
        raise Problem(what, "give HEIGHTxWIDTH, or HEIGHTxWIDTHx3, of all --features; it is for classes only")
    return shape


def predictions(
    shape: tuple[int, ...], features: Tensor, labels: Tensor, scores: Tensor, schema: Mapping[str, Any]
) -> tuple[bytes, list[dict[str, Any]]]:
    """Pictures of the rows whose class the model finds least likely, the worst first and the wrong ones in red, as a
    PNG; and the classes that belong to them, in the same order.

    `features` [rows, columns] as the model sees them, `labels` [rows] int64, `scores` [rows, classes]; on the CPU.
    """
    chances = scores.softmax(dim=1)
    of_label = chances.gather(1, labels[:, None]).squeeze(1)
    rows = of_label.argsort()[:SHOWN]
    sure, guessed = chances[rows].max(dim=1)
    name = schema["label"]["vocabulary"] or range(scores.shape[1])
    told = [
        {"label": name[label], "predicted": name[guess], "sure": round(chance, 4)}
        for label, guess, chance in zip(labels[rows].tolist(), guessed.tolist(), sure.tolist(), strict=True)
    ]
    pixels = features[rows]
    for feature in schema["features"]:  # as they were before they were normalised
        part = pixels[:, feature["first"] : feature["first"] + feature["width"]]
        part.mul_(feature["deviation"]).add_(feature["mean"])
    pixels -= pixels.min()
    pixels *= 255 / pixels.max().clamp(min=1e-9)
    return png(mosaic(pixels.reshape(-1, *shape).byte(), guessed == labels[rows])), told


def mosaic(pictures: Tensor, right: Tensor) -> Tensor:
    """[count, height, width, 1 or 3] uint8 side by side, each in a frame: [height, width, 3]."""
    zoom = max(1, 48 // max(pictures.shape[1:3]))
    pictures = pictures.repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
    count, height, width, _ = pictures.shape
    down = -(-count // ACROSS)
    framed = torch.zeros(down * ACROSS, height + 2 * FRAME, width + 2 * FRAME, 3, dtype=torch.uint8)
    framed[:count] = torch.where(right[:, None], torch.tensor(RIGHT), torch.tensor(WRONG))[:, None, None].byte()
    framed[:count, FRAME:-FRAME, FRAME:-FRAME] = pictures
    rows = framed.view(down, ACROSS, *framed.shape[1:]).transpose(1, 2)
    return rows.reshape(down * framed.shape[1], ACROSS * framed.shape[2], 3)


def png(pixels: Tensor) -> bytes:
    """[height, width, 3] uint8 as a PNG."""
    height, width, _ = pixels.shape
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(b"".join(b"\0" + row.numpy().tobytes() for row in pixels)),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
