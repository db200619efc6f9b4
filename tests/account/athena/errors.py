"""What goes wrong with a statement."""
import re


class QueryError(Exception):
    """The statement failed; the text is what Athena shows as the reason, `CODE: message`."""

    def __init__(self, code: str, message: str, category: int = 2, kind: int = 1006, about: str | None = None):
        super().__init__(f"{code}: {message}")
        self.code = code
        # The name that is wrong; where it stands in the statement is where Athena says the mistake is.
        self.about = about
        # AthenaError: 1 is the system's fault, 2 the user's, 3 another's.
        self.category = category
        self.kind = kind


    def placed(self, statement: str) -> str:
        """The text with the line and the column at which the name stands in the statement."""
        found = re.search(rf"(?<![\w\"]){re.escape(self.about)}(?!\w)|\"{re.escape(self.about)}\"", statement, re.IGNORECASE) if self.about else None
        if found is None:
            return str(self)
        line, last = statement.count("\n", 0, found.start()) + 1, statement.rfind("\n", 0, found.start())
        return re.sub(r"line \d+:\d+", f"line {line}:{found.start() - last}", str(self), count=1)


class Refused(Exception):
    """StartQueryExecution refuses the statement at once, with an InvalidRequestException."""


class Cancelled(Exception):
    """The statement was stopped, by its user or by the work group's limit."""
