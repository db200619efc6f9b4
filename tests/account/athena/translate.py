"""Athena's SQL (engine version 3, Trino's dialect) as DuckDB's: sqlglot does the most of it, what it leaves is mended here and in `functions.sql`."""
import re
from typing import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from account.athena import decimals, mends
from account.athena.errors import Refused
from account.athena.types import Type

UNNAMED = "__unnamed_"

def parse(sql: str) -> exp.Expression:
    """Parses one statement; what cannot be parsed is refused as Athena refuses it, before it is queued."""
    try:
        statements = sqlglot.parse(sql, read="athena")
    except (ParseError, TokenError) as error:
        raise Refused(_syntax_error(error)) from None
    statements = [statement for statement in statements if statement is not None]
    if len(statements) != 1:
        raise Refused(f"Only one sql statement is allowed. Got: {sql[:100]}" if statements else "line 1:1: mismatched input '<EOF>'")
    return statements[0]


def _syntax_error(error: Exception) -> str:
    described = getattr(error, "errors", None)
    if described:
        first = described[0]
        # sqlglot tells where the word ends.
        column = max(int(first.get("col") or 1) - len(first.get("highlight") or "") + 1, 1)
        return f"line {first.get('line')}:{column}: mismatched input '{first.get('highlight')}': {first.get('description')}"
    return f"line 1:1: mismatched input: {error}"


def for_duckdb(query: exp.Expression, bind: Callable[[exp.Table], str], columns: dict[str, dict[str, Type]] | None = None) -> str:
    """A query as DuckDB's SQL; `bind` names the view that stands for each table of the catalogue, and fills in its columns' types."""
    query = query.copy()
    _name_outputs(query)
    for table in list(query.find_all(exp.Table)):
        if isinstance(table.this, exp.Identifier) and not is_cte(table):
            view = bind(table)
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
            if not alias.this:
                alias.set("this", exp.to_identifier(table.name))
            table.set("this", exp.to_identifier(view, quoted=True))
            table.set("db", None)
            table.set("catalog", None)
            table.set("alias", alias)
    decimals.restore(query, columns or {})
    return mends.mend(query).sql(dialect="duckdb", identify=True, comments=False)


def is_cte(table: exp.Table) -> bool:
    """Whether the name is that of a `WITH` query that can be seen from here."""
    if table.args.get("db"):
        return False
    name, below = table.name.lower(), table
    above = table.parent
    while above is not None:
        if isinstance(above, exp.With):
            # From inside of a CTE the earlier ones are seen, and itself when it is recursive.
            for cte in above.expressions:
                if cte is below:
                    if above.args.get("recursive") and cte.alias.lower() == name:
                        return True
                    break
                if cte.alias.lower() == name:
                    return True
        else:
            clause = above.args.get("with_")
            if clause is not None and clause is not below and any(cte.alias.lower() == name for cte in clause.expressions):
                return True
        below, above = above, above.parent
    return False


def _name_outputs(query: exp.Expression) -> None:
    """Marks the columns to which the statement gives no name; Athena calls them by their place."""
    leftmost: exp.Expression = query
    while isinstance(leftmost, (exp.SetOperation, exp.Subquery)):
        leftmost = leftmost.this
    if isinstance(leftmost, exp.Select):
        for index, column in enumerate(leftmost.expressions):
            if column.is_star or isinstance(column, (exp.Alias, exp.Column, exp.Dot, exp.Aliases)):
                continue
            column.replace(exp.alias_(column.copy(), f"{UNNAMED}{index}", quoted=True))


def output_name(name: str, position: int) -> str:
    """The name of a result's column, as Athena gives it."""
    return f"_col{position}" if is_unnamed(name) else name


def is_unnamed(name: str) -> bool:
    """Whether the statement gave this column no name."""
    return name.startswith(UNNAMED) or re.fullmatch(r"col\d+", name) is not None
