"""The Firehose transform as a function of Lambda's Python runtime, which parses events and writes answers itself."""

import os

from handlers import FLATTENERS, transform

_answer = transform(*FLATTENERS[os.environ["FLATTENER"]]())


def handler(event, _context):
    return _answer(event)
