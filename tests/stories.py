"""Stories of runs that never ran, for pages: one that went well, one that failed, one that left nothing."""

from __future__ import annotations

import math
import random
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from spcs.run.measures import from_jsonl, from_log
from spcs.run.model import ContainerStatus, LogLine, Output, Run, Snapshot, State, Verdict
from spcs.run.record import Code, Image, Record
from spcs.run.story import Picture, Story

BEGUN = datetime(2026, 11, 27, 12, 2, 17, tzinfo=UTC)
STAGE = "TRAINING_DB.TRAINING.RUNS"
IMAGE = "registry.local:5000/training_db/training/images/training:0c3e5a7d91b2"
DIGEST = "sha256:5d3f0a2b1c4e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8"


def run(name: str = "train_20261127_120217_6f3n") -> Run:
    return Run(name, "TRAINING_DB", "TRAINING", STAGE, pool="TRAINING_POOL", image=IMAGE, digest=DIGEST)


def line(seconds: float, text: str, instance: int = 0, container: str = "main") -> LogLine:
    moment = BEGUN + timedelta(seconds=seconds)
    return LogLine(int(moment.timestamp() * 1e9), instance, container, text)


def metrics(steps: int = 1000, rate: float = 0.003, seed: int = 0) -> str:
    """What app/ writes in so many steps: lines of metrics.jsonl."""
    chance, lines = random.Random(seed), []
    for step in range(50, steps + 1, 50):
        loss = 2.4 * math.exp(-step * rate / 0.6) + 0.03 + chance.random() * 0.02
        learned = f'"loss": {loss:.6f}, "grad_norm": {0.4 + loss * chance.random():.5f}, "learning_rate": {rate:.5f}'
        speed = f'"rows_per_s": {22000 + chance.random() * 900:.0f}, "ms_per_step": 2.9, "data_wait": 0.04'
        lines.append(f'{{"step": {step}, {learned}, {speed}}}')
        if step % 250 == 0:
            lines.append(f'{{"step": {step}, "held_out_loss": {loss + 0.02:.6f}, "accuracy": {1 - loss / 3:.5f}}}')
    return "\n".join(lines)


def done(number: int = 0, **changes: Any) -> Story:
    """A run of the default job as it went well; `number` varies its settings a little."""
    rate = (0.003, 0.001, 0.0003, 0.01, 0.0001)[number % 5]
    name = f"train_20261127_12{2 + number:02}17_{['6f3n', '9wq2', 'k2xv', 'bb7c', 't3mz'][number % 5]}"
    measures = from_jsonl(metrics(rate=rate, seed=number))
    log = [
        line(2.9, "device=cpu processes=1 threads=2 torch=2.13.0"),
        line(3.1, "rows=1797 training=1435 held_out=362"),
    ]
    log += [line(3.4 + at / 300, f"step={at} loss=0.4") for at in range(50, 1001, 50)]
    log.append(line(7.4, "done=/opt/training-output accuracy=0.9807"))
    container = ContainerStatus(0, "main", "DONE", "", 0, 0, IMAGE, DIGEST, BEGUN + timedelta(seconds=1))
    snapshot = Snapshot(State.DONE, (container,), BEGUN, BEGUN + timedelta(seconds=8.9 + number), "TRAINING_POOL")
    settings = {"data": "DIGITS", "label": "LABEL", "hidden": 128, "dropout": 0.1, "steps": 1000, "batch_size": 64}
    settings |= {"learning_rate": rate, "weight_decay": 0.01, "seed": number, "device": "auto", "compile": False}
    outputs = tuple(Output(path, size) for path, size in [("metrics.json", 216), ("model.safetensors", 104_000)])
    result = {"accuracy": 0.9807 - number / 50, "loss": 0.03974 + number / 30, "steps": 1000, "seconds": 3.213}
    record = Record(
        run(name),
        submitted=BEGUN,
        by="DATA_SCIENTIST",
        settings={"job": {"args": ["--data", "DIGITS"], "resources": {"limits": {"cpu": "2", "memory": "4Gi"}}}},
        versions={"image": {"torch": "2.13.0", "numpy": "2.4.6"}},
        image=Image("/training_db/training/images/training:0c3e5a7d91b2", DIGEST, "python:3.11-slim", "linux/amd64"),
        code=Code("024527d1a6ce4bfeb543b8afb8b296a43644570b", "main"),
        texts={"spec.yaml": "spec:\n  containers:\n  - name: main\n", "Dockerfile": "FROM python:3.11-slim\n"},
    )
    story = Story(
        Verdict(run(name), State.DONE, "", seconds=8.9, metrics=result, outputs=outputs),
        snapshot,
        record,
        BEGUN + timedelta(minutes=5),
        lines=tuple(log),
        measures=measures.series(),
        program=settings,
        texts=record.texts,
    )
    return replace(story, **changes)


def failed() -> Story:
    """A run that ended with a traceback, whose log would rather be a page of its own."""
    said = [
        line(2.9, "device=cpu processes=1 <script>document.title = 'taken over'</script>"),
        line(3.1, "step=10 loss=2.31"),
        line(3.6, "step=20 loss=nan"),
        line(3.7, "Traceback (most recent call last):"),
        line(3.7, '  File "/app/x.py", line 3, in <module>'),
        line(3.7, '    raise ValueError("<img src=x onerror=alert(1)>")'),
        line(3.7, "ValueError: <img src=x onerror=alert(1)>"),
    ]
    container = ContainerStatus(0, "main", "FAILED", "User application error", 1, 0, IMAGE, DIGEST, BEGUN)
    ended = Snapshot(State.FAILED, (container,), BEGUN, BEGUN + timedelta(seconds=4), "TRAINING_POOL")
    reason = "container main of instance 0 ended with exit code 1: User application error, check container logs"
    verdict = Verdict(
        run("mine_20261127_121500_b4dd"),
        State.FAILED,
        reason,
        container,
        remedy="correct what the log says",
        traceback=tuple(each.text for each in said[3:]),
    )
    record = Record(verdict.run)
    found = from_log(said)
    return Story(verdict, ended, record, BEGUN + timedelta(minutes=1), tuple(said), found.series())


def silent() -> Story:
    """A run that is done and left no trace of what it did."""
    name = run("mine_20261127_121501_qqqq")
    snapshot = Snapshot(State.DONE, (), BEGUN, BEGUN + timedelta(seconds=2), "TRAINING_POOL")
    return Story(Verdict(name, State.DONE, ""), snapshot, Record(name), BEGUN + timedelta(minutes=1))


def picture(width: int = 432, height: int = 216) -> Picture:
    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(width)) for y in range(height))
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in parts.items()
    )
    return Picture("predictions.png", "image/png", b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
