"""The statements this product sends, as pure functions that return their text. Nothing is sent from here.

Object names may be dotted and may already be in double quotes; see `quoting` for what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from spcs.account.quoting import file_uri, identifier, literal, location, plain, qualified


def use_role(name: str) -> str:
    return f"USE ROLE {identifier(name)}"


def use_warehouse(name: str) -> str:
    return f"USE WAREHOUSE {identifier(name)}"


def use_database(name: str) -> str:
    return f"USE DATABASE {identifier(name)}"


def use_schema(name: str) -> str:
    return f"USE SCHEMA {qualified(name)}"


def put(file: Path, stage_dir: str) -> str:
    """Upload one file under its own name, byte for byte, over what is there."""
    return f"PUT {file_uri(file)} {location(stage_dir)} AUTO_COMPRESS=FALSE OVERWRITE=TRUE"


def get(stage_path: str, directory: Path, *, pattern: str = "") -> str:
    """Download a file, or every file below a folder; the folders below it are lost, only base names arrive.

    `pattern`, here and in `list_files`, is a regular expression that a file's whole path has to match; what stands in
    front of the path is not documented, so it begins with `.*`.
    """
    return f"GET {location(stage_path)} {file_uri(directory)}{_matching(pattern)}"


def list_files(stage_path: str, *, pattern: str = "") -> str:
    return f"LIST {location(stage_path)}{_matching(pattern)}"


def remove(stage_path: str) -> str:
    return f"REMOVE {location(stage_path)}"


def create_table(name: str, columns: Mapping[str, str], *, replace: bool = False, comment: str | None = None) -> str:
    """Create a table, if it is not there or over the one that is; `columns` maps names to SQL types."""
    start = f"CREATE OR REPLACE TABLE {qualified(name)}" if replace else f"CREATE TABLE IF NOT EXISTS {qualified(name)}"
    lines = ",\n".join(f"  {identifier(column)} {kind}" for column, kind in columns.items())
    return f"{start} (\n{lines}\n)" + (f"\nCOMMENT = {literal(comment)}" if comment else "")


def copy_from_parquet(table: str, stage_path: str) -> str:
    """Load the Parquet file, or all of a folder, columns matched by name; FORCE loads again what was loaded before."""
    return "\n".join(
        [
            f"COPY INTO {qualified(table)}",
            f"  FROM {location(stage_path)}",
            "  FILE_FORMAT = (TYPE = PARQUET)",
            "  MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
            "  FORCE = TRUE",
        ]
    )


def comment_on_table(name: str, comment: str) -> str:
    return f"COMMENT ON TABLE {qualified(name)} IS {literal(comment)}"


def show_tables(name: str, schema: str) -> str:
    """LIKE takes `_` for any character: compare `name` in the rows."""
    return f"SHOW TABLES LIKE {literal(name)} IN SCHEMA {qualified(schema)}"


def count_rows(table: str) -> str:
    return f"SELECT COUNT(*) AS row_count FROM {qualified(table)}"


def execute_job(
    name: str,
    *,
    pool: str,
    stage: str = "",
    spec_file: str = "",
    spec: str = "",
    query_warehouse: str | None = None,
    replicas: int | None = None,
    external_access_integrations: Sequence[str] = (),
    comment: str | None = None,
) -> str:
    """Submit a job whose specification is `spec_file` at `stage`, a stage or a folder of one (`@db.schema.stage/dir`).

    The statement returns once the job is accepted; with the text `spec` instead of a file, once the job has ended. The
    specification comes last, as Snowflake's usage notes say, and its folder stands in SPECIFICATION_FILE: FROM is
    documented for a bare stage only. Without `replicas` the clause is left out, and with it SNOWFLAKE_JOBS_COUNT and
    SNOWFLAKE_JOB_INDEX in the containers.
    """
    root, _, folder = stage.partition("/")
    # Integration names in this clause are case-sensitive.
    integrations = _listed(identifier(each.upper()) for each in external_access_integrations)
    clauses = [
        "EXECUTE JOB SERVICE",
        f"  IN COMPUTE POOL {plain(pool)}",
        f"  NAME = {plain(name)}",
        "" if spec else "  ASYNC = TRUE",
        f"  REPLICAS = {replicas}" if replicas is not None else "",
        f"  QUERY_WAREHOUSE = {identifier(query_warehouse)}" if query_warehouse else "",
        f"  EXTERNAL_ACCESS_INTEGRATIONS = ({integrations})" if integrations else "",
        f"  COMMENT = {literal(comment)}" if comment else "",
        f"  FROM SPECIFICATION {literal(spec)}" if spec else f"  FROM {location(root)}",
        "" if spec else f"  SPECIFICATION_FILE = {literal('/'.join(p for p in (folder.strip('/'), spec_file) if p))}",
    ]
    return "\n".join(clause for clause in clauses if clause)


def describe_service(name: str) -> str:
    return f"DESCRIBE SERVICE {plain(name)}"


def show_job_services(schema: str) -> str:
    return f"SHOW JOB SERVICES IN SCHEMA {plain(schema)}"


def show_service_containers(name: str) -> str:
    return f"SHOW SERVICE CONTAINERS IN SERVICE {plain(name)}"


def service_logs(
    name: str,
    instance: int | str,
    container: str,
    lines: int = 500,
    *,
    since: str | None = None,
    stamped: bool = True,
    previous: bool = False,
) -> str:
    """Ask for the newest `lines` of a container's log, at most 100 KB, as one text in one row; with `previous`, of the
    log before its last restart.

    With `stamped` each line begins with its time, `2024-10-22T01:12:29.873896187Z `; `since` is such a time. These two
    go as the sixth and seventh argument, which Snowflake's own CLI sends and its documentation does not name.
    """
    arguments = [literal(plain(name)), literal(str(instance)), literal(container), literal(lines)]
    if stamped or since or previous:
        arguments += [literal(previous), literal(since or ""), literal(stamped)]
    return f"CALL SYSTEM$GET_SERVICE_LOGS({_listed(arguments)})"


def recorded_logs(
    name: str, instance: int | str, container: str, *, since: str | None = None, until: str | None = None
) -> str:
    """Ask for a container's log as the account recorded it: whole, but a while later. Times are RFC 3339 in UTC.

    Columns TIMESTAMP (no zone, in UTC) and LOG, one row a line, in order of time. Without `since` Snowflake gives the
    last day.
    """
    times = {"START_TIME": since, "END_TIME": until}
    bounds = _listed(f"{key} => {_moment(time)}" for key, time in times.items() if time)
    return "\n".join(
        [
            f"SELECT TIMESTAMP, LOG FROM TABLE({plain(name)}!SPCS_GET_LOGS({bounds}))",
            f"  WHERE INSTANCE_ID = {int(instance)} AND CONTAINER_NAME = {literal(container)}",
            "  ORDER BY TIMESTAMP",
        ]
    )


def show_event_table() -> str:
    """One row, whose `value` is the full name of the account's event table, or nothing."""
    return "SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT"


def logged_events(
    table: str,
    database: str,
    schema: str,
    service: str,
    instance: int,
    container: str,
    *,
    since: str | None = None,
    until: str | None = None,
) -> str:
    """Ask an event table for a container's log: TIMESTAMP (no zone, in UTC) and VALUE (JSON), a row a line, in order.

    Snowflake's pages differ in the name of the instance's attribute, so each is looked at.
    """
    known = {"snow.database.name": database, "snow.schema.name": schema, "snow.service.name": service}
    wanted = [f"{_attribute(name)} = {literal(value.upper())}" for name, value in known.items()]
    wanted.append(f"{_attribute('snow.service.container.name')} = {literal(container)}")
    instances = _listed(map(_attribute, ("snow.service.instance", "snow.service.container.instance")))
    wanted.append(f"COALESCE({instances}, {_attribute('snow.container.instance')}) = {literal(str(instance))}")
    wanted += [f"TIMESTAMP >= {_moment(since)}"] * bool(since) + [f"TIMESTAMP <= {_moment(until)}"] * bool(until)
    lines = [f"SELECT TIMESTAMP, VALUE FROM {qualified(table)}", "  WHERE RECORD_TYPE = 'LOG'"]
    return "\n".join([*lines, *(f"    AND {condition}" for condition in wanted), "  ORDER BY TIMESTAMP"])


def measured(name: str, since: datetime | None = None) -> str:
    """Ask for what the account measured of a job's containers, in order of time; without `since`, in the last day.

    Columns TIMESTAMP (no zone, in UTC), METRIC_NAME, VALUE, UNIT, INSTANCE_ID, CONTAINER_NAME. It measures what the
    specification's `platformMonitor` names, and nothing without it.
    """
    columns = "TIMESTAMP, METRIC_NAME, VALUE, UNIT, INSTANCE_ID, CONTAINER_NAME"
    start = f"START_TIME => {_moment(f'{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}')}" if since else ""
    return f"SELECT {columns} FROM TABLE({plain(name)}!SPCS_GET_METRICS({start}))\n  ORDER BY TIMESTAMP"


def cancel_job(name: str) -> str:
    return f"CALL {plain(name)}!SPCS_CANCEL_JOB()"


def drop_service(name: str, *, if_exists: bool = False) -> str:
    return f"DROP SERVICE {'IF EXISTS ' if if_exists else ''}{plain(name)}"


def show_image_repositories(name: str, schema: str) -> str:
    """LIKE takes `_` for any character: compare `name` in the rows."""
    return f"SHOW IMAGE REPOSITORIES LIKE {literal(name)} IN SCHEMA {plain(schema)}"


def show_images(repository: str) -> str:
    return f"SHOW IMAGES IN IMAGE REPOSITORY {plain(repository)}"


def show_compute_pools(name: str | None = None) -> str:
    """LIKE takes `_` for any character: compare `name` in the rows."""
    return "SHOW COMPUTE POOLS" + (f" LIKE {literal(name)}" if name else "")


def suspend_compute_pool(name: str) -> str:
    """Jobs that run in it go on to their end first."""
    return f"ALTER COMPUTE POOL {plain(name)} SUSPEND"


def resume_compute_pool(name: str) -> str:
    return f"ALTER COMPUTE POOL {plain(name)} RESUME"


def describe_compute_pool(name: str) -> str:
    return f"DESCRIBE COMPUTE POOL {plain(name)}"


def current_session() -> str:
    """One row: who this session is and where it stands; what is not set is NULL."""
    return (
        "SELECT CURRENT_USER() AS user_name, CURRENT_ROLE() AS role_name, CURRENT_DATABASE() AS database_name,"
        " CURRENT_SCHEMA() AS schema_name, CURRENT_WAREHOUSE() AS warehouse_name"
    )


def _matching(pattern: str) -> str:
    return f" PATTERN = {literal(pattern)}" if pattern else ""


def _attribute(name: str) -> str:
    return f'RESOURCE_ATTRIBUTES:"{name}"::STRING'


def _moment(time: str | None) -> str:
    """Write a time as RFC 3339 in UTC as one without a zone."""
    return f"{literal((time or '').removesuffix('Z').replace('T', ' '))}::TIMESTAMP_NTZ"


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items)
