"""How a step's gradient changes the weights: AdamW, by a rate that follows from the step; not at all where the gradient
is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from app.config import Config


def learning_rate(step: int, config: Config) -> float:
    """A linear warm-up, then half a cosine down; of the step alone, so there is no state to save. It would be 0 just
    after the last step, so that one teaches something, too."""
    warm = min(1.0, step / max(1, config.warmup))
    return config.learning_rate * warm * (1 + math.cos(math.pi * (step - 1) / config.steps)) / 2


def build(parameters: Iterable[nn.Parameter], device: torch.device) -> torch.optim.AdamW:
    made = torch.optim.AdamW(parameters, fused=leaves_steps_out(device))
    if made.defaults["fused"]:
        made.found_inf = torch.zeros((), device=device)  # type: ignore[attr-defined]  # as GradScaler does
    return made


def leaves_steps_out(device: torch.device) -> bool:
    """Whether the fused AdamW of the device leaves a step out by itself, when told in the device's memory. Nothing then
    has to wait for the norm of the gradient."""
    return device.type != "mps"


def update(optimizer: torch.optim.AdamW, norm: Tensor, step: int, config: Config) -> None:
    """Takes the step, or leaves it out where the gradient's `norm` is not finite: that is so in all processes alike."""
    fused = optimizer.defaults["fused"]
    for group in optimizer.param_groups:  # a checkpoint brings those of the run before
        group |= {"lr": learning_rate(step, config), "weight_decay": config.weight_decay, "fused": fused}
    if fused:
        torch.logical_not(norm < math.inf, out=optimizer.found_inf)  # type: ignore[attr-defined]
    if fused or norm < math.inf:
        optimizer.step()
