"""What the sentences of containers and logs mean. `logs/sentences.txt` holds real ones, each with who met it."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs.errors import Known, Meaning
from spcs.run.model import LogLine
from spcs.run.remedies import CONTAINER, IMAGE, LOG, WAITING, of_failure, of_wait
from spcs.run.tracebacks import pick

NAMES = {"job": "train", "run": "train_20260827_120005_bcdf", "pool": "MACHINES"}
USER_ERROR = "User application error, check container logs"
NESTED = Path(__file__).parent / "logs" / "nested_groups.txt"
SENTENCES = (Path(__file__).parent / "logs" / "sentences.txt").read_text()

Row = tuple[str, str, str]


def rows(section: str) -> Iterator[Row]:
    """The text, what it means, and what mends it."""
    for block in SENTENCES.split(f"=== {section}\n")[1].split("\n===")[0].strip().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("# ")]
        means, fix = (line.removeprefix("-> ") for line in lines[-2:])
        yield "\n".join(lines[:-2]), means, fix


ORDINARY = [
    "step=1000 held_out_loss=0.03974 accuracy=0.9807",
    "INFO: Uvicorn running on port 8000",
    "memory 3.1 GiB of 4 GiB, gpu 80 %",
    "saved checkpoints/step-001000 (disk 40 % full)",
    "ValueError: invalid literal for int() with base 10: 'three'",
    "AssertionError",
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x128 and 64x10)",
    "error: DIGITS has no column LABEL\nfix: name it with --label",
    "KeyError: 'CUDA'",
    "FileNotFoundError: [Errno 2] No such file or directory: '/data/0.png'",
    "ConnectionError: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
    # torch says so to everybody whose program then goes on without a GPU
    "UserWarning: CUDA initialization: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
    "loss is nan: out of memory of good ideas",
    "this module was compiled without NumPy",
]


def raised(error: str) -> Meaning | None:
    text = f'Traceback (most recent call last):\n  File "/home/app/train.py", line 3, in <module>\n    main()\n{error}'
    return of_failure(USER_ERROR, pick([LogLine(0, 0, "main", line) for line in text.splitlines()]), (), **NAMES)


@pytest.mark.parametrize(("text", "means", "fix"), list(rows("raised")))
def test_an_exception_has_its_remedy(text: str, means: str, fix: str) -> None:
    found = raised(text)
    assert found is not None
    assert means in found.means
    assert fix in found.fix


@pytest.mark.parametrize(("text", "means", "fix"), list(rows("said")))
def test_last_words_have_their_remedy(text: str, means: str, fix: str) -> None:
    found = of_failure(USER_ERROR, None, ["step=1 loss=2.3", *text.splitlines()], **NAMES)
    assert found is not None
    assert means in found.means
    assert fix in found.fix


@pytest.mark.parametrize("text", ORDINARY)
def test_what_nobody_knows_has_no_remedy(text: str) -> None:
    assert raised(text) is None
    assert of_failure(USER_ERROR, None, text.splitlines(), **NAMES) is None
    assert of_wait(text, **NAMES) is None


def test_a_warning_beside_an_exception_is_not_its_cause() -> None:
    lines = ["WARNING: Failed to resolve 'huggingface.co'; the weights of the image are taken"]
    error = 'Traceback (most recent call last):\n  File "/home/app/train.py", line 3\nKeyError: 3'
    traceback = pick([LogLine(0, 0, "main", line) for line in error.splitlines()])
    assert of_failure(USER_ERROR, traceback, lines, **NAMES) is None
    assert of_failure(USER_ERROR, None, lines, **NAMES) is not None


def test_what_mends_one_exception_of_a_group_is_told() -> None:
    traceback = pick([LogLine(0, 0, "main", line) for line in NESTED.read_text().splitlines()])
    found = of_failure(USER_ERROR, traceback, (), **NAMES)
    assert found
    assert found.means == "a folder of the container is full"


# Messages of Snowflake's documentation ("Monitoring services", 2026), and of users' reports.
@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("Container was OOMKilled due to resource usage", "raise jobs.train.resources.limits.memory"),
        ("Failed to pull image", "inv build push run --job train"),
        (
            "Failed to retrieve image: SPCS only supports image for amd64 architecture. Please rebuild your image …",
            "inv build push run --job train (inv doctor compares the processors)",
        ),
        ("Provided image name uses an invalid format", "the template of jobs.train"),
        ("Encountered fatal error while starting container", "jobs.train.command"),
        ("image manifest not found", "inv build push run --job train"),
        ("Image /db/s/images/training:1 does not exist", "inv doctor --job train checks image and grants"),
        ("Failed to pull image: manifest unknown", "inv doctor --job train checks image and grants"),
        ("Invalid image name", "the template of jobs.train"),
        # https://github.com/Shopify/krane/pull/124: Kubernetes, which lies below
        ('Back-off pulling image "db/s/images/training:1"', "inv doctor --job train checks image and grants"),
    ],
)
def test_a_container_s_message_has_its_remedy(message: str, fix: str) -> None:
    for found in (of_failure(message, None, (), **NAMES), of_wait(message, **NAMES)):
        assert found is not None
        assert fix in found.fix


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("Unschedulable due to insufficient resources", "DESCRIBE COMPUTE POOL MACHINES"),
        ("Compute pool node(s) are being provisioned", "wait; "),
        ("Readiness probe is failing at path: /healthz, port: 8000", "readinessProbe"),
    ],
)
def test_waiting_has_its_reason(message: str, fix: str) -> None:
    found = of_wait(message, **NAMES)
    assert found is not None
    assert fix in found.fix
    assert of_failure(message, None, (), **NAMES) is None


@pytest.mark.parametrize("message", ["Running", "Waiting to start", "Completed successfully", USER_ERROR, ""])
def test_the_usual_messages_have_none(message: str) -> None:
    assert of_wait(message, **NAMES) is None
    assert of_failure(message, None, (), **NAMES) is None


@pytest.mark.parametrize("known", [*IMAGE, *CONTAINER, *WAITING, *LOG], ids=lambda known: known.says[0][:40])
def test_whatever_an_entry_speaks_of_is_known_by_each_of_its_sentences(known: Known) -> None:
    asked = {name for text in (known.means, known.fix) for _, name, _, _ in string.Formatter().parse(text) if name}
    for sentence in known.says:
        assert asked <= {*NAMES, *(name for _, name, _, _ in string.Formatter().parse(sentence) if name)}, sentence
