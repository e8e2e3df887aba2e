"""`python -m app` against a table of a local account: as a job with its container's token, and from the desk.

With the connector of this environment, and with the 4.8.1 that other packages force into an image.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spcs.account import resolve
from spcs.run.submit import Submission, submit
from tests import support
from tests.wire import images
from tests.wire.desk import Desk, desk

DIGITS = support.REPO / "data" / "digits.parquet"
COLUMNS = ", ".join(f"{name} NUMBER(38,0) NOT NULL" for name in ("ROW_ID", "LABEL", *(f"PIXEL_{i}" for i in range(64))))
SETUP = f"""
CREATE WAREHOUSE WH;
USE WAREHOUSE WH;
CREATE TABLE DB.S.DIGITS ({COLUMNS});
COPY INTO DB.S.DIGITS FROM @DB.S.RUNS/data/digits.parquet
    FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE;
CREATE TABLE DB.S.EMPTY (ROW_ID NUMBER(38,0), LABEL NUMBER(38,0), X FLOAT);
CREATE TABLE DB.S.MIXED AS SELECT ROW_ID, LABEL, LABEL > 4 AS BIG, PIXEL_3 / 8 AS SHARE, PIXEL_3 * 1.5::FLOAT AS F
    FROM DB.S.DIGITS;
CREATE TABLE DB.S.MANY AS SELECT A.ROW_ID + 1797 * B.ROW_ID AS ROW_ID, A.LABEL, A.PIXEL_3, A.ROW_ID * 1.0::FLOAT AS N
    FROM DB.S.DIGITS A, DB.S.DIGITS B WHERE B.ROW_ID < 100;
CREATE TABLE DB.S.HOLES AS SELECT ROW_ID, LABEL, NULLIF(PIXEL_5, 0) AS X FROM DB.S.DIGITS
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An account with the digits in DB.S.DIGITS, loaded by PUT and COPY INTO, and an image of the app."""
    with desk(tmp_path_factory.mktemp("app")) as made:
        made.account.put(DIGITS, "@DB.S.RUNS/data")
        for statement in SETUP.split(";"):
            made.account.query(statement)
        (repository,) = made.account.query("SHOW IMAGE REPOSITORIES IN SCHEMA DB.S")
        code = {f"app/app/{path.name}": path.read_bytes() for path in (support.REPO / "app").glob("*.py")}
        images.push(repository["repository_url"], made.account.registry_token().reveal(), "training", files=code)
        yield made


@pytest.fixture(params=["5.2.0", "4.8.1"])
def connector(request: pytest.FixtureRequest) -> str:
    """The folder to import the connector from: empty for this environment's."""
    return "" if request.param == "5.2.0" else str(request.getfixturevalue("old_connector"))


def app(at: Desk, folder: Path, connector: str, *words: str) -> support.Outcome:
    """`python -m app WORDS…` on the desk."""
    return on_the_desk(at, folder, connector, "-m", "app", "--connection", "mine", *words)


def on_the_desk(at: Desk, folder: Path, connector: str, *words: str) -> support.Outcome:
    """`python WORDS…` where connections.toml knows the account as `mine`."""
    entry = {**resolve("local", at.root), "database": "DB", "schema": "S", "warehouse": "WH"}
    toml = folder / "connections.toml"
    toml.write_text("[mine]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in entry.items()))
    toml.chmod(0o600)
    env = {"SNOWFLAKE_HOME": str(folder), "PYTHONPATH": connector, "MOUNT_PATH": str(folder / "output")}
    return support.run([sys.executable, *words], support.REPO, env, 120)


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
    return [(line["step"], line["loss"]) for line in lines]


def test_a_job_learns_the_table_with_its_containers_token(at: Desk, connector: str) -> None:
    submission = job(at, connector, "--data", "DIGITS", "--steps", "600", "--threads", "1")
    run = submit(at.account, replace(submission, query_warehouse="WH"), at.root)
    seen, verdict = at.follow(run)
    assert verdict.succeeded, "\n".join(seen.texts)
    assert f"connector {'4.8.1' if connector else '5.2.0'}" in seen.texts
    assert any(line.startswith("rows=1797 training=") for line in seen.texts)
    written = {file.name.split("/output/")[1] for file in at.account.list_stage(f"{run.output}")}
    assert {"metrics.json", "metrics.jsonl", "model.pt", "checkpoints/step-000600/manifest.json"} < written
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
    assert "features=3" in done.stdout


def test_a_result_of_many_batches_is_read_whole_and_in_order(at: Desk, tmp_path: Path, connector: str) -> None:
    script = """
from app import data
from app.config import Config
config = Config(data="MANY", connection="mine")
with data.table(config) as (columns, shards):
    print("batches", len([shard for shard in shards if shard.rows]))
rows = data.load(config)
print(len(rows), bool((rows.ids[1:] == rows.ids[:-1] + 1).all()), rows.features[179_699].tolist(), rows.columns)
"""
    done = on_the_desk(at, tmp_path, connector, "-c", script)
    assert (done.code, done.stderr) == (0, ""), done
    batches, rows = done.stdout.splitlines()
    assert int(batches.removeprefix("batches ")) > 1
    last = pq.read_table(DIGITS)["PIXEL_3"].to_pylist()[-1]
    assert rows == f"179700 True {[float(last), 1796.0]} ['PIXEL_3', 'N']"


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
from app.__main__ import main
for words in {list(REFUSED)!r}:
    with contextlib.redirect_stderr(io.StringIO()) as written, contextlib.redirect_stdout(io.StringIO()):
        code = main(["--connection", "mine", *words.split()])
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
