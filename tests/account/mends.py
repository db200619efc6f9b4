"""All mends and additions to moto, in the order in which they are applied."""


def apply() -> None:
    """Applies them; moto must be imported and no request answered yet."""
    from account import alarms, events, exports, firehose, functions, gaps, glue, lakeformation, stepfunctions, streams
    from account.athena import api

    glue.mend()
    api.install()
    functions.mend()
    events.mend()
    stepfunctions.mend()
    firehose.mend()
    streams.mend()
    lakeformation.mend()
    gaps.mend()
    exports.mend()
    alarms.mend()
