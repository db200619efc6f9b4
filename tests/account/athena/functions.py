"""Functions: those that the engine lacks are registered with it, and those that only the engine has are refused."""
from pathlib import Path
from typing import Any

from sqlglot.dialects.athena import Athena
from sqlglot.tokens import Token, TokenType

from account.athena.errors import QueryError

_FOLDER = Path(__file__).parent
KNOWN = frozenset(word for line in (_FOLDER / "functions.txt").read_text().splitlines() if not line.startswith("#") for word in line.split())
# Words that stand before a bracket and are no functions.
_WORDS = frozenset(
    "and or not in exists all any some as on using over within group filter where having by select from join with case when then else between like "
    "distinct values union except intersect interval array row map varchar char decimal timestamp time double precision lateral unnest tablesample "
    "bernoulli system partition order limit offset sets cube rollup grouping recursive ordinality is null end varbinary respect ignore nulls key value "
    "passing columns returning explain analyze unload tblproperties serdeproperties insert".split()
)


def register(engine: Any) -> None:
    """Makes them known to all connections of an engine."""
    for statement in (_FOLDER / "functions.sql").read_text().split(";\n"):
        if statement.strip():
            engine.execute(statement)


def check(sql: str) -> None:
    """A QueryError for the first function that Athena does not have."""
    tokens = Athena().tokenize(sql)
    for index, token in enumerate(tokens[:-1]):
        name = token.text.lower()
        if tokens[index + 1].token_type != TokenType.L_PAREN or not name.replace("_", "a").isalnum() or token.token_type == TokenType.STRING:
            continue
        before = tokens[index - 1] if index else None
        if name in KNOWN or name in _WORDS or token.token_type in (TokenType.IDENTIFIER, TokenType.NUMBER) or _is_alias(before) or _is_query(tokens, index):
            continue
        raise QueryError("FUNCTION_NOT_FOUND", f"line {token.line}:{_column(sql, token)}: Function '{name}' not registered")


def _column(sql: str, token: Token) -> int:
    return token.start - sql.rfind("\n", 0, token.start)


def _is_alias(before: Token | None) -> bool:
    """Whether a list of columns follows: `as t(a, b)`, `insert into t (a, b)`, `) t(a, b)`."""
    return before is not None and (before.text.lower() in ("as", "into", "table", "view", "exists", ".") or before.token_type == TokenType.R_PAREN)


def _is_query(tokens: list[Token], index: int) -> bool:
    """Whether it is the name of a `with` query, whose columns are listed: `with t(a, b) as (…)`."""
    depth = 0
    for position in range(index + 1, len(tokens)):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[position].token_type, 0)
        if depth == 0:
            return position + 2 < len(tokens) and tokens[position + 1].text.lower() == "as" and tokens[position + 2].token_type == TokenType.L_PAREN
    return False
