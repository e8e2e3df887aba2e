"""A Snowflake table as a source: a shard is one of the batches of a query's result, or a piece of a file that Snowflake
has written to a stage.
"""

from __future__ import annotations

import math
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.config import Config, Problem
from app.data.files import LOAD_FIRST, Shard
from app.data.schema import Column, kind_by

NO_WAREHOUSE = 606  # Snowflake's error number
FILE_BYTES = 256 * 2**20  # the largest that is written; Snowflake's own 16 MB would make thousands of a large table
VECTOR = re.compile(r"VECTOR\(\w+, ?(\d+)\)")
# The kind of a column (see schema.Column), by what the connector calls its type.
KINDS = {
    "numeric": "FIXED|REAL",
    "boolean": "BOOLEAN",
    "timestamp": "DATE|TIMESTAMP_.+",
    "text": "TEXT",
    "vector": "VECTOR|BINARY",
}


@contextmanager
def table(config: Config) -> Iterator[Table]:
    with asking(config), closing(connect(config)) as connection:
        yield Table(config, connection)


class Table:
    """A Snowflake table as a `schema.Source`, through one connection. `values` says by which expression each column is
    read: one that gives the same numbers in a query's result and in a file.
    """

    def __init__(self, config: Config, connection: Any) -> None:
        from snowflake.connector.constants import FIELD_ID_TO_NAME  # type: ignore[attr-defined]  # both lines have it

        self.config, self.cursor = config, connection.cursor()
        self.cursor.execute(f"SELECT * FROM {config.data} LIMIT 0")
        described = [(column[0], FIELD_ID_TO_NAME[column[1]], column[5]) for column in self.cursor.description]
        widths: dict[str, int] = {}
        if "VECTOR" in [kind for _, kind, _ in described]:  # a result's description leaves out how wide they are
            of_table = self.ask(f"DESCRIBE TABLE {config.data}")
            widths = {row[0]: int(found[1]) for row in of_table if (found := VECTOR.fullmatch(row[1]))}
        self.columns: Sequence[Column] = [
            Column(name, kind_by(KINDS, kind), kind, widths.get(name, 0)) for name, kind, _ in described
        ]
        self.values = {name: value(name, kind, scale) for name, kind, scale in described}

    def measure(self, columns: Sequence[Column]) -> dict[str, tuple[float, float]]:
        # Of doubles: an average of NUMBERs is cut to six decimals.
        wanted = [f"({self.values[column.name]})::FLOAT" for column in columns]
        asked = ["COUNT(*)", *(f"AVG({one}), STDDEV_POP({one})" for one in wanted)]
        ((rows, *answers),) = self.ask(f"SELECT {', '.join(asked)} FROM {self.config.data}")
        if not rows:
            raise Problem(f"{self.config.data} has no rows", LOAD_FIRST)
        numbers = [math.nan if answer is None else float(answer) for answer in answers]
        return {column.name: (numbers[2 * i], numbers[2 * i + 1]) for i, column in enumerate(columns)}

    def distinct(self, name: str, limit: int) -> list[Any]:
        one = quoted(name)
        asked = f"SELECT DISTINCT {one} FROM {self.config.data} WHERE {one} IS NOT NULL LIMIT {limit}"
        return [row[0] for row in self.ask(asked)]

    def shards(self, names: Sequence[str], by: str) -> tuple[list[Shard], str]:
        """These columns of all rows by the column `by`, and the query's id."""
        # Without ORDER BY a query run again may give its rows in another order.
        self.cursor.execute(self.select(names, by, {}))
        result = Result(self.config, self.cursor.sfqid, self.cursor.get_result_batches() or [])
        shards = [
            Shard(f"{self.config.data} batch {i}", batch.rowcount, partial(result.read, i))
            for i, batch in enumerate(result.batches)
        ]
        return shards, result.query_id

    def unload(self, names: Sequence[str], by: str, place: str) -> tuple[dict[str, int], str]:
        """Has Snowflake write these columns of all rows as Parquet files to `place`, an empty folder of a stage, by the
        column `by`: then they need not be put in order here. (Snowflake does not promise how it shares rows out to
        several files; nothing but speed rests on it.) Returns the rows of each file by its name, and the query's id.
        """
        as_json = {one.name: f"{quoted(one.name)}::ARRAY" for one in self.columns if one.type == "VECTOR"}
        target, query = place.replace("'", "''"), self.select(names, by, as_json)  # Parquet has no vectors
        options = f"FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE DETAILED_OUTPUT = TRUE MAX_FILE_SIZE = {FILE_BYTES}"
        written = self.ask(f"COPY INTO '{target}' FROM ({query}) {options}")
        return {name.rpartition("/")[2]: rows for name, _, rows in written}, self.cursor.sfqid

    def select(self, names: Sequence[str], by: str, instead: Mapping[str, str]) -> str:
        wanted = ", ".join(f"{instead.get(name, self.values[name])} AS {quoted(name)}" for name in names)
        return f"SELECT {wanted} FROM {self.config.data} ORDER BY {quoted(by)}"

    def ask(self, statement: str) -> list[Sequence[Any]]:
        answer: list[Sequence[Any]] = self.cursor.execute(statement).fetchall()
        return answer


def value(name: str, kind: str, scale: int) -> str:
    one = quoted(name)
    if kind == "FIXED" and scale:
        return f"{one}::FLOAT"
    if kind_by(KINDS, kind) == "timestamp":
        return f"DATE_PART(EPOCH_MICROSECOND, {one}{'::TIMESTAMP_NTZ' * (kind == 'DATE')})::FLOAT / 1e6"
    return one


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


REOPENING = threading.Lock()


@dataclass
class Result:
    """A query's result. Its batches are read by links of about six hours, without a connection, in any process."""

    config: Config
    query_id: str
    batches: list[Any]

    def read(self, index: int) -> pa.Table | None:
        from snowflake.connector.errors import Error

        batches = self.batches
        try:
            return batches[index].to_arrow()
        except Error:
            with asking(self.config):
                with REOPENING:
                    if self.batches is batches:  # no other thread has been here yet
                        self.batches = self.reopened()
                return self.batches[index].to_arrow()

    def reopened(self) -> list[Any]:
        """The same batches behind new links, for as long as Snowflake keeps results: 24 hours."""
        with closing(connect(self.config)) as connection, closing(connection.cursor()) as cursor:
            by_id = getattr(cursor, "query_result", cursor.get_results_from_sfqid)  # connector 5 and 4
            by_id(self.query_id)
            again: list[Any] = cursor.get_result_batches() or []
        if [batch.rowcount for batch in again] != [batch.rowcount for batch in self.batches]:
            raise Problem(f"query {self.query_id} now has another result", "run again: that reads the table anew", 1)
        return again


@contextmanager
def asking(config: Config) -> Iterator[None]:
    """What Snowflake refuses becomes a Problem."""
    from snowflake.connector.errors import Error, ProgrammingError

    try:
        yield
    except Error as error:
        fix, code = "run again; if it stays, see whether Snowflake can be reached from here", 1
        if isinstance(error, ProgrammingError):
            no_warehouse = "set query_warehouse of the job, or warehouse in the entry of the connection"
            fix, code = no_warehouse if error.errno == NO_WAREHOUSE else LOAD_FIRST, 2
        raise Problem(f"cannot read {config.data}: {' '.join(str(error).split())}", fix, code) from error


def connect(config: Config) -> Any:
    """A connection: by --connection on the desk; in a container by its token file and SNOWFLAKE_* variables alone."""
    import snowflake.connector

    token = Path(os.environ.get("SNOWFLAKE_TOKEN_PATH", "/snowflake/session/token"))
    if config.connection:
        settings: dict[str, str] = {"connection_name": config.connection}
    elif token.exists() and "SNOWFLAKE_HOST" in os.environ:
        names = ("host", "account", "database", "schema", "port", "protocol")
        settings = {name: os.environ[key] for name in names if (key := f"SNOWFLAKE_{name.upper()}") in os.environ}
        # Read at the moment of connecting, as it is replaced every few minutes.
        settings |= {"authenticator": "oauth", "token": token.read_text().strip()}
    else:
        what = f"{config.data} is a table, and there is no {token} with a SNOWFLAKE_HOST, as in a container"
        raise Problem(what, "add --connection NAME, an entry of connections.toml, or give --data FILE.parquet")
    try:
        with warnings.catch_warnings():
            # Connector 5.x announces a change in how sessions end, which a session of one query need not know.
            warnings.simplefilter("ignore", FutureWarning)
            return snowflake.connector.connect(**settings)
    except snowflake.connector.errors.Error as error:
        fix, code = ("check that entry of connections.toml", 2) if config.connection else ("run the job again", 1)
        raise Problem(f"cannot connect to Snowflake: {' '.join(str(error).split())}", fix, code) from error
