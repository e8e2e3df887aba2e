"""The table that `inv data` loads, where the job's arguments name it."""

from __future__ import annotations

from spcs.account import sql
from spcs.doctor.model import Check, Finding, Ground, NotChecked, fail, ok


def look(ground: Ground) -> Finding:
    table = ground.settings.data.table
    words = {word.upper().rpartition(".")[2] for word in (*ground.job.command, *ground.job.args)}
    if table.upper() not in words:
        raise NotChecked(f"the job's arguments do not name {table}, which inv data loads")
    if ground.find(sql.show_tables(table, ground.schema), table) is None:
        return fail(f"there is no table {ground.schema}.{table}, which the job's arguments name", "inv data")
    return ok(f"{ground.schema}.{table} is there")


CHECK = Check("data", "account", "the table that the job's arguments name", look, needs=("schema",))
