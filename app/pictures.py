"""Pictures of what the model guessed, where the rows of the data are pictures."""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from app.config import Config, Problem

SHOWN, ACROSS, FRAME = 64, 8, 3  # pictures in all, in a row, and the pixels around each
RIGHT, WRONG = (70, 70, 70), (230, 40, 40)


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
) -> dict[str, Any]:
    """Two files: pictures of the rows whose class the model finds least likely, the worst first and the wrong ones in
    red, as a PNG; and the classes that belong to them, in the same order, for JSON.

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
    picture = png(mosaic(pixels.reshape(-1, *shape).byte(), guessed == labels[rows]))
    return {"predictions.png": picture, "predictions.json": told}


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
