"""A desk whose account has the tables that `python -m app` is tried on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spcs.account import resolve
from tests import support
from tests.wire import images
from tests.wire.desk import Desk, desk

DIGITS = support.REPO / "data" / "digits.parquet"
COLUMNS = ", ".join(f"{name} NUMBER(38,0) NOT NULL" for name in ("ROW_ID", "LABEL", *(f"PIXEL_{i}" for i in range(64))))
SETUP = f"""
USE WAREHOUSE WH;
CREATE TABLE DB.S.DIGITS ({COLUMNS});
COPY INTO DB.S.DIGITS FROM @DB.S.RUNS/data/digits.parquet
    FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE;
CREATE TABLE DB.S.EMPTY (ROW_ID NUMBER(38,0), LABEL NUMBER(38,0), X FLOAT);
CREATE TABLE DB.S.MIXED AS SELECT ROW_ID, LABEL, LABEL > 4 AS BIG, PIXEL_3 / 8 AS SHARE, PIXEL_3 * 1.5::FLOAT AS F
    FROM DB.S.DIGITS;
CREATE TABLE DB.S.MANY AS SELECT A.ROW_ID + 1797 * B.ROW_ID AS ROW_ID, A.LABEL, A.PIXEL_3, A.ROW_ID * 1.0::FLOAT AS N
    FROM DB.S.DIGITS A, DB.S.DIGITS B WHERE B.ROW_ID < 100;
CREATE TABLE DB.S.HOLES AS SELECT ROW_ID, LABEL, NULLIF(PIXEL_5, 0) AS X FROM DB.S.DIGITS;
CREATE TABLE DB.S.KINDS AS SELECT ROW_ID, LABEL, NULLIF(PIXEL_5, 0) AS X, LABEL > 4 AS BIG,
    DATEADD(DAY, ROW_ID, '2024-01-01'::TIMESTAMP_NTZ) AS T, DATEADD(DAY, ROW_ID, '2024-01-01'::DATE) AS D,
    DATEADD(DAY, ROW_ID, '2024-01-01 10:00:00.5'::TIMESTAMP_LTZ) AS L, (PIXEL_3 / 8)::NUMBER(9, 3) AS SHARE,
    IFF(LABEL > 6, 'many', 'few') AS WORD, LABEL AS CODE, [PIXEL_3 / 3, 1]::VECTOR(FLOAT, 2) AS V FROM DB.S.DIGITS
"""

KINDS = {"X": {"null": "mean", "indicator": True}, "WORD": {"kind": "category"}, "CODE": {"kind": "category"}}


@contextmanager
def digits_desk(folder: Path) -> Iterator[Desk]:
    """An account with the digits in DB.S.DIGITS, loaded by PUT and COPY INTO, and an image of the app."""
    with desk(folder) as made:
        made.account.put(DIGITS, "@DB.S.RUNS/data")
        for statement in SETUP.split(";"):
            made.account.query(statement)
        (repository,) = made.account.query("SHOW IMAGE REPOSITORIES IN SCHEMA DB.S")
        code = {
            f"app/{path.relative_to(support.REPO)}": path.read_bytes() for path in (support.REPO / "app").rglob("*.py")
        }
        images.push(repository["repository_url"], made.account.registry_token().reveal(), "training", files=code)
        yield made


def on_the_desk(at: Desk, folder: Path, connector: str, *words: str) -> support.Outcome:
    """`python WORDS…` where connections.toml knows the account as `mine`."""
    entry = {**resolve("local", at.root), "database": "DB", "schema": "S", "warehouse": "WH"}
    toml = folder / "connections.toml"
    toml.write_text("[mine]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in entry.items()))
    toml.chmod(0o600)
    env = {"SNOWFLAKE_HOME": str(folder), "PYTHONPATH": connector, "MOUNT_PATH": str(folder / "output")}
    return support.run([sys.executable, *words], support.REPO, env, 120)
