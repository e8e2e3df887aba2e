"""The training, from settings to a model on the output volume."""

from __future__ import annotations

import json
import math
import os
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app import checkpoint, data, runtime
from app.config import Config, Problem, changes
from app.model import build_model, correct, loss
from app.report import Report, note, say

DONE, STOPPED = 0, 75
EVALUATION_ROWS = 8192


def run(config: Config, stop: threading.Event) -> int:
    """Trains as `config` says, going on from the newest checkpoint in the output folder.

    Returns 0 when done, or 75 when `stop` was set before that: a checkpoint of the last step has then been saved.
    Raises Problem.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="train-") as local:
        output = writable(Path(config.output))
        device = runtime.prepare(config)
        say(**asdict(config) | {"device": device, "threads": torch.get_num_threads(), "torch": torch.__version__})

        rows = data.load(config)
        training, held_out = data.split(rows, config)
        say(rows=len(rows), training=len(training), held_out=len(held_out), features=len(rows.columns))

        model = build_model(training.features, config).to(device)
        with closing(data.stream(training, config)) as batches:
            trainer = Trainer(config, model, batches, held_out, rows.fingerprint(), output, Path(local))
            trainer.resume()
            trainer.publish_json("config.json", asdict(config))
            while trainer.step < config.steps:
                trainer.train_step()
                last, stopping = trainer.step == config.steps, stop.is_set()
                if last or trainer.step % config.log_every == 0:
                    trainer.log()
                if last or stopping or trainer.step % config.save_every == 0:
                    trainer.save()
                if stopping and not last:
                    trainer.publish("metrics.jsonl")
                    say(stopped_at=trainer.step, exit_code=STOPPED)
                    return STOPPED
            trainer.finish(rows=len(rows), held_out_rows=len(held_out), seconds=time.perf_counter() - started)
    return DONE


def writable(output: Path) -> Path:
    """The folder, made if it is not there. Tried before anything costs time."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"cannot make {output}: {error.strerror}", "choose another --output") from error
    if not os.access(output, os.W_OK):
        raise Problem(f"{output} is read-only", "choose another --output, or give the role WRITE on the stage")
    return output


def learning_rate(step: int, config: Config) -> float:
    """A linear warm-up, then half a cosine down to 0; of the step alone, so there is no state to save."""
    warm = min(1.0, step / max(1, config.warmup))
    return config.learning_rate * warm * (1 + math.cos(math.pi * step / config.steps)) / 2


@torch.inference_mode()
def evaluate(model: nn.Module, rows: data.Rows, device: torch.device) -> dict[str, float]:
    """The mean loss and the share of rows that the model gets right."""
    model.eval()
    loss_sum, right = 0.0, 0
    for start in range(0, len(rows), EVALUATION_ROWS):
        chosen = slice(start, start + EVALUATION_ROWS)
        features, labels = rows.features[chosen].to(device), rows.labels[chosen].to(device)
        scores = model(features)
        loss_sum += float(loss(scores, labels)) * len(labels)
        right += int(correct(scores, labels))
    return {"accuracy": right / len(rows), "held_out_loss": loss_sum / len(rows)}


@dataclass
class Trainer:
    """The loop's parts, and what is done with them. A checkpoint holds all that decides how the loop goes on."""

    config: Config
    model: nn.Module
    batches: data.Stream
    held_out: data.Rows
    fingerprint: str
    output: Path
    local: Path
    step: int = 0

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=self.config.weight_decay)
        self.report = Report(self.local / "metrics.jsonl")
        # Losses since the last log line, summed on the device: reading them at every step would stall it.
        self.loss_sum, self.losses = torch.zeros((), device=self.device), 0
        self.timed_from = time.perf_counter(), 0

    def train_step(self) -> None:
        self.step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config)
        # Dropout follows from the seed and the step alone, so there is no generator's state to save.
        torch.manual_seed((self.config.seed * 1_000_003 + self.step) % 2**32)
        features, labels = next(self.batches)
        self.model.train()
        value = loss(self.model(features.to(self.device)), labels.to(self.device))
        self.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimizer.step()
        self.loss_sum += value.detach()
        self.losses += 1

    def log(self) -> None:
        """A line of metrics: the mean loss of the steps since the last one, and where the held-out rows stand."""
        mean = self.mean_loss()
        since, step = self.timed_from
        speed = (self.step - step) * self.config.batch_size / (time.perf_counter() - since)
        measured = evaluate(self.model, self.held_out, self.device)
        self.report.metrics(step=self.step, loss=mean, **measured, rows_per_s=round(speed))
        self.loss_sum.zero_()
        self.losses = 0
        self.timed_from = time.perf_counter(), self.step

    def mean_loss(self) -> float:
        mean = float(self.loss_sum) / max(1, self.losses)
        if not math.isfinite(mean):
            raise Problem(f"the loss is {mean} at step {self.step}", "lower --learning-rate", code=1)
        return mean

    def save(self) -> None:
        self.mean_loss()  # refuses to save a model that has diverged
        state = {
            "config": asdict(self.config),
            "data": self.fingerprint,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state_dict(),
            "loss_sum": self.loss_sum,
            "losses": self.losses,
        }
        torch.save(state, self.local / "state.pt")
        files = [self.local / "state.pt", self.report.path]
        saved = checkpoint.save(self.output / "checkpoints", self.step, files)
        checkpoint.prune(saved, self.config.keep, note)

    def resume(self) -> None:
        """Goes on exactly where the newest whole checkpoint was made, if there is one. Raises Problem if it can't."""
        if not checkpoint.restore(self.output / "checkpoints", self.local, note):
            return
        state = torch.load(self.local / "state.pt", map_location="cpu", weights_only=True)
        fix = f"choose another --output, or remove {self.output} to start anew"
        if differing := changes(self.config, state["config"], fixed=True):
            raise Problem(f"{self.output} holds a run of other settings: {'; '.join(differing)}", fix)
        if state["data"] != self.fingerprint:
            raise Problem(f"{self.config.data} holds other rows than {self.output} was trained on", fix)
        for change in changes(self.config, state["config"], fixed=False):
            note(change)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.reset(state["batches"])
        self.loss_sum, self.losses = state["loss_sum"].to(self.device), state["losses"]
        self.step = state["step"]
        self.timed_from = time.perf_counter(), self.step
        say(resumed_from=self.step)

    def finish(self, **facts: Any) -> None:
        """The model and the final metrics; metrics.json comes last, so where it is, all of it is."""
        measured = evaluate(self.model, self.held_out, self.device)
        result = {"accuracy": measured["accuracy"], "loss": measured["held_out_loss"], "steps": self.step, **facts}
        model = {"model": self.model.state_dict(), "config": asdict(self.config)}
        torch.save(model, self.local / "model.pt")
        self.publish("model.pt", "metrics.jsonl")
        self.publish_json("metrics.json", result)
        say(done=self.output, **result)

    def publish(self, *names: str) -> None:
        for name in names:
            checkpoint.replace(self.local / name, self.output / name)

    def publish_json(self, name: str, content: dict[str, Any]) -> None:
        (self.local / name).write_text(json.dumps(content, indent=1))
        self.publish(name)
