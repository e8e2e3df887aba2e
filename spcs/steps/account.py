"""`inv setup` and `inv data`: what a run finds in the account."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from spcs.account import Account, Missing, objects, quoting, sql
from spcs.account.script import headline, statements
from spcs.config import Job, Snowflake, integration, made_secrets, rules_schema
from spcs.errors import NotReady, Problem, SettingsProblem
from spcs.project import Project
from spcs.render import Filters, render
from spcs.show.console import say
from spcs.steps import secrets

LOADED_BY_DATA = "loaded by inv data: "
YOUR_USER = "<your user>"
"""Stands in `setup.sql` where the user is not known; whoever runs the text puts a name there."""


def setup(project: Project, job: str, admin: bool) -> None:
    """Create what a run needs, and say of each object whether it was there; running it again changes nothing.

    What is there and differs from the settings is warned of and stays as it is. With `dry` the SQL is the plan, and
    what the account holds is said beside it where it answers.
    """
    account = project.connect()
    user = YOUR_USER if project.dry else quoting.as_given(account.current_user())
    text = setup_sql(project, job, user, admin)
    again = " ".join(["inv setup --no-admin", *([f"--job {job}"] if job else [])])
    for statement in statements(text):
        if project.dry:
            account.query(statement)
        else:
            _carry_out(account, statement, project.settings.snowflake, again)
    if project.dry:
        _say_what_is_there(project, text)


def _carry_out(account: Account, statement: str, home: Snowflake, again: str) -> None:
    """Send a statement and say what came of it; `again` is the command that makes what could not be made now."""
    thing = objects.created(statement)
    row = None
    if thing:
        with suppress(Problem):  # a look that is refused is no reason not to go on
            row = look(account, thing, home)
    if thing and thing.kind == "SECRET" and "?" in statement:
        return _say_of(thing, row, "exists" if row else _make_secret(account, thing, statement, again))
    answer = account.query(statement)
    if thing:
        _say_of(thing, row, "exists" if row or objects.was_there(answer) else "created")
    elif not statement.startswith("USE "):
        say(f"{'ok':<8} {headline(statement)}")


def _make_secret(account: Account, thing: objects.Object, statement: str, again: str) -> str:
    """Create a secret with the value that the user gives; what became of it, in a word."""
    value = secrets.value_of(thing.stored)
    if value is None:
        say(f"{thing} is not made: nobody is here to be asked for its value", "warn")
        say(f"{'':<8} fix: export {secrets.variable(thing.stored)}=…, then {again}")
        return "missing"
    return "exists" if objects.was_there(account.query(statement, value)) else "created"


def _say_what_is_there(project: Project, text: str) -> None:
    """What of the SQL is there already. USE goes along, so that the roles see what is theirs; it changes nothing."""
    home = project.settings.snowflake
    try:
        account = project.look()
        account.current_user()
        for statement in statements(text):
            if statement.startswith("USE "):
                with suppress(Problem):
                    account.query(statement)
            elif thing := objects.created(statement):
                row = look(account, thing, home)
                _say_of(thing, row, "exists" if row else "missing")
        account.close()
    except Problem as problem:
        say(f"what the account holds is not known: {problem.what}", "quiet")


def _say_of(thing: objects.Object, row: objects.Row | None, state: str) -> None:
    say(f"{state:<8} {thing}")
    for difference in objects.differences(thing, row) if row else []:
        say(f"{'differs':<8} {thing} {difference.what}", "warn")
        say(f"{'':<8} fix: {difference.fix}")


def look(account: Account, thing: objects.Object, home: Snowflake) -> objects.Row | None:
    """Its row in SHOW; None where it is not there, where the role may not see it, and for a kind that is not known."""
    statement = objects.look(thing, home.database, home.schema)
    try:
        row = objects.find(thing, account.query(statement)) if statement else None
    except Missing:
        return None  # nor is what it would be in
    more = objects.details(thing)
    if row and more:
        with suppress(Problem):  # only its owner may ask
            return {**row, **objects.described(account.query(more))}
    return row


def setup_sql(project: Project, job: str, user: str, admin: bool) -> str:
    """The text of `setup.sql` for a job; `user` as SQL names it, or YOUR_USER."""
    name, entry = project.job(job)
    flake = project.settings.snowflake
    values = {
        "snowflake": flake,
        "pools": [project.pool(entry)],
        "rules_schema": rules_schema(flake),
        "network": network(flake, {name: entry}),
        "secrets": made_secrets([entry]),
        "user": user,
        "admin": admin,
        "mark": objects.MADE_BY_SETUP,
    }
    filters: Filters = {"identifier": _name, "plain": quoting.plain, "literal": quoting.literal}
    return render(project.root, "templates/setup.sql.j2", values, filters)


def network(flake: Snowflake, jobs: Mapping[str, Job]) -> list[dict[str, Any]]:
    """For the templates: of each job that names hosts, the rule (called like the job) and the integration."""
    return [
        {"job": name.upper(), "hosts": job.network, "integration": integration(flake, name)}
        for name, job in jobs.items()
        if job.network
    ]


def _name(text: str) -> str:
    return text if text == YOUR_USER else quoting.identifier(text)


def data(project: Project) -> None:
    """Load the file into its table. The table's comment says which file it holds, so a second call does nothing.

    With `data.folder` it is put into that folder of the stage instead, over what is there.
    """
    settings, flake = project.settings.data, project.settings.snowflake
    file = project.root / settings.file
    if not file.is_file():
        raise SettingsProblem(f"there is no file {settings.file}", fix="set data.file in invoke.yaml")
    table, stage = f"{flake.database}.{flake.schema}.{settings.table}", f"{flake.database}.{flake.schema}.{flake.stage}"
    account = project.account
    if settings.folder:
        account.put(file, f"{stage}/{settings.folder}")
        return None if project.dry else say(f"data: {settings.file} in @{stage}/{settings.folder}/")
    mark = f"{LOADED_BY_DATA}{file.name} sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    if not project.dry and _loaded(account, settings.table, f"{flake.database}.{flake.schema}", mark):
        return say(f"data: {table} holds {settings.file} already")
    columns = _columns(file)  # first: a file that cannot be loaded is not sent
    account.put(file, f"{stage}/data")
    account.statement(sql.create_table(table, columns, replace=True, comment=f"{LOADED_BY_DATA}in progress"))
    account.statement(sql.copy_from_parquet(table, f"{stage}/data/{file.name}"))
    account.statement(sql.comment_on_table(table, mark))
    if not project.dry:
        rows = account.query(sql.count_rows(table))[0]["row_count"]
        say(f"data: {rows} rows of {settings.file} in {table}")


def _loaded(account: Account, table: str, schema: str, mark: str) -> bool:
    """Does the table hold that very file? Raises NotReady for a table that somebody else made."""
    found = [row for row in account.query(sql.show_tables(table, schema)) if row["name"].upper() == table.upper()]
    comment = str(found[0]["comment"] or "") if found else ""
    if found and not comment.startswith(LOADED_BY_DATA):
        raise NotReady(
            f"the table {schema}.{table} was not made by inv data",
            why="loading would replace what it holds",
            fix=f"set another data.table in invoke.yaml, or DROP TABLE {schema}.{table}",
        )
    return comment == mark


def _columns(file: Path) -> Mapping[str, str]:
    """The SQL type of each column of a Parquet file; raises SettingsProblem for a file that no table can hold."""
    import pyarrow.types as kinds

    known = [
        (kinds.is_boolean, "BOOLEAN"),
        (kinds.is_integer, "NUMBER(38,0)"),
        (kinds.is_floating, "FLOAT"),
        (kinds.is_string, "VARCHAR"),
        (kinds.is_large_string, "VARCHAR"),
        (kinds.is_binary, "BINARY"),
        (kinds.is_date, "DATE"),
        (kinds.is_timestamp, "TIMESTAMP_NTZ"),
    ]
    columns = {}
    for field in _schema(file):
        kind = next((name for test, name in known if test(field.type)), None)
        if kind is None:
            raise SettingsProblem(
                f"column '{field.name}' of {file.name} has the type {field.type}, which inv data does not load",
                fix="load the table by your own SQL, and name it in the job's args",
            )
        columns[field.name] = kind
    return columns


def _schema(file: Path) -> Iterable[Any]:
    """The fields of a Parquet file, no two of one name: Snowflake matches them whatever their case."""
    import pyarrow
    import pyarrow.parquet

    try:
        fields = list(pyarrow.parquet.read_schema(file))
    except pyarrow.ArrowException as error:
        fix = "name a Parquet file in data.file, or in data.folder where a file of any kind shall go on the stage"
        raise SettingsProblem(f"{file.name} is not a Parquet file", str(error), fix) from error
    names = [field.name.upper() for field in fields]
    twice = [field.name for field in fields if names.count(field.name.upper()) > 1]
    if twice:
        what = f"columns of {file.name} are told apart by case alone: {', '.join(twice)}"
        raise SettingsProblem(what, "the table's columns have no case", "rename all but one of them in the file")
    return fields
