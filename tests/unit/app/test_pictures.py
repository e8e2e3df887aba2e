"""Pictures of what the model guessed, for data whose rows are pictures."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from app.config import Config, Problem
from app.pictures import FRAME, RIGHT, WRONG, image_shape, png, predictions
from tests.training import go

Settings = Callable[..., Config]
SCHEMA: dict[str, Any] = {
    "label": {"vocabulary": ["cat", "dog"]},
    "features": [{"first": 0, "width": 4, "mean": 10.0, "deviation": 5.0}],
}


def pixels(content: bytes) -> torch.Tensor:
    """[height, width, 3] uint8 of a PNG, whose every part is checked; by the format's own description."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    parts: dict[bytes, bytes] = {}
    at = 8
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        part = content[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", content, at + 8 + size) == (zlib.crc32(kind + part),)
        parts[kind], at = part, at + 12 + size
    assert list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]  # 8 bits, red, green and blue, no interlacing
    rows = torch.frombuffer(bytearray(zlib.decompress(parts[b"IDAT"])), dtype=torch.uint8).view(height, 1 + width * 3)
    assert not rows[:, 0].any()  # each row unfiltered
    return rows[:, 1:].reshape(height, width, 3)


def test_a_png_holds_the_pixels_it_was_given() -> None:
    given = torch.randint(256, (5, 7, 3), dtype=torch.uint8)
    assert pixels(png(given)).equal(given)


def shown(*what: Any) -> tuple[bytes, list[dict[str, Any]]]:
    picture, told = predictions(*what).values()
    return picture, told


def test_the_worst_comes_first_and_the_wrong_ones_are_red() -> None:
    """Three pictures of 2 x 2: one sure and right, one sure and wrong, one right but unsure."""
    dark, light = -2.0, 49.0  # (value - 10) / 5: pixels 0 and 255
    features = torch.tensor([[dark] * 4, [light] * 4, [dark, light, light, dark]])
    scores = torch.tensor([[9.0, 0.0], [0.0, 9.0], [0.1, 0.0]])
    picture, told = shown((2, 2, 1), features, torch.tensor([0, 0, 0]), scores, SCHEMA)
    assert [(each["label"], each["predicted"]) for each in told] == [("cat", "dog"), ("cat", "cat"), ("cat", "cat")]
    assert [each["sure"] for each in told] == [0.9999, 0.525, 0.9999]
    seen, size = pixels(picture), 48 + 2 * FRAME
    assert seen.shape == (size, 8 * size, 3)
    assert [tuple(seen[0, place * size].tolist()) for place in range(4)] == [WRONG, RIGHT, RIGHT, (0, 0, 0)]
    tiles = [seen[FRAME : size - FRAME, at * size + FRAME : (at + 1) * size - FRAME] for at in range(3)]
    assert [sorted(set(tile.flatten().tolist())) for tile in tiles] == [[255], [0, 255], [0]]
    assert tiles[1][0, 0].tolist() == tiles[1][-1, -1].tolist() == [0, 0, 0]
    assert features[0, 0] == dark  # they were not changed


def test_colours_stay_colours() -> None:
    features = torch.tensor([[-2.0, -2.0, 49.0]])
    schema = {"label": {"vocabulary": []}, "features": [SCHEMA["features"][0] | {"width": 3}]}
    picture, told = shown((1, 1, 3), features, torch.tensor([1]), torch.tensor([[0.0, 1.0]]), schema)
    assert pixels(picture)[FRAME, FRAME].tolist() == [0, 0, 255]
    assert told == [{"label": 1, "predicted": 1, "sure": 0.7311}]


def test_the_digits_are_shown(settings: Settings, tmp_path: Path) -> None:
    assert go(settings(steps=60, image="8x8")) == 0
    told = json.loads((tmp_path / "output" / "predictions.json").read_text())
    assert len(told) == 64
    assert {each["label"] for each in told} <= set(range(10))
    assert told[0]["label"] != told[0]["predicted"]
    assert pixels((tmp_path / "output" / "predictions.png").read_bytes()).shape == (8 * 54, 8 * 54, 3)


def test_rows_that_are_no_pictures_are_not_shown(settings: Settings, tmp_path: Path) -> None:
    assert go(settings(steps=2)) == 0
    assert not list((tmp_path / "output").glob("predictions*"))


@pytest.mark.parametrize(
    ("image", "classes", "what"),
    [
        ("8", 10, "--image is '8'"),
        ("8xx8", 10, "--image is '8xx8'"),
        ("axb", 10, "--image is 'axb'"),
        ("8x8", 1, "--image is '8x8'"),
        ("7x9", 10, "--image is '7x9', and a row has 64 columns"),
        ("4x8x2", 10, "--image is '4x8x2', and a row"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(image: str, classes: int, what: str) -> None:
    with pytest.raises(Problem, match=what):
        image_shape(Config(image=image, classes=classes), 64)


def test_a_shape_that_fits_is_taken() -> None:
    shapes = [image_shape(Config(image=image), 192) for image in ("8x24", "8x8x3", "")]
    assert shapes == [(8, 24, 1), (8, 8, 3), ()]
