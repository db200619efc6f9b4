"""All mends and additions to moto, in the order in which they are applied."""


def apply() -> None:
    """Applies them; moto must be imported and no request answered yet."""
    from account import glue
    from account.athena import api

    glue.mend()
    api.install()
