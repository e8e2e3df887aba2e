"""The one place that quotes: identifiers, literals, stage locations and file URIs, each only where Snowflake needs it.

What comes out is what a person would have typed. A bare identifier is case-insensitive (`train_db` is TRAIN_DB); one
already in double quotes is kept as it is; any other is put in double quotes and is then case-sensitive.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path

from spcs.errors import SettingsProblem

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_BARE_LOCATION = re.compile(r"@[A-Za-z0-9_./$~%-]+")
_BARE_URI = re.compile(r"file://[A-Za-z0-9_./:-]+")
_RESERVED = re.compile(
    "ALL|ALTER|AND|ANY|AS|BETWEEN|BY|CASE|CAST|CHECK|COLUMN|CONNECT|CONNECTION|CONSTRAINT|CREATE|CROSS|CURRENT|"
    "CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|CURRENT_USER|DATABASE|DELETE|DISTINCT|DROP|ELSE|EXISTS|FALSE|"
    "FOLLOWING|FOR|FROM|FULL|GRANT|GROUP|GSCLUSTER|HAVING|ILIKE|IN|INCREMENT|INNER|INSERT|INTERSECT|INTO|IS|ISSUE|"
    "JOIN|LATERAL|LEFT|LIKE|LOCALTIME|LOCALTIMESTAMP|MINUS|NATURAL|NOT|NULL|OF|ON|OR|ORDER|ORGANIZATION|QUALIFY|"
    "REGEXP|REVOKE|RIGHT|RLIKE|ROW|ROWS|SAMPLE|SCHEMA|SELECT|SET|SOME|START|TABLE|TABLESAMPLE|THEN|TO|TRIGGER|TRUE|"
    "TRY_CAST|UNION|UNIQUE|UPDATE|USING|VALUES|VIEW|WHEN|WHENEVER|WHERE|WITH",
    re.IGNORECASE,
)


def identifier(name: str) -> str:
    """Return one identifier (no dots of a path) as SQL writes it."""
    if len(name) > 1 and name[0] == name[-1] == '"' and _PART.fullmatch(name):
        return name
    if _RESERVED.fullmatch(name):
        return f'"{name.upper()}"'
    if _BARE.fullmatch(name):
        return name
    if not name:
        raise SettingsProblem("a name is empty", "every object of the account has a name", "fill it in invoke.yaml")
    return _quoted(name)


def as_given(name: str) -> str:
    """Return a name that the account itself gave, such as CURRENT_USER's: what it has in lower case stays so."""
    return identifier(name) if name.isupper() and _BARE.fullmatch(name) else _quoted(name)


def stored(name: str) -> str:
    """Return one identifier, written as SQL takes it, as the account keeps it and SHOW gives it: `runs` is RUNS."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()


def qualified(*names: str) -> str:
    """Join names with dots; each may itself be dotted (`db.schema`), a dot inside double quotes is no separator."""
    return ".".join(identifier(part) for name in names for part in parts(name))


def parts(name: str) -> list[str]:
    """Split a dotted name: `db."my.schema".x` -> ['db', '"my.schema"', 'x']."""
    found = _PART.findall(name)
    if not found or ".".join(found) != name:
        raise SettingsProblem(f"{name!r} is not the name of an object", fix="write it as database.schema.name")
    return found


def plain(*names: str) -> str:
    """Join names that must be unquoted identifiers, as services, compute pools and image repositories demand."""
    for part in (part for name in names for part in parts(name)):
        if not _BARE.fullmatch(part) or _RESERVED.fullmatch(part):
            raise SettingsProblem(
                f"{part!r} cannot be part of the name of a service, compute pool or image repository",
                "Snowflake takes only unquoted identifiers there: letters, digits, _ and $, a letter or _ first",
                "choose such a name in invoke.yaml",
            )
    return qualified(*names)


def literal(value: str | int | float | bool | None) -> str:
    """Return a Python value as an SQL constant."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def location(path: str) -> str:
    """Return a stage location (`@db.schema.stage/dir/file`, the @ may be left out) as SQL writes it."""
    path = path if path.startswith("@") else f"@{path}"
    return path if _BARE_LOCATION.fullmatch(path) and not _comments(path) else literal(path)


def file_uri(path: Path) -> str:
    """Return the URI of one local file or folder for PUT and GET; wildcards in its name lose their meaning."""
    uri = "file://" + glob.escape(path.absolute().as_posix())
    return uri if _BARE_URI.fullmatch(uri) and not _comments(uri) else literal(uri)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _comments(text: str) -> bool:
    return "--" in text or "//" in text.removeprefix("file://") or "/*" in text
