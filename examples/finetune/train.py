"""Goes on training a language model on another text, with Hugging Face accelerate: a script as one has it, that knows
nothing of app/. What it does for Snowflake stands in `outputs`, `taken_up` and `saved`.

    python -m examples.finetune.train --text /opt/corpus/as_you_like_it.txt --steps 200
"""

# ruff: noqa: E402 - what takes long to import comes after the handler of SIGTERM

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Before what takes seconds to import: a container's first process ignores a SIGTERM without a handler.
signals: list[int] = []
signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))

import safetensors.torch
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from examples.language.model import CONTEXT, LanguageModel, loss

STOPPED = 75  # the exit code that says: there is a checkpoint to go on from
SAVE_EVERY = 100


def main() -> int:
    parser = argparse.ArgumentParser(description="Fine-tune a small language model.")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32, help="of each process")
    parser.add_argument("--learning-rate", type=float, default=0.001)
    options = parser.parse_args()

    accelerator = Accelerator()
    torch.manual_seed(0)
    training, held_out = windows(options.text)
    model, output = LanguageModel(), outputs()
    optimizer = torch.optim.AdamW(model.parameters(), options.learning_rate)
    weights = weights_of_the_earlier_run(model)
    model, optimizer = accelerator.prepare(model, optimizer)
    step = taken_up(accelerator, [output, earlier()])
    before = evaluated(model, held_out.to(accelerator.device))
    weights = "checkpoint" if step else weights
    accelerator.print(f"step={step} held_out_loss={before:.4g} weights={weights}", flush=True)

    for batch in batches(accelerator, training, options.batch_size, step):
        step += 1
        value = loss(model, batch)
        accelerator.backward(value)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            accelerator.print(f"step={step} loss={value.item():.4g}", flush=True)
        # A signal may reach the processes at different steps; they have to leave at the same.
        told = accelerator.reduce(torch.tensor(float(len(signals)), device=accelerator.device))
        last = told > 0 or step >= options.steps
        if last or step % SAVE_EVERY == 0:
            saved(accelerator, output, step)
        if last:
            break
    if step < options.steps:
        accelerator.print(f"stopped_at={step}", flush=True)
        return STOPPED

    result = {"loss": evaluated(model, held_out.to(accelerator.device)), "loss_before": before, "steps": step}
    if accelerator.is_main_process:
        content = safetensors.torch.save(accelerator.unwrap_model(model).state_dict())
        (output / "model.safetensors").write_bytes(content)
        (output / "metrics.json").write_text(json.dumps(result))
    accelerator.print(" ".join(f"{name}={value:.4g}" for name, value in result.items()), flush=True)
    return 0


def windows(file: Path) -> tuple[Tensor, Tensor]:
    """[rows, CONTEXT + 1] pieces of the text: nine tenths to train on, the last one held out."""
    letters = torch.tensor(list(file.read_text("ascii").encode()))
    pieces = letters.unfold(0, CONTEXT + 1, CONTEXT // 4)
    cut = len(pieces) * 9 // 10
    return pieces[:cut], pieces[cut + 4 :]  # the four between them share letters with both


def batches(accelerator: Accelerator, pieces: Tensor, rows: int, step: int) -> Iterator[Tensor]:
    """Endless; from `step` on, those that a run which was never stopped would get."""
    per_epoch = len(pieces) // (rows * accelerator.num_processes)
    for epoch in range(step // per_epoch, sys.maxsize):
        order = torch.randperm(len(pieces), generator=torch.Generator().manual_seed(epoch)).tolist()
        loader = accelerator.prepare(DataLoader(Subset(pieces, order), rows, drop_last=True))  # type: ignore[arg-type]
        yield from accelerator.skip_first_batches(loader, max(0, step - epoch * per_epoch))


@torch.no_grad()
def evaluated(model: nn.Module, pieces: Tensor) -> float:
    return loss(model, pieces).item()


def outputs() -> Path:
    """The run's folder of the stage; on the desk, ./output."""
    output = Path(os.environ.get("MOUNT_PATH", "output"))
    output.mkdir(parents=True, exist_ok=True)
    return output


def earlier() -> Path:
    """The outputs of the run that `inv run --resume` named; a folder that is not there without one."""
    return Path(os.environ.get("RESUME_PATH", "no-earlier-run"))


def weights_of_the_earlier_run(model: nn.Module) -> str:
    file = earlier() / "model.safetensors"
    if not file.exists():
        return "random"
    model.load_state_dict(safetensors.torch.load(file.read_bytes()))
    return "earlier"


def saved(accelerator: Accelerator, output: Path, step: int) -> None:
    """accelerate renames while it saves, which a stage refuses: so it saves to the local disk, and each file is copied
    once, to a new name. `step` comes last: where it is, all of it is."""
    with tempfile.TemporaryDirectory() as folder:
        accelerator.save_state(folder)
        if accelerator.is_main_process:
            target = output / "checkpoints" / f"step-{step:06d}"
            target.mkdir(parents=True)
            for file in sorted(Path(folder).iterdir()):
                shutil.copyfile(file, target / file.name)
            (target / "step").write_text(str(step))


def taken_up(accelerator: Accelerator, places: list[Path]) -> int:
    """Goes on from the newest whole checkpoint of the first place that has one; returns its step, 0 without any."""
    for mark in (mark for place in places for mark in sorted(place.glob("checkpoints/step-*/step"), reverse=True)):
        with tempfile.TemporaryDirectory() as folder:
            for file in mark.parent.iterdir():
                shutil.copyfile(file, Path(folder) / file.name)
            accelerator.load_state(folder)
        accelerator.print(f"resumed_from={mark.read_text()}", flush=True)
        return int(mark.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
