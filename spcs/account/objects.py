"""The objects that `setup.sql` makes and `teardown.sql` drops, read out of the statements themselves: which one a
statement is about, how to ask whether it is there, and where what is there differs from what the statement says.

Pure functions; nothing is sent from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spcs.account import looks, sql
from spcs.account.quoting import literal, parts, stored

MADE_BY_SETUP = "made by inv setup"
"""The comment of what setup makes. What was there before it has another, or none, and is nobody's to drop."""

Row = Mapping[str, Any]

_NAME = r'(?P<name>(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*)'
_CREATE = re.compile(rf"CREATE\s+(?P<kind>[A-Z\s]+?)\s+IF\s+NOT\s+EXISTS\s+{_NAME}", re.IGNORECASE)
_DROP = re.compile(rf"DROP\s+(?P<kind>[A-Z\s]+?)\s+IF\s+EXISTS\s+{_NAME}", re.IGNORECASE)
_ALTER = re.compile(rf"ALTER\s+(?P<kind>[A-Z\s]+?)\s+IF\s+EXISTS\s+{_NAME}", re.IGNORECASE)
_SETTING = re.compile(r"(?P<key>\w+)\s*=\s*'?(?P<value>\w+)")
_ENCRYPTION = re.compile(r"ENCRYPTION\s*=\s*\(\s*TYPE\s*=\s*'(?P<type>\w+)'", re.IGNORECASE)
_LISTED = re.compile(r"(?P<key>VALUE_LIST|ALLOWED_NETWORK_RULES)\s*=\s*\((?P<items>[^)]*)\)", re.IGNORECASE)

# What SHOW STAGES calls an internal stage, and how its files are encrypted.
_STAGE_TYPES: Mapping[str, str] = {"INTERNAL": "SNOWFLAKE_FULL", "INTERNAL NO CSE": "SNOWFLAKE_SSE"}
_ALTERABLE = ("min_nodes", "max_nodes", "auto_suspend_secs")

_LOOKS: Mapping[str, Callable[[str, str, str], str]] = {
    "ROLE": lambda name, database, schema: looks.show_roles(name),
    "DATABASE": lambda name, database, schema: looks.show_databases(name),
    "WAREHOUSE": lambda name, database, schema: looks.show_warehouses(name),
    "SECURITY INTEGRATION": lambda name, database, schema: looks.show_integrations(name),
    "COMPUTE POOL": lambda name, database, schema: sql.show_compute_pools(name),
    "SCHEMA": lambda name, database, schema: looks.show_schemas(name, database),
    "IMAGE REPOSITORY": lambda name, database, schema: sql.show_image_repositories(name, f"{database}.{schema}"),
    "STAGE": lambda name, database, schema: looks.show_stages(name, f"{database}.{schema}"),
    "TABLE": lambda name, database, schema: sql.show_tables(name, f"{database}.{schema}"),
    "NETWORK RULE": lambda name, database, schema: looks.show_network_rules(name, f"{database}.{schema}"),
    "EXTERNAL ACCESS INTEGRATION": lambda name, database, schema: looks.show_integrations(name),
    "INTEGRATION": lambda name, database, schema: looks.show_integrations(name),
    "SECRET": lambda name, database, schema: looks.show_secrets(name, f"{database}.{schema}"),
}


@dataclass(frozen=True)
class Object:
    """One object: its `kind` as SQL says it, its `name` as the statement writes it, and the statement's `KEY = value`,
    keys in lower case, values in upper case and lists as they are written."""

    kind: str
    name: str
    says: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name}"

    @property
    def stored(self) -> str:
        """The last part of the name as SHOW gives it."""
        return stored(parts(self.name)[-1])


@dataclass(frozen=True)
class Difference:
    """`what` is a clause about the object, `fix` the statement or edit that ends the difference."""

    what: str
    fix: str


def created(statement: str) -> Object | None:
    """The object of a CREATE … IF NOT EXISTS, None of any other statement."""
    return _object(_CREATE.match(statement), statement)


def dropped(statement: str) -> Object | None:
    """The object that a DROP … IF EXISTS drops, or that an ALTER … IF EXISTS prepares for it."""
    return _object(_DROP.match(statement) or _ALTER.match(statement), statement)


def look(thing: Object, database: str, schema: str) -> str | None:
    """The SHOW … LIKE that finds it, in the place that its name says or else in this one; None for a kind that is not
    known here. Other names may be among the rows."""
    asked, place = _LOOKS.get(thing.kind), parts(thing.name)[:-1]
    if place:
        database, schema = (place[-1], schema) if thing.kind == "SCHEMA" else [database, *place][-2:]
    return asked(thing.stored, database, schema) if asked else None


def find(thing: Object, rows: Iterable[Row]) -> Row | None:
    """Its row among those that `look` gave."""
    return next((row for row in rows if str(row["name"]) == thing.stored), None)


def details(thing: Object) -> str | None:
    """The DESCRIBE that tells of it what SHOW does not, and that `differences` looks at; None where there is none."""
    asked = {"NETWORK RULE": looks.describe_network_rule, "EXTERNAL ACCESS INTEGRATION": looks.describe_integration}
    return asked[thing.kind](thing.name) if thing.kind in asked else None


def described(rows: Iterable[Row]) -> Row:
    """The answer to `details` as one row: a row for each property becomes a key for each."""
    listed = list(rows)
    if listed and "property" in listed[0]:
        return {str(row["property"]).lower(): row["property_value"] for row in listed}
    return listed[0] if listed else {}


def was_there(answer: Iterable[Row]) -> bool:
    """Does the answer to a CREATE … IF NOT EXISTS say that nothing was made?"""
    return any("already exists" in str(text) for row in answer for text in row.values())


def differences(thing: Object, row: Row) -> list[Difference]:
    """Where the object that `row` shows is not what the statement would have made."""
    asked = _DIFFERENCES.get(thing.kind)
    return asked(thing, row) if asked else []


def _of_pool(pool: Object, row: Row) -> list[Difference]:
    found = []
    family = pool.says.get("instance_family", "")
    if family and str(row["instance_family"]).upper() != family:
        what = f"has machines of {row['instance_family']}, the settings say {family}"
        fix = "name another compute_pool.name in invoke.yaml: no ALTER changes the machines of a pool"
        found.append(Difference(what, fix))
    other = [key for key in _ALTERABLE if key in pool.says and str(row[key]) != pool.says[key]]
    if other:
        there = " and ".join(f"{key.upper()} {row[key]}" for key in other)
        what = f"has {there}, the settings say {' and '.join(pool.says[key] for key in other)}"
        clauses = " ".join(f"{key.upper()} = {pool.says[key]}" for key in other)
        found.append(Difference(what, f"ALTER COMPUTE POOL {pool.name} SET {clauses}"))
    return found


def _of_stage(stage: Object, row: Row) -> list[Difference]:
    found, wanted = _STAGE_TYPES.get(str(row["type"]).upper(), ""), stage.says.get("encryption", "")
    if not found or not wanted or found == wanted:
        return []
    fix = "name another snowflake.stage in invoke.yaml: no ALTER changes the encryption of a stage"
    return [Difference(f"is encrypted by {found}, the settings say {wanted}", fix)]


def _of_rule(rule: Object, row: Row) -> list[Difference]:
    there, wanted = _items(row.get("value_list")), _items(rule.says.get("value_list"))
    if not there or set(there) == set(wanted):
        return []
    fix = f"ALTER NETWORK RULE {rule.name} SET VALUE_LIST = ({', '.join(map(literal, wanted))})"
    return [Difference(f"lets out to {', '.join(there)}, the settings say {', '.join(wanted)}", fix)]


def _of_integration(integration: Object, row: Row) -> list[Difference]:
    there, wanted = _items(row.get("allowed_network_rules")), _items(integration.says.get("allowed_network_rules"))
    found, alter = [], f"ALTER EXTERNAL ACCESS INTEGRATION {integration.name} SET"
    if there and set(there) != set(wanted):
        rules = ", ".join(wanted).upper()
        what = f"takes its hosts from {', '.join(there).upper()}, the settings say {rules}"
        found.append(Difference(what, f"{alter} ALLOWED_NETWORK_RULES = ({rules})"))
    if str(row.get("enabled", "true")).lower() == "false":
        found.append(Difference("is switched off", f"{alter} ENABLED = TRUE"))
    return found


def _items(said: Any) -> list[str]:
    """What a list in a statement or an answer holds, in lower case; 443 is the port of a host that says none."""
    texts = (
        text.strip(" '\"[]\n").replace('"', "").lower().removesuffix(":443") for text in str(said or "").split(",")
    )
    return [text for text in texts if text]


_DIFFERENCES: Mapping[str, Callable[[Object, Row], list[Difference]]] = {
    "COMPUTE POOL": _of_pool,
    "STAGE": _of_stage,
    "NETWORK RULE": _of_rule,
    "EXTERNAL ACCESS INTEGRATION": _of_integration,
}


def _object(found: re.Match[str] | None, statement: str) -> Object | None:
    if not found:
        return None
    rest = statement[found.end() :]
    says = {each["key"].lower(): each["value"].upper() for each in _SETTING.finditer(rest)}
    says |= {each["key"].lower(): each["items"] for each in _LISTED.finditer(rest)}
    if encryption := _ENCRYPTION.search(rest):
        says["encryption"] = encryption["type"].upper()
    return Object(" ".join(found["kind"].upper().split()), found["name"], says)
