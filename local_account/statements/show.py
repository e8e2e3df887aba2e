"""SHOW of the plain objects and of tables. Columns and their order are Snowflake's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from local_account.account import Account
from local_account.catalog import Object, Path, matches
from local_account.parse.events import TABLE as EVENT_TABLE
from local_account.parse.show import Scope, Show
from local_account.sessions import Session
from local_account.statements import access
from local_account.statements.result import Column, Result, fixed, rows, timestamp
from local_account.statements.session import PARAMETERS

_Row = tuple[str, Sequence[Any]]


def show(account: Account, session: Session, wanted: Show) -> Result:
    columns, lister = _LISTS[wanted.what]
    return rows(_named(columns), narrowed(lister(account, session, wanted.scope), wanted.scope))


def narrowed(named: list[_Row], scope: Scope) -> list[Sequence[Any]]:
    """LIKE, STARTS WITH and LIMIT over (name, row) pairs."""
    kept = [
        row
        for name, row in named
        if matches(name, scope.like) and (scope.starts_with is None or name.startswith(scope.starts_with))
    ]
    return kept if scope.limit is None else kept[: scope.limit]


def place(account: Account, session: Session, scope: Scope) -> tuple[str | None, str | None]:
    """Database and schema that a SHOW looks into; None is all. Without IN it is what the session has in USE."""
    if scope.kind == "ACCOUNT":
        return None, None
    if scope.kind == "DATABASE":
        database = scope.name.last if scope.name else session.need_database()
        return account.catalog.get("DATABASE", Path("", "", database)).name, None
    if scope.kind in ("SCHEMA", "") and (scope.name or scope.kind == "SCHEMA"):
        if scope.name is None:
            return session.need_database(), session.need_schema()
        if scope.kind == "" and account.catalog.find("DATABASE", Path("", "", str(scope.name))):
            return str(scope.name), None
        found = account.catalog.get("SCHEMA", session.qualify_schema(scope.name)).path
        return found.database, found.name
    return session.database, session.schema


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _yes(flag: bool) -> str:
    return "Y" if flag else "N"


def _each(found: list[Object], row: Callable[[Object], Sequence[Any]]) -> list[_Row]:
    return [(o.name, row(o)) for o in found]


def _databases(account: Account, session: Session, scope: Scope) -> list[_Row]:
    def row(o: Object) -> Sequence[Any]:
        current = _yes(o.name == session.database)
        return moment(o.created_on), o.name, "N", current, "", o.owner, o.comment, "", "1", "STANDARD", "ROLE"

    return _each(account.catalog.list("DATABASE"), row)


def _schemas(account: Account, session: Session, scope: Scope) -> list[_Row]:
    def row(o: Object) -> Sequence[Any]:
        current = _yes((o.path.database, o.name) == (session.database, session.schema))
        return moment(o.created_on), o.name, "N", current, o.path.database, o.owner, o.comment, "", "1", "ROLE"

    if scope.name is not None:
        database: str | None = account.catalog.get("DATABASE", Path("", "", scope.name.last)).name
    else:
        database = None if scope.kind == "ACCOUNT" else session.database
    return _each(account.catalog.list("SCHEMA", database), row)


def _warehouses(account: Account, session: Session, scope: Scope) -> list[_Row]:
    return _each(account.catalog.list("WAREHOUSE"), lambda o: _warehouse(o, session))


def _warehouse(found: Object, session: Session) -> tuple[Any, ...]:
    properties = found.properties
    return (
        found.name,
        "SUSPENDED" if properties.get("SUSPENDED") else "STARTED",
        properties.get("WAREHOUSE_TYPE", "STANDARD"),
        properties.get("WAREHOUSE_SIZE", "X-Small"),
        properties.get("MIN_CLUSTER_COUNT", 1),
        properties.get("MAX_CLUSTER_COUNT", 1),
        "N",
        _yes(found.name == session.warehouse),
        properties.get("AUTO_SUSPEND", 600),
        str(properties.get("AUTO_RESUME", True)).lower(),
        moment(found.created_on),
        found.owner,
        found.comment,
        "ROLE",
    )


def _stages(account: Account, session: Session, scope: Scope) -> list[_Row]:
    def row(o: Object) -> Sequence[Any]:
        head = (moment(o.created_on), o.name, o.path.database, o.path.schema, "", "N", "N", o.owner, o.comment)
        directory = (o.properties.get("DIRECTORY") or {}).get("ENABLE")
        encryption = (o.properties.get("ENCRYPTION") or {}).get("TYPE")
        kind = "INTERNAL NO CSE" if encryption == "SNOWFLAKE_SSE" else "INTERNAL"
        return *head, None, kind, None, None, None, None, "ROLE", _yes(bool(directory))

    return _each(account.catalog.list("STAGE", *place(account, session, scope)), row)


def _file_formats(account: Account, session: Session, scope: Scope) -> list[_Row]:
    def row(o: Object) -> Sequence[Any]:
        kind = str(o.properties.get("TYPE", "CSV"))
        return moment(o.created_on), o.name, o.path.database, o.path.schema, kind, o.owner, o.comment, "", "ROLE"

    return _each(account.catalog.list("FILE FORMAT", *place(account, session, scope)), row)


def _roles(account: Account, session: Session, scope: Scope) -> list[_Row]:
    usable = account.grants.roles_of(session.user)
    listed: list[_Row] = []
    for o in account.catalog.list("ROLE"):
        members = account.grants.of_role(o.name)
        users = sum(grant.grantee_kind == "USER" for grant in members)
        granted = sum(grant.kind == "ROLE" for grant in account.grants.to("ROLE", o.name))
        flags = ("N", _yes(o.name == session.role), _yes(o.name in usable and o.name != session.role))
        row = (moment(o.created_on), o.name, *flags, users, len(members) - users, granted, o.owner, o.comment)
        listed.append((o.name, row))
    return listed


def _users(account: Account, session: Session, scope: Scope) -> list[_Row]:
    def row(o: Object) -> Sequence[Any]:
        head = (o.name, moment(o.created_on), o.name, o.name, "", "", "", o.comment, "false")
        return *head, None, None, "ACCOUNTADMIN", o.owner, "true"

    return _each(account.catalog.list("USER"), row)


def _integrations(*kinds: str) -> Callable[[Account, Session, Scope], list[_Row]]:
    def row(o: Object) -> Sequence[Any]:
        enabled = str(o.properties.get("ENABLED", False)).lower()
        category = "SECURITY" if o.kind == access.SECURITY else "EXTERNAL_ACCESS"
        return o.name, _integration_type(o), category, enabled, o.comment, moment(o.created_on)

    def listed(account: Account, session: Session, scope: Scope) -> list[_Row]:
        found = [each for kind in kinds for each in account.catalog.list(kind)]
        return _each(sorted(found, key=lambda each: each.name), row)

    return listed


def _in_schemas(kind: str, row: Callable[[Object], Sequence[Any]]) -> Callable[[Account, Session, Scope], list[_Row]]:
    return lambda account, session, scope: _each(account.catalog.list(kind, *place(account, session, scope)), row)


def _integration_type(found: Object) -> str:
    if found.kind == access.EXTERNAL:
        return "EXTERNAL_ACCESS"
    client = found.properties.get("OAUTH_CLIENT")
    kind = str(found.properties.get("TYPE", "")).upper()
    return f"{kind} - {client}".upper() if client else kind


def _tables(kind: str) -> Callable[[Account, Session, Scope], list[_Row]]:
    def listed(account: Account, session: Session, scope: Scope) -> list[_Row]:
        database, schema = place(account, session, scope)
        found: list[_Row] = []
        for path, about in account.engine.tables(kind):
            if database in (None, path.database) and schema in (None, path.schema):
                created = moment(about.get("created_on", 0.0))
                common = (created, path.name, path.database, path.schema, kind)
                found.append(
                    (path.name, (*common, about.get("comment", ""), about["rows"], about.get("owner", ""), "1"))
                )
        return found

    return listed


def _objects(account: Account, session: Session, scope: Scope) -> list[_Row]:
    return [*_tables("TABLE")(account, session, scope), *_tables("VIEW")(account, session, scope)]


def _columns(account: Account, session: Session, scope: Scope) -> list[_Row]:
    found: list[_Row] = []
    if scope.kind in ("TABLE", "VIEW") and scope.name:
        paths = [session.qualify(scope.name)]
    else:
        database, schema = place(account, session, scope)
        every = [path for path, _ in account.engine.tables()]
        paths = [p for p in every if database in (None, p.database) and schema in (None, p.schema)]
    for path in paths:
        for column, spelled, default in account.engine.columns(path):
            null = "true" if column.nullable else "NOT_NULL"
            found.append(
                (
                    column.name,
                    (path.name, path.schema, column.name, spelled, null, default, "COLUMN", "", "", path.database, ""),
                )
            )
    return found


def _parameters(account: Account, session: Session, scope: Scope) -> list[_Row]:
    if scope.kind == "ACCOUNT":
        name, table = "EVENT_TABLE", ".".join(EVENT_TABLE)
        return [(name, (name, table, table, "", "Event table for the given account", "STRING"))]
    merged = {**PARAMETERS, **session.parameters}
    return [
        (key, (key, value, PARAMETERS.get(key, ""), "SESSION" if key in session.parameters else "", "", "STRING"))
        for key, value in sorted(merged.items())
    ]


def _named(text: str) -> tuple[Column | str, ...]:
    """Names of columns; `:n` marks a number, `:t` a time."""
    return tuple(
        fixed(name[:-2]) if name.endswith(":n") else timestamp(name[:-2]) if name.endswith(":t") else name
        for name in text.split()
    )


_SPACE = "created_on:t name is_default is_current {}owner comment options retention_time {}owner_role_type"
_TABLE = "created_on:t name database_name schema_name kind comment rows:n owner retention_time"
_INTEGRATION = "name type category enabled comment created_on:t"
_LISTS: dict[str, tuple[str, Callable[[Account, Session, Scope], list[_Row]]]] = {
    "DATABASES": (_SPACE.format("origin ", "kind "), _databases),
    "SCHEMAS": (_SPACE.format("database_name ", ""), _schemas),
    "WAREHOUSES": (
        (
            "name state type size min_cluster_count:n max_cluster_count:n is_default is_current auto_suspend:n"
            " auto_resume created_on:t owner comment owner_role_type"
        ),
        _warehouses,
    ),
    "STAGES": (
        (
            "created_on:t name database_name schema_name url has_credentials has_encryption_key owner comment region"
            " type cloud notification_channel storage_integration endpoint owner_role_type directory_enabled"
        ),
        _stages,
    ),
    "FILE FORMATS": (
        "created_on:t name database_name schema_name type owner comment format_options owner_role_type",
        _file_formats,
    ),
    "ROLES": (
        (
            "created_on:t name is_default is_current is_inherited assigned_to_users:n granted_to_roles:n"
            " granted_roles:n owner comment"
        ),
        _roles,
    ),
    "USERS": (
        (
            "name created_on:t login_name display_name first_name last_name email comment disabled default_warehouse"
            " default_namespace default_role owner has_password"
        ),
        _users,
    ),
    "INTEGRATIONS": (_INTEGRATION, _integrations(access.SECURITY, access.EXTERNAL)),
    "SECURITY INTEGRATIONS": (_INTEGRATION, _integrations(access.SECURITY)),
    "EXTERNAL ACCESS INTEGRATIONS": (_INTEGRATION, _integrations(access.EXTERNAL)),
    "NETWORK RULES": (access.RULES_SHOWN, _in_schemas(access.RULE, access.rule_row)),
    "SECRETS": (access.SECRETS_SHOWN, _in_schemas(access.SECRET, access.secret_row)),
    "TABLES": (_TABLE, _tables("TABLE")),
    "VIEWS": (_TABLE, _tables("VIEW")),
    "OBJECTS": (_TABLE, _objects),
    "COLUMNS": (
        (
            "table_name schema_name column_name data_type null? default kind expression comment database_name"
            " autoincrement"
        ),
        _columns,
    ),
    "PARAMETERS": ("key value default level description type", _parameters),
}

HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {Show: show}
