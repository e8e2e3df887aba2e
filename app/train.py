"""The training, from settings to a model on the output volume. Read `run`, then `Trainer.train`."""

from __future__ import annotations

import importlib
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from app import checkpoint, data, optimizer, pictures, report, runtime
from app.config import Config, Problem, changes, resolve
from app.report import Report
from app.runtime import Group, Stop

MEET_WITHIN = 0.5  # seconds; so much later than a signal the processes may notice that one of them is to stop
ROWS_AT_ONCE = 8192  # at most, to measure on


def main(argv: Sequence[str]) -> int:
    """Trains in this process, which may be one of several that torchrun started. Returns the exit code."""
    stop = Stop().listen()
    config = resolve(argv, os.environ)
    with runtime.join(config) as group:
        return run(config, stop, group)


def run(config: Config, stop: Stop, group: Group) -> int:
    """Trains as `config` says, going on from the newest checkpoint in the output folder, or in that of --resume.

    Returns DONE, or PREEMPTED when `stop` was set before the end: a checkpoint has then been saved. Raises Problem.
    """
    started = time.perf_counter()
    output = report.writable(Path(config.output))
    with closing(Report(config, output, group.rank)) as log, closing(data.open_snapshot(config, group)) as snapshot:
        machine = {"device": group.device, "processes": group.world, "threads": torch.get_num_threads()}
        log.say(**asdict(config) | machine | {"torch": torch.__version__})
        rows, held_out = len(snapshot), len(snapshot.held_out)
        log.say(rows=rows, training=len(snapshot.training), held_out=held_out, columns=len(snapshot.columns))
        trainer = Trainer(config, group, snapshot, log)
        trainer.resume()
        log.publish("config.json", asdict(config))
        log.publish("data.json", snapshot.manifest)
        with closing(trainer), closing(data.stream(snapshot, config, group, trainer.at.step)) as batches:
            code = trainer.train(batches, stop)
        if code == runtime.DONE:
            trainer.finish(rows=rows, held_out_rows=held_out, seconds=time.perf_counter() - started)
        else:
            log.say(stopped_at=trainer.saved, exit_code=code)
        group.barrier()  # leave together: torchrun ends the others as soon as one has left
    return code


def network(name: str) -> Any:
    """The module with `build_model` and `loss`, and perhaps `measures` and `flops_per_row`. Raises Problem."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise Problem(f"--model {name}: {error}", "my_model stands for my_model.py, beside app/") from error
    if lacking := {"build_model", "loss"} - vars(module).keys():
        raise Problem(f"--model {name} has no {' and no '.join(sorted(lacking))}", "write it as app/model.py does")
    return module


@dataclass
class Progress:
    """Where the loop is: with the weights and the optimizer's memory, all that decides how it goes on."""

    step: int = 0
    logged: int = 0  # the step of the last log line
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # since then: of losses, norms, and sound steps
    skipped: int = 0  # steps up to then whose gradient was not finite
    validated: int = 0  # the step of the last validation
    measured: dict[str, float] = field(default_factory=dict)  # what that found
    best: int = 0  # the step with the smallest held-out loss
    best_loss: float = math.inf
    waited: int = 0  # validations since then

    def skipped_lately(self) -> int:
        """Steps since the last log line, up to the last meeting."""
        return self.step - self.logged - round(self.sums[2])


class Trainer:
    """The loop's parts, and what is done with them."""

    def __init__(self, config: Config, group: Group, snapshot: data.Snapshot, log: Report) -> None:
        self.config, self.group, self.snapshot, self.log, self.at = config, group, snapshot, log, Progress()
        if len(snapshot.held_out) < group.world:
            raise Problem(f"{len(snapshot.held_out)} rows are held out for {group.world} processes", "bring more rows")
        self.image = pictures.image_shape(config, len(snapshot.columns))
        self.network = network(config.model)
        self.model = self.network.build_model(snapshot.schema, len(snapshot.columns), config).to(group.device)
        if config.compile:
            self.model.compile()  # in place: the names in checkpoints stay those of the model
        self.parameters = list(self.model.parameters())
        self.optimizer = optimizer.build(self.parameters, group.device)
        # For a model beyond a GPU's memory `fully_shard` would stand here. Buffers are shared before each validation.
        options: dict[str, Any] = {"forward_sync_buffers": False, "gradient_as_bucket_view": True}
        self.wrapped = DistributedDataParallel(self.model, **options) if group.world > 1 else self.model
        self.reduced = runtime.reduced_precision(config, group.device)
        self.autocast = torch.autocast(group.device.type, torch.bfloat16) if self.reduced else nullcontext()
        self.generators = runtime.generators(group.device)
        # Those of the earlier run are only read.
        own, *earlier = self.places = [Path(run, "checkpoints") for run in (log.output, config.resume) if run]
        self.writer = checkpoint.Writer(own, config.keep, log.note, log.publish_logs, earlier)
        self.saved = self.began = 0  # the steps of the last checkpoint, and where this process began
        self.zero = torch.zeros((), device=group.device)
        # A model whose training just fits into memory has to fit when it is measured, which keeps no activations.
        self.rows = min(ROWS_AT_ONCE, 4 * max(1, config.batch_size // group.world // config.accumulate))
        # Each step's sum of the rows' losses and norm of the gradient; to read them at once would stall the device.
        self.seen: list[Tensor] = []
        self.next_meeting, self.waiting, self.since = 0, 0.0, 0.0

    def train(self, batches: data.Stream, stop: Stop) -> int:
        """Returns DONE after the last step or an early stop, PREEMPTED when stopped before that."""
        config, at = self.config, self.at
        stop.training, self.began, self.since = True, at.step, time.perf_counter()
        while True:
            due = at.step % config.eval_every == 0 or at.step >= config.steps
            better = due and at.step > at.validated and self.validate()
            last = at.step >= config.steps or 0 < config.patience <= at.waited
            if better or (at.step > self.saved and (last or at.step % config.save_every == 0)):
                self.save()
            if last:
                return runtime.DONE
            if self.advance(batches, stop) and at.step < config.steps:
                self.save(leaving=True)
                return runtime.PREEMPTED

    def advance(self, batches: data.Stream, stop: Stop) -> bool:
        """One step; whether the processes then agreed to stop."""
        asked = time.perf_counter()
        features, labels = next(batches)
        self.waiting += time.perf_counter() - asked
        self.train_step(features, labels)
        config, step, stopping = self.config, self.at.step, stop.is_set()
        # A process alone stops when it is told; several have to meet for that, often enough to be quick about it.
        early = step >= self.next_meeting or (stopping and self.group.world == 1)
        regular = any(step % every == 0 for every in (config.log_every, config.save_every, config.eval_every))
        return (early or regular or step == config.steps) and self.meet(stopping)

    def train_step(self, features: Tensor, labels: Tensor) -> None:
        """`features` and `labels` are this process's share of the step's rows. Nothing waits for the device here."""
        config, device, self.at.step = self.config, self.group.device, self.at.step + 1
        # Dropout is seeded at each step, so there is no generator's state to save.
        runtime.seed(self.generators, config.seed, self.at.step, self.group.rank)
        self.optimizer.zero_grad()
        losses, parts = self.zero, [(features, labels)]
        if config.accumulate > 1:
            parts = list(zip(features.chunk(config.accumulate), labels.chunk(config.accumulate), strict=True))
        for number, (inputs, targets) in enumerate(parts, 1):
            # The processes exchange gradients in the last backward pass of a step, not in each.
            later = self.group.world > 1 and number < len(parts)
            with self.wrapped.no_sync() if later else nullcontext():
                with self.autocast:
                    output = self.wrapped(inputs.to(device, non_blocking=True))
                    loss = self.network.loss(output, targets.to(device, non_blocking=True))
                loss.backward(torch.full_like(loss, len(inputs) / len(features)))
            losses = losses.add(loss.detach(), alpha=len(inputs))
        norm = nn.utils.clip_grad_norm_(self.parameters, config.clip or math.inf)
        self.seen += [losses, norm]
        optimizer.update(self.optimizer, norm, self.at.step, config)

    def meet(self, stopping: bool) -> bool:
        """One exchange in which the processes agree on the metrics, whether to stop, and when to meet again: none may
        do on its own what the others have to do with it. Raises Problem if the model has diverged."""
        at, config, steps = self.at, self.config, self.at.step - max(self.began, self.at.logged)
        # float64 adds up float32 exactly, in however many parts that is done.
        seen = torch.stack(self.seen).cpu().double().view(-1, 2)
        self.seen, sound = [], seen[seen[:, 1].isfinite()]
        mine = [*sound.sum(dim=0).tolist(), len(sound), self.waiting, time.perf_counter() - self.since, stopping]
        losses, *others = self.group.reduce(mine)
        *sums, waiting, seconds, stops = (number / self.group.world for number in others)
        at.sums = [before + now for before, now in zip(at.sums, (losses, *sums), strict=True)]
        if not self.next_meeting:
            self.group.expect_promptness()
        self.next_meeting = at.step + max(1, int(MEET_WITHIN * steps / seconds))
        if (skipped := at.skipped + at.skipped_lately()) > config.nan_budget:
            what = f"the gradient was not finite at {skipped} of {at.step} steps"
            raise Problem(what, "lower --learning-rate, or look for extreme values in the data", runtime.DIVERGED)
        if at.step % config.log_every == 0 or at.step == config.steps:
            self.tell(self.speed(steps, seconds, waiting))
        return stops > 0

    def tell(self, speed: dict[str, float]) -> None:
        """The log line: what the processes agreed on since the last one."""
        at, (losses, norms, finite), skipped = self.at, self.at.sums, self.at.skipped_lately()
        means = {"loss": losses / finite / self.config.batch_size, "grad_norm": norms / finite} if finite else {}
        means |= {"skipped": skipped} if skipped else {}
        rate = optimizer.learning_rate(at.step, self.config)
        self.log.metrics(at.step, **means, learning_rate=rate, **speed)
        at.logged, at.sums, at.skipped = at.step, [0.0, 0.0, 0.0], at.skipped + skipped
        self.waiting, self.since = 0.0, time.perf_counter()

    def speed(self, steps: int, seconds: float, waiting: float) -> dict[str, float]:
        rows = steps * self.config.batch_size / seconds
        values = {"rows_per_s": round(rows), "ms_per_step": 1000 * seconds / steps, "data_wait": waiting / seconds}
        if (peak := runtime.peak_flops(self.group.device, self.reduced)) and hasattr(self.network, "flops_per_row"):
            values["mfu"] = rows * self.network.flops_per_row(self.model) / (peak * self.group.world)
        if self.group.device.type == "cuda":
            values["gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
        return values

    def validate(self) -> bool:
        """Measures the model on the held-out rows, each process on its share; whether it is the best so far."""
        at, started = self.at, time.perf_counter()
        sums: dict[str, float] = {}
        for buffer in self.model.buffers():
            self.group.share(buffer)
        for _, labels, output in self.held_out():
            found = {"held_out_loss": self.network.loss(output, labels) * len(labels)}
            found |= self.network.measures(output, labels) if hasattr(self.network, "measures") else {}
            sums = {name: sums.get(name, 0.0) + float(value) for name, value in found.items()}
        total = self.group.reduce(list(sums.values()))
        at.measured = {name: one / len(self.snapshot.held_out) for name, one in zip(sums, total, strict=True)}
        at.validated, at.waited, held_out_loss = at.step, at.waited + 1, at.measured["held_out_loss"]
        if better := held_out_loss < at.best_loss:
            at.best, at.best_loss, at.waited = at.step, held_out_loss, 0
        self.log.metrics(at.step, **at.measured)
        self.since += (seconds := time.perf_counter() - started)
        if seconds > checkpoint.SLOW:
            self.log.say(note=f"the validation took {seconds:.0f} s; a container that is stopped has 30")
        return better

    @torch.no_grad()
    def held_out(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """This process's held-out rows, a few at a time, their labels, and the model's output for them as float32."""
        self.model.eval()
        try:
            for features, labels in data.held_out(self.snapshot, self.group, self.rows):
                features, labels = features.to(self.group.device), labels.to(self.group.device)
                with self.autocast:
                    output = self.model(features)
                yield features, labels, output.float()
        finally:
            self.model.train()

    def save(self, leaving: bool = False) -> None:
        """Hands a checkpoint to the writer, just after the processes met. Rank 0 saves for all: they hold the same."""
        if leaving and self.writer.late():
            return self.log.note("the last checkpoint is still being written: there is no time for another")
        at, self.saved = self.at, self.at.step
        if self.group.rank == 0:
            facts: dict[str, Any] = {"config": asdict(self.config), "data": self.snapshot.fingerprint}
            facts |= {"processes": self.group.world, "measured": report.plain(at.measured)}
            facts |= {"torch": str(torch.__version__)}
            state = {"progress": asdict(at), "metrics": self.log.kept.read_text(), "model": self.model.state_dict()}
            self.writer.save(at.step, facts | state | {"optimizer": self.optimizer.state_dict()}, at.best, **facts)

    def resume(self) -> None:
        """Goes on exactly where the newest whole checkpoint was made, if there is one. Raises Problem if it can't."""
        config, log, world = self.config, self.log, self.group.world
        found = checkpoint.newest(self.places, log.note) if self.group.rank == 0 else None
        # Each process reads the file: to send all of the state would take it through the memory of the GPUs.
        if not (folder := self.group.broadcast_object(found and found[0])):
            if config.resume:
                log.say(note=f"{config.resume} holds no whole checkpoint: this run starts anew")
            return
        state = checkpoint.loaded(found[1] if found else checkpoint.read(folder))
        self.take(state)
        self.at, self.saved = Progress(**state["progress"]), state["progress"]["step"]
        log.kept.write_text(state["metrics"])
        for change in changes(config, state["config"], fixed=False):
            log.say(note=change)
        if (before := state["processes"]) != world:
            log.say(note=f"{before} processes until now, {world} from here: the same rows, but other dropout")
        log.say(resumed_from=self.at.step)

    def take(self, state: dict[str, Any]) -> None:
        """The weights and the optimizer's memory of a checkpoint. Raises Problem if it's of other settings or data."""
        fix = f"choose another --output, or remove {self.log.output} to start anew"
        if differing := changes(self.config, state["config"], fixed=True):
            raise Problem(f"{self.log.output} holds a run of other settings: {'; '.join(differing)}", fix)
        if state["data"] != self.snapshot.fingerprint:
            raise Problem(f"{self.config.data} holds other rows than {self.log.output} was trained on", fix)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise Problem(f"{self.log.output} holds another model: {' '.join(str(error).split())}", fix) from error
        self.optimizer.load_state_dict(state["optimizer"])

    def close(self) -> None:
        """Waits until the last checkpoint is whole; leaves the metrics on the output volume as they are now."""
        try:
            self.writer.close()
        finally:
            self.log.publish_logs()

    def finish(self, **facts: Any) -> None:
        """The pictures, the models and the final metrics."""
        at, log, schema = self.at, self.log, self.snapshot.schema
        result = dict(at.measured)
        result |= {"loss": result.pop("held_out_loss"), "steps": at.step}
        result |= {"best_step": at.best, "best_loss": at.best_loss, **facts}
        if self.group.rank == 0:
            if self.image:
                some = islice(self.held_out(), -(-ROWS_AT_ONCE // self.rows))
                features, labels, scores = (torch.cat(parts).cpu() for parts in zip(*some, strict=True))
                for name, content in pictures.predictions(self.image, features, labels, scores, schema).items():
                    log.publish(name, content)
            if not (best := checkpoint.restore(self.places, log.note, at.best)):
                log.note(f"there is no best.safetensors: no checkpoint of step {at.best} is left")
            models = {"model": self.model.state_dict()} | ({"best": best["model"]} if best else {})
            log.publish_results(self.config, models, schema, result)
        log.say(done=log.output, **result)


if __name__ == "__main__":
    sys.exit(report.guarded(main))
