"""Elements of VARIANT, OBJECT and ARRAY values. Stored as JSON, or as DuckDB's lists where a query made them."""

from __future__ import annotations

from sqlglot import exp

from local_account.engine_sql.types import declared

_EXTRACT = "json_extract"


def place_elements(tree: exp.Expr) -> None:
    """Make `v[0]` and `v['key']` elements of either, and texts of them where they are cast to or compared with one."""
    # The innermost first: `v[0][1]`.
    for bracket in reversed(list(tree.find_all(exp.Bracket))):
        if len(bracket.expressions) == 1 and not isinstance(bracket.expressions[0], exp.Slice):
            bracket.replace(_call(_EXTRACT, _call("to_json", bracket.this), bracket.expressions[0]))
    for element in reversed([node for node in tree.find_all(exp.JSONExtract, exp.Anonymous) if _is_element(node)]):
        cast = element.parent
        if cast is not None and _is_cast_to_text(cast):
            cast.replace(_text(element))
        elif _compared_to_text(element):
            element.replace(_text(element))


def _is_element(node: exp.Expr) -> bool:
    return isinstance(node, exp.JSONExtract) or node.name == _EXTRACT


def _is_cast_to_text(node: exp.Expr) -> bool:
    kind = declared(node.to) if isinstance(node, exp.Cast) else None
    return kind is not None and kind.duckdb == "VARCHAR"


def _compared_to_text(element: exp.Expr) -> bool:
    parent = element.parent
    if not isinstance(parent, exp.Predicate):
        return False
    others = [node for node in parent.iter_expressions() if node is not element]
    return bool(others) and all(isinstance(node, exp.Literal) and node.is_string for node in others)


def _text(element: exp.Expr) -> exp.Expr:
    # As JSON writes a text it has quotes.
    return _call("json_extract_string", _call("to_json", element), exp.Literal.string("$"))


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])
