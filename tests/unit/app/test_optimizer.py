from __future__ import annotations

import pytest
import torch
from torch import nn

from app import optimizer
from app.config import Config

CPU = torch.device("cpu")


def test_the_rate_rises_then_falls_and_the_last_step_still_learns() -> None:
    config = Config(steps=100, warmup=10, learning_rate=0.5)
    rates = [optimizer.learning_rate(step, config) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(0.5, rel=0.05)
    assert rates.index(max(rates)) == 9
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0 < rates[-1] < 0.001
    assert optimizer.learning_rate(1, Config(steps=1, warmup=0)) == Config().learning_rate


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_is_left_out_where_the_gradient_is_not_finite(monkeypatch: pytest.MonkeyPatch, fused: bool) -> None:
    """On MPS the fused optimizer would take it all the same, and the weights would be NaN from then on."""
    monkeypatch.setattr(optimizer, "leaves_steps_out", lambda device: fused)
    weights = nn.Parameter(torch.ones(3))
    ours, config = optimizer.build([weights], CPU), Config(learning_rate=0.1, warmup=0)
    for step, worst in enumerate((float("nan"), float("inf")), 1):
        weights.grad = torch.tensor([1.0, worst, 1.0])
        optimizer.update(ours, weights.grad.norm(), step, config)
        assert weights.tolist() == [1, 1, 1]
    weights.grad = torch.ones(3)
    optimizer.update(ours, weights.grad.norm(), 3, config)
    assert (weights < 1).all()


def test_only_mps_needs_a_look_at_the_gradient() -> None:
    assert [optimizer.leaves_steps_out(torch.device(name)) for name in ("cpu", "cuda", "mps")] == [True, True, False]


def test_what_the_settings_say_replaces_what_a_checkpoint_brings() -> None:
    before, now = ([nn.Parameter(torch.ones(1))] for _ in range(2))
    first, second = optimizer.build(before, CPU), optimizer.build(now, CPU)
    for one, config in ((first, Config(weight_decay=0.5)), (second, Config(weight_decay=0.25))):
        for parameter in (*before, *now):
            parameter.grad = torch.ones(1)
        optimizer.update(one, torch.ones(()), 1, config)
        second.load_state_dict(first.state_dict())
    optimizer.update(second, torch.ones(()), 2, Config(weight_decay=0.25))
    assert second.param_groups[0]["weight_decay"] == 0.25
