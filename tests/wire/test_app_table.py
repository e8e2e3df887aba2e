"""`python -m app` against a table of a local account: as a job with its container's token, and from the desk.

With the connector of this environment, and with the 4.8.1 that other packages force into an image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spcs.run.submit import Submission, submit
from tests import support
from tests.wire.desk import Desk
from tests.wire.digits import DIGITS, KINDS, digits_desk, on_the_desk


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with digits_desk(tmp_path_factory.mktemp("app")) as made:
        yield made


@pytest.fixture(params=["5.2.0", "4.8.1"])
def connector(request: pytest.FixtureRequest) -> str:
    """The folder to import the connector from: empty for this environment's."""
    return "" if request.param == "5.2.0" else str(request.getfixturevalue("old_connector"))


def app(at: Desk, folder: Path, connector: str, *words: str) -> support.Outcome:
    """`python -m app WORDS…` on the desk."""
    return on_the_desk(at, folder, connector, "-m", "app", "--connection", "mine", *words)


def job(at: Desk, connector: str, *words: str) -> Submission:
    """A job that runs `python -m app WORDS…` in its container."""
    code = f"""
import runpy, sys
sys.path.insert(0, {connector!r})
sys.argv[1:] = {words!r}
import snowflake.connector
print("connector", snowflake.connector.__version__)
runpy.run_module("app", run_name="__main__")
"""
    return at.submission(code, job="train", image="training:1")


def losses(output: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def test_a_job_learns_the_table_with_its_containers_token(at: Desk, connector: str) -> None:
    submission = job(at, connector, "--data", "DIGITS", "--steps", "600", "--threads", "1")
    run = submit(at.account, replace(submission, query_warehouse="WH"), at.root)
    seen, verdict = at.follow(run)
    assert verdict.succeeded, "\n".join(seen.texts)
    assert f"connector {'4.8.1' if connector else '5.2.0'}" in seen.texts
    assert any(line.startswith("rows=1797 training=") for line in seen.texts)
    written = {file.name.split("/output/")[1] for file in at.account.list_stage(f"{run.output}")}
    assert {"metrics.json", "metrics.jsonl", "model.safetensors", "checkpoints/step-000600/manifest.json"} < written
    at.account.get(f"{run.output}metrics.json", at.root)
    assert json.loads((at.root / "metrics.json").read_text())["accuracy"] >= 0.95


def test_a_job_without_a_warehouse_says_where_to_name_one(at: Desk, connector: str) -> None:
    seen, verdict = at.follow(submit(at.account, job(at, connector, "--data", "DIGITS"), at.root))
    assert not verdict.succeeded
    assert any("fix: set query_warehouse of the job" in line for line in seen.texts)


def test_the_desk_trains_on_the_table_as_on_the_file(at: Desk, tmp_path: Path, connector: str) -> None:
    words = ["--steps", "50", "--threads", "1", "--log-every", "10"]
    done = app(at, tmp_path, connector, "--data", "DB.S.DIGITS", *words)
    assert (done.code, done.stderr) == (0, ""), done
    file = app(at, tmp_path, connector, "--data", str(DIGITS), "--output", str(tmp_path / "file"), *words)
    assert (file.code, file.stderr) == (0, ""), file
    assert losses(tmp_path / "file") == losses(tmp_path / "output")


def test_decimals_booleans_and_floats_are_features(at: Desk, tmp_path: Path, connector: str) -> None:
    done = app(at, tmp_path, connector, "--data", "MIXED", "--steps", "5")
    assert (done.code, done.stderr) == (0, ""), done
    assert "rows=1797 training=" in done.stdout
    assert "columns=3" in done.stdout


PLAIN = '{"PIXEL_3": {"mean": 0}, "N": {"mean": 0}}'


def test_a_result_of_many_batches_is_read_whole_and_in_order(at: Desk, tmp_path: Path, connector: str) -> None:
    script = f"""
import torch
from app import data
from app.config import Config
from app.data.plan import planned
from app.runtime import single
config = Config(data="MANY", connection="mine", columns={PLAIN!r})
print("batches", len(planned(config, 1).shards))
made = data.open_snapshot(config, single())
in_order = torch.equal(made.features[:, 1], torch.arange(len(made)) % 1797.0)
print(len(made), in_order, made.features[179_699].tolist(), made.columns)
"""
    done = on_the_desk(at, tmp_path, connector, "-c", script)
    assert (done.code, done.stderr) == (0, ""), done
    batches, rows = done.stdout.splitlines()
    assert int(batches.removeprefix("batches ")) > 1
    last = pq.read_table(DIGITS)["PIXEL_3"].to_pylist()[-1]
    assert rows == f"179700 True {[float(last), 1796.0]} ('PIXEL_3', 'N')"


def test_every_kind_of_column_is_as_it_would_be_from_a_file(at: Desk, tmp_path: Path, connector: str) -> None:
    script = f"""
import sys
import pyarrow as pa
import pyarrow.parquet as pq
from app import data
from app.config import Config
from app.data.table import table
from app.runtime import single
config = Config(data="KINDS", connection="mine", columns={json.dumps(KINDS)!r})
made = data.open_snapshot(config, single())
for feature in made.schema["features"]:
    print(feature["name"], feature["kind"], feature["width"], *feature["vocabulary"])
with table(config) as source:
    batches = source.cursor.execute("SELECT * FROM KINDS").get_result_batches()
    parts = [batch.to_arrow() for batch in batches if batch.rowcount]
    pq.write_table(pa.concat_tables(parts, promote_options="permissive"), sys.argv[1])
again = data.open_snapshot(Config(data=sys.argv[1], columns=config.columns), single())
print([(one, other) for one, other in zip(made.schema["features"], again.schema["features"]) if one != other],
    again.fingerprint == made.fingerprint)
print([round(number, 3) for number in made.features[1].tolist()])
"""
    done = on_the_desk(at, tmp_path, connector, "-c", script, str(tmp_path / "kinds.parquet"))
    assert (done.code, done.stderr) == (0, ""), done
    *kinds, same, row = done.stdout.splitlines()
    assert kinds == [
        "X numeric 1",
        "BIG boolean 1",
        "T timestamp 1",
        "D timestamp 1",
        "L timestamp 1",
        "SHARE numeric 1",
        "WORD category 1 few many",
        "CODE category 1 0 1 2 3 4 5 6 7 8 9",
        "V vector 2",
    ]
    assert same == "[] True"
    assert json.loads(row)[2:6] == [0, -1.729, -1.729, -1.729]
    assert json.loads(row)[7:] == [1, 2, 4, 1]


def test_links_that_have_expired_are_opened_again_by_the_querys_id(at: Desk, tmp_path: Path, connector: str) -> None:
    """The chunks are moved away, which the account answers as it does an expired link, and come back with new links."""
    script = """
import os, pickle, sys, threading
from pathlib import Path
from app import data
from app.config import Config
from app.data import snapshot, table
from app.data.plan import planned
results, connect, opened = Path(sys.argv[1]), table.connect, []
plan = planned(Config(data="MANY", connection="mine"), 1)
kept = [(path, path.with_name("." + path.name)) for path in results.iterdir() if path.is_dir()]
for there, away in kept:
    there.rename(away)
def connecting(config):
    opened.append(threading.current_thread())
    for there, away in kept:
        away.rename(there)
    return connect(config)
table.connect = connecting
here = Path(sys.argv[2])
here.mkdir()
sent = pickle.loads(pickle.dumps(plan))
manifest = snapshot.pack(sent, Config(data="MANY"), here)
print(manifest["rows"], len(opened), len(plan.shards) > 2)
"""
    results = str(at.root / ".local" / "results")
    done = on_the_desk(at, tmp_path, connector, "-c", script, results, str(tmp_path / "packed"))
    assert (done.code, done.stderr) == (0, ""), done
    assert done.stdout == "179700 1 True\n"


REFUSED = {
    "--data ABSENT": "cannot read ABSENT: ",
    "--data EMPTY": "EMPTY has no rows",
    "--data HOLES": "X holds ",
    "--data DIGITS --label LABLE": "DIGITS has no column LABLE (--label)",
    "--data DIGITS --classes 5": "outside 0..4",
    "--data DIGITS;x": "cannot read DIGITS;x: ",
    "--data DIGITS --connection yours": "cannot connect to Snowflake: ",
}


def test_a_table_that_cannot_be_used_ends_with_2_and_two_lines(at: Desk, tmp_path: Path, connector: str) -> None:
    # All in one process: importing torch is what takes long.
    script = f"""
import contextlib, io, json
from app import report, train
for words in {list(REFUSED)!r}:
    with contextlib.redirect_stderr(io.StringIO()) as written, contextlib.redirect_stdout(io.StringIO()):
        code = report.guarded(lambda _: train.main(["--connection", "mine", *words.split()]))
    print(json.dumps([words, code, written.getvalue().splitlines()]))
"""
    done = on_the_desk(at, tmp_path, connector, "-c", script)
    assert (done.code, done.stderr) == (0, ""), done
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [words for words, _, _ in answers] == list(REFUSED)
    for words, code, lines in answers:
        assert (code, len(lines)) == (2, 2), (words, code, lines)
        assert lines[0].startswith("error: ")
        assert REFUSED[words] in lines[0]
        assert lines[1].startswith("fix: ")
