"""A table that is written to the stage of the output folder once, for all nodes, restarts and resumed runs to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.wire.desk import Desk
from tests.wire.digits import KINDS, digits_desk, on_the_desk


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with digits_desk(tmp_path_factory.mktemp("app")) as made:
        yield made


@pytest.fixture(params=["5.2.0", "4.8.1"])
def connector(request: pytest.FixtureRequest) -> str:
    """The folder to import the connector from: empty for this environment's."""
    return "" if request.param == "5.2.0" else str(request.getfixturevalue("old_connector"))


def mounted(at: Desk, run: str) -> tuple[str, str]:
    """The output folder of a run as a stage location, and as the folder that it is mounted at."""
    return f"@DB.S.RUNS/runs/{run}/output", str(at.root / f".local/stages/DB/S/RUNS/runs/{run}/output")


def test_a_table_is_written_to_the_stage_once_and_read_from_there(at: Desk, tmp_path: Path, connector: str) -> None:
    """Also by a run that goes on from this one, and without asking the table again: that has lost a row by then."""
    stage, output = mounted(at, f"once{'4' if connector else '5'}")
    script = f"""
import json, sys
from pathlib import Path
from app import data
from app.config import Config
from app.runtime import single
stage, output, columns = {stage!r}, {output!r}, {json.dumps(KINDS)!r}
def opened(**options):
    config = Config(**{{"data": "CHANGING", "columns": columns, "output": output, "stage": stage}} | options)
    made = data.open_snapshot(config, single())
    return made.fingerprint, sorted(made.manifest["source"])
asked = opened(connection="mine", unload="never")
written = opened(connection="mine", unload="always")
print(asked[0] == written[0], asked[1], written[1])
with data.connect(Config(connection="mine")) as connection:
    connection.cursor().execute("DELETE FROM CHANGING WHERE ROW_ID = 7")
nobody = {{"connection": "nobody"}}
print(opened(**nobody) == opened(**nobody, output=output + "2", resume=output) == written)
now = opened(connection="mine", unload="never")
other = opened(connection="mine", unload="always", label="CODE", features="SHARE", columns="")
print(now[0] != written[0], len(list(Path(output, "data").glob("*/manifest.json"))))
for file in Path(output, "data").glob("*/*.parquet"):
    file.write_bytes(file.read_bytes()[:-1])
print(opened(connection="mine", output=output + "2", stage=stage + "2", resume=output) == (now[0], written[1]))
"""
    at.account.query("CREATE OR REPLACE TABLE DB.S.CHANGING AS SELECT * FROM DB.S.KINDS")
    done = on_the_desk(at, tmp_path, connector, "-c", script)
    assert (done.code, done.stderr) == (0, ""), done
    *lines, note, last = done.stdout.splitlines()
    assert lines == ["True ['data', 'query_id'] ['data', 'files', 'query_id']", "True", "True 2"]
    assert note.startswith(f'note="{output}/data/')
    assert " is passed over: error: cannot read " in note
    assert last == "True"


def test_files_are_written_by_row_id(at: Desk, tmp_path: Path) -> None:
    """Whatever the order of the table's rows: data larger than memory is shuffled by runs of the files."""
    stage, output = mounted(at, "by_id")
    script = f"""
import torch
from app import data
from app.config import Config
from app.runtime import single
config = Config(data="BACKWARDS", connection="mine", unload="always", stage={stage!r}, output={output!r}, shuffle_gib=0)
made = data.open_snapshot(config, single())
print(torch.equal(made.features.argsort(0)[:, 0], torch.arange(1797)))
"""
    at.account.query(
        "CREATE TABLE DB.S.BACKWARDS AS SELECT ROW_ID, LABEL, ROW_ID AS X FROM DB.S.DIGITS ORDER BY ROW_ID DESC"
    )
    done = on_the_desk(at, tmp_path, "", "-c", script)
    assert (done.code, done.stderr, done.stdout) == (0, "", "True\n"), done


RANK = """
import json, os, sys
import torch, torch.distributed as dist
from app import data
from app.config import Config
from app.runtime import Group
rank, place, settings = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
dist.init_process_group("gloo", init_method="file://" + place, rank=rank, world_size=2)
config = Config(data="MANY", connection=["mine", "nobody"][rank], **settings)
made = data.open_snapshot(config, Group(rank, 0, 2, torch.device("cpu")))
print(made.fingerprint, *sorted(made.manifest["source"]))
dist.destroy_process_group()
"""


def test_two_nodes_read_the_same_files_or_the_same_batches(at: Desk, tmp_path: Path) -> None:
    stage, output = mounted(at, "nodes")
    said = []
    for name, settings in {"files": {"stage": stage, "output": output}, "batches": {}}.items():
        words = [["-c", RANK, str(rank), str(tmp_path / name), json.dumps(settings)] for rank in range(2)]
        with ThreadPoolExecutor() as pool:
            done = list(pool.map(lambda more: on_the_desk(at, tmp_path, "", *more), words))
        assert [(each.code, each.stderr) for each in done] == [(0, ""), (0, "")], done
        assert done[0].stdout == done[1].stdout
        said.append(done[0].stdout.split())
    assert said[0][0] == said[1][0]
    assert [sources for _, *sources in said] == [["data", "files", "query_id"], ["data", "query_id"]]
