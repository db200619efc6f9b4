"""Registers with the engine the functions of Trino that it lacks: `functions.sql`, and those that are easier said in Python."""
from pathlib import Path
from typing import Any



def register(engine: Any) -> None:
    """Makes them known to all connections."""
    text = Path(__file__).with_name("functions.sql").read_text()
    for statement in text.split(";\n"):
        if statement.strip():
            engine.execute(statement)
