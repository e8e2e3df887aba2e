"""A small convolutional network for square pictures of one channel: what `--model examples.images.model` takes in place
of app/model.py. Into it go [rows, pixels] float32, out of it comes [rows, classes] float32."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from app.config import Config


def build_model(schema: Mapping[str, Any], columns: int, config: Config) -> nn.Module:
    side = math.isqrt(columns)
    width = config.hidden // 4
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(width * (side // 2) ** 2, config.classes),
    )


def loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean over the rows."""
    return functional.cross_entropy(scores, labels)


def measures(scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The sum over the rows."""
    return {"accuracy": (scores.argmax(dim=1) == labels).sum()}
