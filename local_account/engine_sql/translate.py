"""One Snowflake statement over tables -> DuckDB's SQL, with every table named in full."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp, parse
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from local_account.catalog import Path
from local_account.engine_sql import names
from local_account.engine_sql.information import view
from local_account.engine_sql.types import Declared, declared
from local_account.engine_sql.variants import place_elements
from local_account.errors import unsupported
from local_account.parse.names import Name
from local_account.parse.scanner import Kind, scan

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of clauses that are dropped here on purpose


@dataclass
class Translated:
    """`verb` is SELECT, INSERT, UPDATE, DELETE, MERGE, CREATE, DROP or ALTER; `target` is the table that is written,
    and with `overwrite` emptied before."""

    verb: str
    sql: str
    kind: str = "TABLE"
    target: Path | None = None
    reads: list[Path] = field(default_factory=list)
    types: dict[str, Declared] = field(default_factory=dict)
    or_replace: bool = False
    conditional: bool = False
    temporary: bool = False
    comment: str = ""
    overwrite: bool = False


class _Reader:
    """Translates one statement. `context` has the values of CURRENT_USER and its like."""

    def __init__(self, qualify: Callable[[Name], Path], context: Mapping[str, str | None]) -> None:
        self.qualify, self.context = qualify, context
        self.reads: list[Path] = []

    def read(self, sql: str) -> Translated:
        tree = parse(_dynamic_names(sql), read="snowflake")[0]
        if tree is None or isinstance(tree, exp.Command):
            raise unsupported(" ".join(sql.split()[:3]))
        tree = normalize_identifiers(tree, dialect="snowflake")
        if isinstance(tree, exp.Values):
            tree = exp.select("*").from_(tree)
        _name_values(tree)
        verb = _verb(tree)
        if verb == "CREATE":
            return self._create(tree)
        if verb in ("DROP", "ALTER"):
            return self._change(tree, verb)
        _name_columns(tree)
        target = self._target(tree.this) if verb in ("INSERT", "UPDATE", "DELETE", "MERGE") else None
        if verb == "MERGE":
            tree.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
        overwrite = bool(tree.args.get("overwrite"))
        if overwrite:
            tree.set("overwrite", False)
        return Translated(verb, self._sql(tree), target=target, reads=self.reads, overwrite=overwrite)

    def _create(self, tree: exp.Expr) -> Translated:
        kind = str(tree.args["kind"]).upper()
        if kind not in ("TABLE", "VIEW"):
            raise unsupported(f"CREATE {kind}")
        target = self._target(tree.this)
        properties = tree.args.get("properties") or exp.Properties(expressions=[])
        comment = next((p.this.name for p in properties.find_all(exp.SchemaCommentProperty)), "")
        temporary = any(isinstance(p, exp.TemporaryProperty) for p in properties.expressions)
        _copied_table(tree, properties)
        tree.set("properties", None)
        types = _columns(tree)
        if isinstance(tree.expression, exp.Query):
            _name_columns(tree.expression)
        return Translated(
            "CREATE",
            self._sql(tree),
            kind,
            target,
            self.reads,
            types,
            bool(tree.args.get("replace")),
            bool(tree.args.get("exists")),
            temporary,
            comment,
        )

    def _change(self, tree: exp.Expr, verb: str) -> Translated:
        kind = str(tree.args.get("kind")).upper()
        if kind not in ("TABLE", "VIEW"):
            raise unsupported(f"{verb} {kind}")
        target = self._target(tree.this or tree.args["tables"][0])
        types = _columns(tree)
        for rename in tree.find_all(exp.AlterRename):
            rename.this.set("db", None)
            rename.this.set("catalog", None)
        tree.set("cascade", False)
        return Translated(verb, self._sql(tree), kind, target, [], types, conditional=bool(tree.args.get("exists")))

    def _target(self, node: exp.Expr) -> Path:
        table = node if isinstance(node, exp.Table) else node.find(exp.Table)
        if table is None:
            raise unsupported("statement without a table")
        return self.qualify(_name(table))

    def _sql(self, tree: exp.Expr) -> str:
        renamed = {id(rename.this) for rename in tree.find_all(exp.AlterRename)}
        local = {cte.alias for cte in tree.find_all(exp.CTE)}
        for table in list(tree.find_all(exp.Table)):
            if isinstance(table.this, exp.Identifier) and id(table) not in renamed:
                self._place(table, local)
        for call in list(tree.find_all(exp.Func)):
            self._context(call)
        place_elements(tree)
        for kind in list(tree.find_all(exp.DataType)):
            stored = declared(kind)
            if stored:
                kind.replace(exp.DataType.build(stored.duckdb, dialect="duckdb"))
        return tree.sql(dialect="duckdb", identify=True)

    def _place(self, table: exp.Table, local: set[str]) -> None:
        """Name the table as DuckDB has it, and leave its own name as alias for `t.column`."""
        if not table.db and table.name in local:
            return
        path = self.qualify(_name(table))
        information = (
            view(path.database, path.name, table.alias_or_name) if path.schema == "INFORMATION_SCHEMA" else None
        )
        if information:
            table.replace(information)
            return
        inside = table.find_ancestor(exp.Select, exp.Subquery) is not None
        if inside or isinstance(table.parent, (exp.From, exp.Join, exp.Merge)):
            self.reads.append(path)
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(path.name, quoted=True))
        table.set("db", exp.to_identifier(names.schema_of(path.database, path.schema), quoted=True))
        table.set("catalog", None)

    def _context(self, call: exp.Func) -> None:
        name = (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).upper()
        if name in self.context:
            value = self.context[name]
            call.replace(exp.null() if value is None else exp.Literal.string(value))


def translate(sql: str, qualify: Callable[[Name], Path], context: Mapping[str, str | None]) -> Translated:
    """Raises sqlglot's ParseError, or SqlError for what this account has not."""
    return _Reader(qualify, context).read(sql)


def _verb(tree: exp.Expr) -> str:
    for kind in (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter):
        if isinstance(tree, kind):
            return kind.__name__.upper()
    if isinstance(tree, (exp.Query, exp.Values)):
        return "SELECT"
    raise unsupported(type(tree).__name__.upper())


def _name(table: exp.Table) -> Name:
    return Name(tuple(part for part in (table.catalog, table.db, table.name) if part))


def _dynamic_names(sql: str) -> str:
    """`IDENTIFIER('a.b')` -> `a.b`."""
    tokens = scan(sql)
    for index in range(len(tokens) - 4, -1, -1):
        word, opening, text, closing = tokens[index : index + 4]
        if word.value == "IDENTIFIER" and opening.text == "(" and text.kind is Kind.STRING and closing.text == ")":
            sql = sql[: word.start] + text.value + sql[closing.end :]
    return sql


def _name_columns(tree: exp.Expr) -> None:
    """A column without a name is called by its own text in upper case, as on Snowflake."""
    first = tree
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    if not isinstance(first, exp.Select):
        return
    named = []
    for item in first.expressions:
        if not isinstance(item, (exp.Alias, exp.Aliases, exp.Column, exp.Star)):
            text = item.sql(dialect="snowflake")
            if isinstance(item, exp.Func) and text.isidentifier():
                text += "()"  # CURRENT_DATE, which DuckDB would take for the column that it is called by
            item = exp.alias_(item, exp.to_identifier(text.upper(), quoted=True))
        named.append(item)
    first.set("expressions", named)


def _name_values(tree: exp.Expr) -> None:
    """Call the columns of `FROM VALUES (…)` COLUMN1, COLUMN2 and so on, as Snowflake does; `$1` is the first."""
    for values in tree.find_all(exp.Values):
        alias, select = values.args.get("alias"), values.find_ancestor(exp.Select)
        if select is None or not isinstance(values.parent, (exp.From, exp.Join)) or (alias and alias.columns):
            continue
        columns = [_column(index + 1) for index in range(len(values.expressions[0].expressions))]
        name = alias.this if alias else exp.to_identifier("VALUES", quoted=True)
        values.set("alias", exp.TableAlias(this=name, columns=columns))
        for mark in list(select.find_all(exp.Parameter)):
            if mark.name.isdigit():
                inside = isinstance(mark.parent, exp.Column)
                mark.replace(_column(mark.name) if inside else exp.Column(this=_column(mark.name)))


def _column(number: object) -> exp.Identifier:
    return exp.to_identifier(f"COLUMN{number}", quoted=True)


def _columns(tree: exp.Expr) -> dict[str, Declared]:
    """Declared types of the columns; clauses that Snowflake keeps but does not enforce are taken out."""
    found: dict[str, Declared] = {}
    for column in tree.find_all(exp.ColumnDef):
        kind = column.args.get("kind")
        stored = declared(kind) if kind else None
        if stored:
            found[column.name] = stored
        kept = []
        for constraint in column.args.get("constraints") or []:
            if isinstance(
                constraint.kind, (exp.AutoIncrementColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)
            ):
                raise unsupported("AUTOINCREMENT")
            if isinstance(constraint.kind, exp.PrimaryKeyColumnConstraint):
                kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
            elif isinstance(constraint.kind, (exp.NotNullColumnConstraint, exp.DefaultColumnConstraint)):
                kept.append(constraint)
        column.set("constraints", kept)
    schema = tree.this
    if isinstance(tree, exp.Create) and isinstance(schema, exp.Schema):
        schema.set(
            "expressions", [part for part in schema.expressions if isinstance(part, (exp.ColumnDef, exp.Identifier))]
        )
    return found


def _copied_table(tree: exp.Expr, properties: exp.Expr) -> None:
    """CLONE and LIKE become CREATE TABLE … AS SELECT."""
    clone = tree.args.get("clone")
    like = next(properties.find_all(exp.LikeProperty), None)
    if clone:
        tree.set("clone", None)
        tree.set("expression", exp.select("*").from_(clone.this))
    elif like:
        tree.set("expression", exp.select("*").from_(like.this).limit(0))
