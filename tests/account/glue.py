"""Glue as Tarn needs it: optimistic updates of tables, pages, limits of the batch calls, keys that are left unprocessed."""


def mend() -> None:
    """Puts the calls in moto's place."""
