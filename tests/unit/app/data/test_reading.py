"""From a source's pieces to rows, and what is refused on the way. tests/wire/test_app_table.py has the tables."""

from __future__ import annotations

import json
import math
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from snowflake.connector.errors import Error

from app import data
from app.config import Config, Problem
from app.data import table
from app.data.files import Shard, files
from app.data.plan import Plan, awaited, check_sizes, kept, unloaded
from app.data.schema import Column, Feature, Label, Schema
from app.data.snapshot import for_each, pack
from app.runtime import single

Settings = Callable[..., Config]
Snapshots = Callable[..., data.Snapshot]
Write = Callable[..., str]
Python = Callable[..., subprocess.Popen[str]]


def load(config: Config) -> data.Snapshot:
    return data.open_snapshot(config, single())


def plain(*features: str) -> Schema:
    return Schema("ROW_ID", Label("LABEL", 10), tuple(Feature(name, "numeric", i) for i, name in enumerate(features)))


def test_every_kind_of_column_finds_its_place(snapshot: Snapshots) -> None:
    content = {
        "AGE": pa.array([None if i % 5 == 0 else float(i) for i in range(250)]),
        "MEMBER": [i % 2 == 0 for i in range(250)],
        "SINCE": pa.array([1_700_000_000 + i for i in range(250)], pa.timestamp("s")),
        "CITY": [("Oslo", "Rome", "Bonn")[i % 3] for i in range(250)],
        "FACE": pa.array([[i, -i] for i in range(250)], pa.list_(pa.float32(), 2)),
        "LABEL": [i / 10 for i in range(250)],
    }
    said = {"AGE": {"null": "mean", "indicator": True}, "CITY": {"kind": "category"}}
    made = snapshot(content, columns=json.dumps(said), classes=1)
    assert made.columns == ("AGE", "AGE IS NULL", "MEMBER", "SINCE", "CITY", "FACE[0]", "FACE[1]")
    age, null, member, since, city, *face = made.features.T.tolist()
    assert [age[0], age[245], null[:6]] == [0, 0, [1, 0, 0, 0, 0, 1]]
    assert member[:3] == [1, 0, 1]
    assert since == pytest.approx([(i - 124.5) / np.std(np.arange(250)) for i in range(250)], abs=0.01)
    assert city[:3] == [2, 3, 1]
    assert [part[7] for part in face] == [7, -7]
    assert made.labels.dtype == torch.float32
    assert made.labels[3] == torch.tensor(0.3)


def test_shards_of_different_widths_fit_together(settings: Settings, tmp_path: Path) -> None:
    parts = [
        {"ROW_ID": pa.array([1, 2], pa.int8()), "LABEL": pa.array([0, 1], pa.int8()), "X": pa.array([0.5, 2.0])},
        {"ROW_ID": pa.array([300], pa.int16()), "LABEL": pa.array([2.0]), "X": pa.array([1], pa.int8())},
    ]
    shards = [Shard("s", len(part["X"]), lambda part=part: pa.table(part)) for part in parts]  # type: ignore[misc]
    pack(Plan(plain("X"), shards, {}), settings(batch_size=1, held_out=50), tmp_path)
    assert np.fromfile(tmp_path / "features", np.float32).tolist() == [0.5, 2.0, 1.0]
    assert np.fromfile(tmp_path / "labels", np.int64).tolist() == [0, 1, 2]


def test_measures_of_groups_add_up_to_those_of_all_rows(write: Write) -> None:
    values = np.random.default_rng(0).normal(1e9, 3.0, 1234)
    holes = pa.array(values, mask=(np.arange(1234) % 3 == 0) | (np.arange(1234) < 200))  # whole groups, too
    source = files(write({"X": holes, "Y": pa.array([None] * 1234, pa.int32())}))
    measured = source.measure(source.columns)
    kept = values[200:][np.arange(200, 1234) % 3 != 0]
    assert measured["X"] == pytest.approx((kept.mean(), kept.std()), rel=1e-9)
    assert math.isnan(measured["Y"][0])
    assert source.columns == [Column("X", "numeric", "double"), Column("Y", "numeric", "int32")]


GOOD: dict[str, Any] = {"ROW_ID": [0, 1, 2], "LABEL": [0, 1, 2], "X": [0.5, 1.5, 2.5]}


@pytest.mark.parametrize(
    ("columns", "options", "what"),
    [
        ({"X": [0.5, None, 2.5]}, {}, "X holds 1 nulls"),
        ({"LABEL": [0, None, 1]}, {}, "LABEL holds 1 nulls"),
        ({"ROW_ID": [0, None, 1]}, {}, "ROW_ID holds 1 nulls"),
        ({"X": [0.5, float("nan"), 2.5]}, {}, "X has no mean"),
        ({"X": [1e300, -1e300, 1e300]}, {}, "X has no mean"),
        ({"X": [1, 2, 2**24 + 1]}, {}, "X holds whole numbers beyond 2^24"),
        ({"X": ["a", "b", "c"]}, {}, "X is text (string) without a vocabulary"),
        ({"LABEL": [0, 1, 10]}, {}, "LABEL holds 10, outside 0..9"),
        ({"ROW_ID": [1, 1, 2]}, {}, "ROW_ID 1 occurs twice"),
        ({"ROW_ID": [], "LABEL": [], "X": pa.array([], pa.float32())}, {}, "some.parquet has no rows"),
        ({}, {"label": "LABL"}, "has no column LABL (--label)\nfix: did you mean LABEL?"),
        ({}, {"row_id": "ID"}, "has no column ID (--row-id)\nfix: choose from ROW_ID, LABEL, X"),
        ({}, {"features": "X,Y"}, "has no column Y (--features)"),
        ({}, {"label": "X", "row_id": "ROW_ID", "features": ""}, "X does not hold whole numbers"),
    ],
)
def test_data_that_would_train_on_something_else_is_refused(
    settings: Settings, write: Write, columns: dict[str, Any], options: dict[str, str], what: str
) -> None:
    with pytest.raises(Problem) as problem:
        load(settings(data=write(GOOD | columns), **options))
    assert what in str(problem.value)
    assert "\nfix: " in str(problem.value)
    assert problem.value.code == 2


@pytest.mark.parametrize("content", [None, pa.table({"X": [1] * 500})])
def test_a_short_shard_is_refused(content: pa.Table | None) -> None:
    with pytest.raises(Problem, match=r"DIGITS batch 3 holds (0|500) rows of 1000"):
        Shard("DIGITS batch 3", 1000, lambda: content).load()


class Batch(SimpleNamespace):
    """A batch of a result, behind a link that has expired."""

    def to_arrow(self) -> pa.Table:
        raise Error("expired")


def test_a_result_that_is_another_by_now_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    again = SimpleNamespace(
        query_result=lambda query: None, get_results_from_sfqid=None, get_result_batches=lambda: [Batch(rowcount=2)]
    )
    again.close = lambda: None
    monkeypatch.setattr(table, "connect", lambda config: SimpleNamespace(cursor=lambda: again, close=lambda: None))
    with pytest.raises(Problem, match="query 01-abc now has another result") as problem:
        table.Result(settings(data="DIGITS"), "01-abc", [Batch(rowcount=3)]).read(0)
    assert problem.value.code == 1


@pytest.mark.parametrize("manifest", ["", "{", "[]", "{}", '{"settings": 1}'])
def test_files_without_a_sound_manifest_are_nothing(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    folder = tmp_path / "output" / "data" / "1a2b"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest)
    assert kept(settings(data="DIGITS")) is None
    assert manifest == '{"settings": 1}' or "is passed over" in capsys.readouterr().out  # of other settings: silently


def test_a_table_without_rows_is_not_waited_for(settings: Settings) -> None:
    empty: Any = SimpleNamespace(unload=lambda *_: ({}, "01-abc"))
    with pytest.raises(Problem, match="EMPTY has no rows"):
        unloaded(empty, plain("X"), settings(data="EMPTY", stage="@stage"))


def test_the_first_shard_is_read_alone_and_the_others_by_threads(settings: Settings, tmp_path: Path) -> None:
    readers: list[threading.Thread] = []

    def read(index: int) -> pa.Table:
        readers.append(threading.current_thread())
        return pa.table({"ROW_ID": [index], "LABEL": [0], "X": [index]})

    before = set(threading.enumerate())
    shards = [Shard("s", 1, lambda i=i: read(i)) for i in range(12)]  # type: ignore[misc]
    pack(Plan(plain("X"), shards, {}), settings(batch_size=1, held_out=50), tmp_path)
    assert np.fromfile(tmp_path / "features", np.float32).tolist() == list(range(12))
    assert readers[0] is threading.main_thread()
    assert threading.main_thread() not in readers[1:]
    assert not set(threading.enumerate()) - before


def test_a_failure_waits_for_what_is_under_way_and_skips_the_rest() -> None:
    """A thread still busy at exit would abort the interpreter, and 2 would become 134."""
    started, written, release = threading.Event(), list[int](), threading.Event()

    def write(number: int) -> None:
        if number == 0:
            started.set()
            assert release.wait(10)
        elif number == 1:
            assert started.wait(10)
            threading.Timer(0.3, release.set).start()
            raise Problem("the second is bad", "mend it")
        else:
            assert started.wait(10)
            assert release.wait(10)
        written.append(number)

    with pytest.raises(Problem, match="the second is bad"):
        for_each(write, list(range(50)))
    assert 0 in written
    assert len(written) < 10


def test_files_that_cannot_be_read_are_named(settings: Settings, tmp_path: Path, write: Write) -> None:
    broken = tmp_path / "broken.parquet"
    with pytest.raises(Problem, match=r"broken\.parquet: there is no file .*broken\.parquet"):
        load(settings(data=str(broken)))
    broken.write_bytes(b"no Parquet at all")
    with pytest.raises(Problem, match=r"cannot read .*broken\.parquet"):
        load(settings(data=str(broken)))
    broken.unlink()
    with pytest.raises(Problem, match=r"there is no \*\.parquet in "):
        load(settings(data=f"{tmp_path}/"))
    write(GOOD, "folder/a.parquet")
    write({"ROW_ID": [4], "LABEL": [1]}, "folder/b.parquet")
    with pytest.raises(Problem, match=r"cannot read .*b\.parquet: .*\bX\b"):
        load(settings(data=f"{tmp_path}/folder"))


def test_files_that_another_machine_wrote_are_waited_for(tmp_path: Path) -> None:
    path, looks = tmp_path / "late", list[int]()

    def look() -> str:
        looks.append(len(looks))
        path.write_bytes(b"12345"[: 2 * len(looks)])  # it grows while it is looked at
        check_sizes([{"path": str(path), "bytes": 4}])
        return "there"

    assert awaited(look, within=60) == "there"
    assert looks == [0, 1]
    with pytest.raises(Problem, match=r"there is no .*late of 5 bytes\nfix: "):
        awaited(lambda: check_sizes([{"path": str(path), "bytes": 5}]), within=0)


def test_files_of_a_table_are_read_in_the_order_they_were_written(settings: Settings, tmp_path: Path) -> None:
    """By the numbers in their names, of which the tenth is behind the ninth."""
    names = [f"data_{thread}_0_{number}.snappy.parquet" for thread in (0, 1, 10) for number in range(12)]

    class Written:
        def unload(self, names_: Sequence[str], by: str, place: str) -> tuple[dict[str, int], str]:
            folder = tmp_path / "output" / "data" / place.rstrip("/").rpartition("/")[2]
            folder.mkdir(parents=True)
            for i, name in enumerate(names):
                pq.write_table(pa.table({"ROW_ID": [i], "LABEL": [0], "X": [float(i)]}), folder / name)
            return dict.fromkeys(sorted(names), 1), "query"

    made = unloaded(Written(), plain("X"), settings(stage="@stage"))  # type: ignore[arg-type]  # enough of a table
    assert [shard.load()["ROW_ID"].to_pylist() for shard in made.shards] == [[i] for i in range(len(names))]


def test_a_table_is_not_written_to_a_stage_that_nobody_named(settings: Settings) -> None:
    with pytest.raises(Problem, match="--unload is always, and --output is on no stage"):
        unloaded(None, plain("X"), settings(unload="always"))  # type: ignore[arg-type]  # it is not asked


def test_a_table_without_a_way_to_it_says_what_to_add(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_HOST", raising=False)
    with pytest.raises(Problem, match="add --connection NAME") as problem:
        load(settings(data="DIGITS"))
    assert problem.value.code == 2
