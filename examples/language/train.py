"""Trains a small language model on the text files of a folder: a program of its own, that borrows from app/ what is
hard to get right: checkpoints on a stage, and the signals that end a container.

    python -m examples.language.train --text /opt/corpus --steps 300
"""

# ruff: noqa: E402 - what takes long to import comes after the handler of SIGTERM

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

# Before torch is imported, which takes a second: a container's first process ignores a SIGTERM without a handler.
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

import safetensors.torch
import torch
from torch import Tensor

from app import checkpoint, runtime
from app.report import say
from examples.language.model import CONTEXT, LanguageModel, continued, loss

HELD_OUT = 10  # percent of the text, at its end
LOG_EVERY, SAVE_EVERY = 50, 100  # steps


def main() -> int:
    options = parsed()
    stop = runtime.Stop().listen()
    torch.manual_seed(0)
    training, held_out = letters(options.text)
    model = LanguageModel()
    optimizer = torch.optim.AdamW(model.parameters(), options.learning_rate)
    step = 0
    if state := checkpoint.restore([place / "checkpoints" for place in (options.output, options.resume)], note):
        step = state["step"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        say(resumed_from=step)

    with closing(checkpoint.Writer(options.output / "checkpoints", 2, note)) as checkpoints:
        stop.training = True
        while step < options.steps:
            step += 1
            value = loss(model, drawn(training, options.batch_size, step))
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
            if step % LOG_EVERY == 0:
                say(step=step, loss=value.item())
            stopping = stop.is_set()
            if step % SAVE_EVERY == 0 or stopping:
                checkpoints.save(step, {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()})
            if stopping:
                say(stopped_at=step)
                return runtime.PREEMPTED

    sample = continued(model, "Alice ", 300)
    result = {"loss": evaluated(model, held_out), "steps": step, "letters": len(training) + len(held_out)}
    checkpoint.publish(options.output / "model.safetensors", safetensors.torch.save(model.state_dict()))
    checkpoint.publish(options.output / "sample.txt", sample.encode())
    checkpoint.publish(options.output / "metrics.json", json.dumps(result).encode())
    print(sample, flush=True)
    say(**result)
    return runtime.DONE


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small language model.")
    parser.add_argument("--text", type=Path, required=True, help="a folder of *.txt files")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--output", type=Path, default=os.environ.get("MOUNT_PATH", "output"))
    parser.add_argument("--resume", type=Path, default=os.environ.get("RESUME_PATH", "no-earlier-run"))
    return parser.parse_args()


def letters(folder: Path) -> tuple[Tensor, Tensor]:
    """All texts, as numbers, in two parts: to train on, and held out."""
    text = b"".join(file.read_bytes() for file in sorted(folder.glob("*.txt")))
    numbers = torch.tensor(list(text.decode("ascii").encode()))
    cut = len(numbers) * (100 - HELD_OUT) // 100
    return numbers[:cut], numbers[cut:]


def drawn(text: Tensor, rows: int, step: int) -> Tensor:
    """Windows [rows, CONTEXT + 1] from anywhere in the text: of the step alone, so a resumed run goes on exactly."""
    starts = torch.randint(len(text) - CONTEXT, (rows, 1), generator=torch.Generator().manual_seed(step))
    return text[starts + torch.arange(CONTEXT + 1)]


@torch.no_grad()
def evaluated(model: LanguageModel, text: Tensor) -> float:
    return loss(model, text.unfold(0, CONTEXT + 1, CONTEXT)).item()


def note(text: str) -> None:
    say(note=text)


if __name__ == "__main__":
    sys.exit(main())
