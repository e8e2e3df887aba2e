"""The network: the file to edit. Into it go [rows, features] float32, out of it comes a score per row and class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from app.config import Config


class Standardize(nn.Module):
    """Shifts and scales each feature to mean 0 and deviation 1; kept in the model, so that it is saved with it."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", torch.where(deviation > 0, deviation, 1.0))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.deviation


def build_model(training: Tensor, config: Config) -> nn.Module:
    """A network for rows like `training` [rows, features]: two hidden layers, which is enough for small tables."""
    deviation, mean = torch.std_mean(training, dim=0, correction=0)
    return nn.Sequential(
        Standardize(mean, deviation),
        nn.Linear(training.shape[1], config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.classes),
    )


def loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean over the rows of what training makes smaller."""
    return nn.functional.cross_entropy(scores, labels)


def correct(scores: Tensor, labels: Tensor) -> Tensor:
    """How many rows the model gets right."""
    return (scores.argmax(dim=1) == labels).sum()
