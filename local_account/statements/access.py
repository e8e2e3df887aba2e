"""Network rules, external access integrations and secrets: what is checked of them, and how they are described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from local_account.account import Account
from local_account.catalog import Object, Path
from local_account.errors import SqlError, invalid_value, missing, unsupported
from local_account.parse.names import Name
from local_account.parse.tokens import Value
from local_account.sessions import Session
from local_account.statements.result import Result, rows, timestamp

RULE, EXTERNAL, SECURITY, SECRET = "NETWORK RULE", "EXTERNAL ACCESS INTEGRATION", "SECURITY INTEGRATION", "SECRET"
INTEGRATION = "INTEGRATION"
"""How statements name an integration of whatever kind; all of them share their names."""

VALUES: Mapping[str, tuple[str, ...]] = {"GENERIC_STRING": ("SECRET_STRING",), "PASSWORD": ("USERNAME", "PASSWORD")}
"""The kinds of secret that are known here, and what each holds."""


_RULE_TYPES = ("IPV4", "IPV6", "AWSVPCEID", "AZURELINKID", "GCPPSCID", "HOST_PORT", "PRIVATE_HOST_PORT", "COMPUTE_POOL")


def real_kind(account: Account, kind: str, path: Path) -> str:
    """The kind as it is kept: of an INTEGRATION, that of the one which is there."""
    if kind != INTEGRATION:
        return kind
    return EXTERNAL if account.catalog.find(EXTERNAL, path) else SECURITY


def namesake(kind: str) -> str | None:
    """The other kind whose objects may not have the same name."""
    return {EXTERNAL: SECURITY, SECURITY: EXTERNAL}.get(kind)


def checked(account: Account, session: Session, kind: str, said: Mapping[str, Value]) -> dict[str, Value]:
    """The properties to keep of a CREATE or ALTER; SqlError for a value that can't be.

    Of a secret that is what DESCRIBE may show.
    """
    properties = dict(said)
    if "VALUE_LIST" in properties and not _texts(properties["VALUE_LIST"]):
        raise invalid_value(properties["VALUE_LIST"], "VALUE_LIST")
    if kind == RULE and "TYPE" in properties:
        properties |= _kind_of_rule(properties)
    for key, referred in (("ALLOWED_NETWORK_RULES", RULE), ("ALLOWED_AUTHENTICATION_SECRETS", SECRET)):
        if key in properties and str(properties[key]).upper() not in ("ALL", "NONE"):
            properties[key] = list(_referred(account, session, referred, properties[key]))
    return {key: value for key, value in properties.items() if kind != SECRET or key in ("TYPE", "USERNAME", "COMMENT")}


def required(kind: str, said: Mapping[str, Value]) -> None:
    """SqlError 2029 for a CREATE that lacks what it cannot do without."""
    needs: Sequence[str] = {RULE: ("TYPE", "VALUE_LIST"), EXTERNAL: ("ALLOWED_NETWORK_RULES", "ENABLED")}.get(kind, ())
    if kind == SECRET:
        sort = str(said.get("TYPE", "")).upper()
        if sort not in VALUES:
            raise unsupported(f"SECRET TYPE = {sort or '?'}")
        needs = VALUES[sort]
    for key in needs:
        if said.get(key) in (None, ""):
            raise SqlError(2029, "42601", f"SQL compilation error:\nMissing option(s): [{key}]")


def keep_values(account: Account, path: Path, said: Mapping[str, Value]) -> None:
    """Put what a CREATE or ALTER SECRET says into the vault."""
    values = {key.lower(): str(value) for key, value in said.items() if _is_value(key)}
    if values:
        account.vault.put(str(path), path.database, path.schema, values)


def describe(found: Object) -> Result:
    """DESCRIBE of one of these kinds, with Snowflake's columns."""
    if found.kind == RULE:
        columns = ["name", "database_name", "schema_name", "owner", "comment", "type", "mode", "value_list"]
        values = ",".join(map(str, found.properties["VALUE_LIST"]))
        return rows([timestamp("created_on"), *columns], [(*_head(found), *_kind_and_mode(found), values)])
    if found.kind == SECRET:
        columns = ["name", "schema_name", "database_name", "owner", "comment", "secret_type", "username"]
        user = found.properties.get("USERNAME")
        row = (_time(found), found.name, found.path.schema, found.path.database, found.owner, found.comment)
        return rows([timestamp("created_on"), *columns], [(*row, _secret_type(found), user)])
    listed = {key: value for key, value in found.properties.items() if isinstance(value, list)}
    named = {"ENABLED": str(found.properties["ENABLED"]).lower(), "COMMENT": found.comment}
    named |= {key: f"[{', '.join(map(str, value))}]" for key, value in listed.items()}
    columns = ["property", "property_type", "property_value", "property_default"]
    return rows(columns, [(key, "List" if key in listed else "String", value, "") for key, value in named.items()])


RULES_SHOWN = (
    "created_on:t name database_name schema_name owner comment type mode entries_in_valuelist:n owner_role_type"
)
SECRETS_SHOWN = "created_on:t name schema_name database_name owner comment secret_type oauth_scopes owner_role_type"


def rule_row(found: Object) -> Sequence[Any]:
    return *_head(found), *_kind_and_mode(found), len(found.properties["VALUE_LIST"]), "ROLE"


def secret_row(found: Object) -> Sequence[Any]:
    place = (found.path.schema, found.path.database)
    return _time(found), found.name, *place, found.owner, found.comment, _secret_type(found), None, "ROLE"


def _kind_of_rule(said: Mapping[str, Value]) -> dict[str, Value]:
    """TYPE and MODE, which must suit each other: hosts are for what leaves the account, all else for what comes in."""
    sort, mode = str(said["TYPE"]).upper(), str(said.get("MODE") or "INGRESS").upper()
    if sort not in _RULE_TYPES:
        raise invalid_value(sort, "TYPE")
    if (mode == "EGRESS") != sort.endswith("HOST_PORT"):
        raise invalid_value(mode, "MODE")
    return {"TYPE": sort, "MODE": mode}


def _referred(account: Account, session: Session, kind: str, said: Value) -> Iterable[str]:
    for text in said if isinstance(said, list) else [said]:
        path = session.qualify(Name(tuple(str(text).split("."))))
        found = account.catalog.find(kind, path)
        if found is None:
            raise missing(kind.capitalize(), str(path))
        if kind == RULE and found.properties["MODE"] != "EGRESS":
            raise invalid_value(path, "ALLOWED_NETWORK_RULES")
        yield str(path)


def _is_value(key: str) -> bool:
    return any(key in keys for keys in VALUES.values())


def _texts(value: Value) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)


def _head(found: Object) -> tuple[Any, ...]:
    return _time(found), found.name, found.path.database, found.path.schema, found.owner, found.comment


def _kind_and_mode(found: Object) -> tuple[str, str]:
    return str(found.properties["TYPE"]), str(found.properties["MODE"])


def _secret_type(found: Object) -> str:
    return str(found.properties["TYPE"]).upper()


def _time(found: Object) -> Any:
    from local_account.statements.show import moment  # which lists these kinds, too

    return moment(found.created_on)
