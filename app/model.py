"""The network: the file to edit, or to copy: `--model my_model` takes my_model.py instead. Into the network go [rows,
columns] float32, out of it comes whatever `loss` and `measures` are given; here [rows, classes] float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.config import Config


class Encode(nn.Module):
    """Numbers pass; a category, which comes as one whole number, becomes a unit for each of its values."""

    def __init__(self, features: list[Mapping[str, Any]], columns: int) -> None:
        super().__init__()
        self.sizes = {
            int(feature["first"]): len(feature["vocabulary"]) + 1  # 0 stands for what was not in the vocabulary
            for feature in features
            if feature["kind"] == "category"
        }
        self.numbers = [column for column in range(columns) if column not in self.sizes]
        self.width = len(self.numbers) + sum(self.sizes.values())

    def forward(self, rows: Tensor) -> Tensor:
        if not self.sizes:
            return rows
        units = [functional.one_hot(rows[:, column].long(), size) for column, size in self.sizes.items()]
        return torch.cat([rows[:, self.numbers], *units], dim=1)


def build_model(schema: Mapping[str, Any], columns: int, config: Config) -> nn.Module:
    """A network for rows of so many `columns`, which `schema` describes: two hidden layers do for small tables."""
    encode = Encode(schema["features"], columns)
    return nn.Sequential(
        encode,
        nn.Linear(encode.width, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.classes),
    )


def loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean over the rows of what training makes smaller. Labels that are no classes are numbers to come near to."""
    if labels.is_floating_point():
        return functional.mse_loss(scores.squeeze(1), labels)
    return functional.cross_entropy(scores, labels)


def measures(scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What to tell about held-out rows besides the loss: each a sum over the rows, to be divided by their number."""
    if labels.is_floating_point():
        return {"absolute_error": (scores.squeeze(1) - labels).abs().sum()}
    return {"accuracy": (scores.argmax(dim=1) == labels).sum()}


def flops_per_row(model: nn.Module) -> float:
    """Of one training step, for the share of the GPU that is used: each weight multiplies and adds in the forward pass,
    and twice that in the backward pass. Holds for linear layers; a model with others should count its own."""
    return 6.0 * sum(parameter.numel() for parameter in model.parameters())
