"""What engines showed of real pushes: docker 20.10 and 28.2, podman 4.3; and the words of podman 5."""

from __future__ import annotations

from typing import Literal

import pytest

from spcs.image.commands import follow_display
from spcs.image.display import Reader, size
from spcs.image.progress import Layer, Tally

A, B = "d39d62557c12", "70fdd4b978ca"
BLOB = "sha256:70fdd4b978cadba679f48572697f6345382c48fd008d367c65d3dedd01cd3a58"
DIGEST = f"sha256:{'2' * 64}"


class Ears:
    def __init__(self, dialect: Literal["docker", "podman"]) -> None:
        self.layers: list[Layer] = []
        self.said: list[str] = []
        self.tally = Tally(self.layers.append)
        self.read = Reader(dialect, self.said.append, self.tally)


@pytest.mark.parametrize(
    ("dialect", "line", "layer"),
    [
        (
            "docker",
            f"{A}: Pushing [==>            ]  2.753MB/62.91MB",
            Layer(A, "sending", 2_753_000, 62_910_000),
        ),
        ("docker", f"{A}: Pushing   512B", Layer(A, "sending", 512, 0)),
        ("docker", f"{A}: Pushed", Layer(A, "sent")),
        ("docker", f"{A}: Layer already exists", Layer(A, "there")),
        ("docker", f"{A}: Mounted from db/schema/images/other", Layer(A, "there")),
        (
            "podman",
            f"Copying blob {A} [=>------------------] 3.5MiB / 60.0MiB",
            Layer(A, "sending", 3_670_016, 62_914_560),
        ),
        ("podman", f"Copying blob {A} [----------] 0.0b / 60.0MiB", Layer(A, "sending", 0, 62_914_560)),
        (
            "podman",
            f"Copying blob {A} [=====>----] 30.0MiB / 60.0MiB | 12.3 MiB/s",
            Layer(A, "sending", 31_457_280, 62_914_560),
        ),
        ("podman", f"Copying blob {A} done   |", Layer(A, "sent")),
        ("podman", f"Copying blob {BLOB} skipped: already exists", Layer(B, "there")),
    ],
)
def test_layer_is_read(dialect: Literal["docker", "podman"], line: str, layer: Layer) -> None:
    ears = Ears(dialect)
    assert ears.read(line)
    assert ears.layers == [layer]


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("docker", "denied: requested access to the resource is denied"),
        ("docker", "received unexpected HTTP status: 503 Service Unavailable"),
        ("podman", 'Error: writing blob: Put "http://127.0.0.1:1/v2/": connection reset by peer'),
    ],
)
def test_complaints_are_not_progress(dialect: Literal["docker", "podman"], line: str) -> None:
    assert not Ears(dialect).read(line)


def test_size_is_kept_for_a_layer_that_is_over_and_layers_are_counted() -> None:
    ears = Ears("docker")
    for line in (
        f"{A}: Preparing",
        f"{A}: Waiting",
        f"{A}: Pushing [>    ] 524.8kB/62.91MB",
        f"{A}: Pushed",
        f"{B}: Layer already exists",
        f"0123456789ab: digest: {DIGEST} size: 954",
    ):
        assert ears.read(line)
    assert ears.layers[1] == Layer(A, "sent", 62_910_000, 62_910_000)
    assert str(ears.tally) == "1 of 2 layers sent"
    assert ears.read.digest == DIGEST


def test_what_the_engine_tries_again_is_said_once_for_each_wait() -> None:
    ears = Ears("docker")
    for seconds in (5, 4, 3, 2):
        ears.read(f"{A}: Retrying in {seconds} seconds")
    ears.read(f"{A}: Retrying in 1 second")
    ears.read(f"{A}: Retrying in 10 seconds")
    assert ears.said == [
        f"layer {A}: the registry dropped; the engine tries again in {seconds} s" for seconds in (5, 10)
    ]


def test_client_gets_a_terminal_and_each_state_of_a_line_is_heard() -> None:
    heard: list[str] = []
    script = (
        "test -t 1 && test -t 2 || exit 9;"
        r"printf 'one: 1%%\ntwo: 1%%\n\033[2A\033[2K\rone: 2%%\r\033[2B'; echo 'it broke' >&2; exit 3"
    )

    def hear(line: str) -> bool:
        heard.append(line)
        return line.endswith("%")

    answer = follow_display(["sh", "-c", script], hear)
    assert (answer.code, answer.error) == (3, "it broke")
    assert heard == ["one: 1%", "two: 1%", "one: 2%", "it broke"]


def test_size_is_in_bytes() -> None:
    assert [size(text) for text in ("512B", "1.5kB", "2MiB", "1.2GB", "", None, "x")] == [
        512, 1500, 2_097_152, 1_200_000_000, 0, 0, 0,
    ]  # fmt: skip
