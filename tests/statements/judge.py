"""Parses each file as one statement of Athena's SQL, and says what kind of statement it is.

A statement that sqlglot can only pass through as a command is one that it did not understand.
"""

import sys
from pathlib import Path

import sqlglot
from sqlglot import exp

for path in map(Path, sys.argv[1:]):
    statements = sqlglot.parse(path.read_text("utf-8"), read="athena", error_level=sqlglot.ErrorLevel.RAISE)
    if len(statements) != 1 or statements[0] is None:
        sys.exit(f"{path.name}: {len(statements)} statements")
    if isinstance(statements[0], exp.Command):
        sys.exit(f"{path.name}: not understood")
    print(path.name, type(statements[0]).__name__)
