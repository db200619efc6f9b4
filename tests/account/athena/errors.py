"""What goes wrong with a statement."""


class QueryError(Exception):
    """The statement failed; the text is what Athena shows as the reason, `CODE: message`."""

    def __init__(self, code: str, message: str, category: int = 2, kind: int = 1006):
        super().__init__(f"{code}: {message}")
        self.code = code
        # AthenaError: 1 is the system's fault, 2 the user's, 3 another's.
        self.category = category
        self.kind = kind


class Refused(Exception):
    """StartQueryExecution refuses the statement at once, with an InvalidRequestException."""


class Cancelled(Exception):
    """The statement was stopped, by its user or by the work group's limit."""
