"""Quotients and averages of decimals are decimals in Trino and doubles in DuckDB; here they get their type back.

A quotient has the larger of the two scales, an average the type of its argument. The types of columns are told by sqlglot, those of
literals and products are worked out here, as sqlglot takes a literal like `2.50` for a double and a product for one of its factors.
<https://trino.io/docs/current/functions/decimal.html>
"""
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from account.athena.types import Type

_TAG = "number of the division"
_WHOLE = {"TINYINT": 3, "SMALLINT": 5, "INT": 10, "INTEGER": 10, "BIGINT": 19}


def restore(query: exp.Expression, columns: dict[str, dict[str, Type]]) -> None:
    """Adds the casts; `columns` has the types of each bound view's columns."""
    nodes = [node for node in query.walk() if isinstance(node, (exp.Div, exp.Avg))]
    if not nodes:
        return
    for number, node in enumerate(nodes):
        node.meta[_TAG] = number
    described = {view: {name: str(kind).split(" with")[0] for name, kind in kinds.items() if not kind.arguments} for view, kinds in columns.items()}
    try:
        schema = MappingSchema(described, dialect="trino", normalize=False)
        typed = qualify(query.copy(), schema=schema, dialect="trino", validate_qualify_columns=False, quote_identifiers=False)
        typed = annotate_types(typed, schema=schema, dialect="trino")
    except (SqlglotError, RecursionError, AttributeError, KeyError, ValueError):
        return
    kinds: dict[int, tuple[int, int]] = {}
    for node in typed.walk():
        if _TAG in node.meta and isinstance(node, (exp.Div, exp.Avg)):
            kind = _quotient(node) if isinstance(node, exp.Div) else _decimal(node.this)
            if kind is not None and (isinstance(node, exp.Div) or _is_decimal(node.this)):
                kinds[node.meta[_TAG]] = kind
    # The inner ones first: a cast around one of them must not take another out of the query.
    for number, node in reversed(list(enumerate(nodes))):
        if number in kinds:
            outer: exp.Expression = node
            while isinstance(outer.parent, (exp.Window, exp.Filter, exp.IgnoreNulls)) and outer.parent.this is outer:
                outer = outer.parent
            precision, scale = kinds[number]
            cast = exp.Cast(this=exp.paren(outer.copy()) if isinstance(outer, exp.Div) else outer.copy(), to=exp.DataType.build(f"decimal({precision}, {scale})"))
            outer.replace(cast)


def _quotient(node: exp.Div) -> tuple[int, int] | None:
    left, right = _decimal(node.this), _decimal(node.expression)
    if left is None or right is None or not (_is_decimal(node.this) or _is_decimal(node.expression)):
        return None
    (p1, s1), (_, s2) = left, right
    return min(38, p1 + s2 + max(0, s2 - s1)), max(s1, s2)


def _decimal(node: Any) -> tuple[int, int] | None:
    """Precision and scale of an exact number; None for anything else."""
    if isinstance(node, (exp.Paren, exp.Neg, exp.Max, exp.Min, exp.Abs)):
        return _decimal(node.this)
    if isinstance(node, exp.Literal) and not node.is_string:
        if "e" in node.name.lower():
            return None
        whole, _, fraction = node.name.partition(".")
        return (10, 0) if "." not in node.name else (max(len(whole.lstrip("0")) + len(fraction), 1), len(fraction))
    if isinstance(node, exp.Sum):
        inner = _decimal(node.this)
        return (38, inner[1]) if inner and _is_decimal(node.this) else inner and (19, 0)
    if isinstance(node, (exp.Coalesce, exp.Nullif)):
        given = [_decimal(each) for each in ([node.this] if isinstance(node, exp.Nullif) else [node.this, *node.expressions])]
        known = [each for each in given if each]
        return (max(p - s for p, s in known) + max(s for _, s in known), max(s for _, s in known)) if len(known) == len(given) else None
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        left, right = _decimal(node.this), _decimal(node.expression)
        if left is None or right is None:
            return None
        if isinstance(node, exp.Div):
            return _quotient(node) or (19, 0)
        (p1, s1), (p2, s2) = left, right
        if isinstance(node, exp.Mul):
            return min(38, p1 + p2), s1 + s2
        return min(38, max(p1 - s1, p2 - s2) + max(s1, s2) + 1), max(s1, s2)
    kind = node.type if isinstance(node, exp.Expression) else None
    if kind is None:
        return None
    if kind.this == exp.DataType.Type.DECIMAL:
        numbers = [int(each.name) for each in kind.expressions]
        return (numbers[0], numbers[1]) if len(numbers) == 2 else None
    return (_WHOLE[kind.this.value], 0) if kind.this.value in _WHOLE else None


def _is_decimal(node: Any) -> bool:
    if isinstance(node, exp.Literal):
        return "." in node.name and "e" not in node.name.lower()
    if isinstance(node, exp.DataType):
        return False
    if isinstance(node, (exp.Paren, exp.Neg, exp.Sum, exp.Max, exp.Min, exp.Abs, exp.Nullif)):
        return _is_decimal(node.this)
    if isinstance(node, exp.Coalesce):
        return any(_is_decimal(each) for each in [node.this, *node.expressions])
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        return _is_decimal(node.this) or _is_decimal(node.expression)
    return bool(node.type is not None and node.type.this == exp.DataType.Type.DECIMAL)
