"""Turn the installed npm package `@octokit/webhooks-examples` into NDJSON, one line per example.

    python3 prepare.py node_modules/@octokit/webhooks-examples webhooks.ndjson

A line is {"edition": ..., "event": ..., "example": ..., "payload": {...}}: `example` counts the examples of one event from 0.
"""

import json
import sys
from pathlib import Path


def number_as_written(text):
    """A float whose text survives writing it again; anything else would change the examples silently."""
    value = float(text)
    if repr(value) != text:
        raise ValueError(f"`{text}` would be written as `{value!r}`")
    return value


def examples(package):
    """Every example of every edition: (edition, event, number, payload)."""
    for index in sorted(Path(package).glob("*/index.json")):
        events = json.loads(index.read_text(encoding="utf-8"), parse_float=number_as_written)
        for event in events:
            for number, payload in enumerate(event["examples"]):
                yield index.parent.name, event["name"], number, payload


def main():
    package, target = sys.argv[1:]
    count = 0
    with Path(target).open("w", encoding="utf-8") as lines:
        for edition, event, number, payload in examples(package):
            record = {"edition": edition, "event": event, "example": number, "payload": payload}
            lines.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    print(f"{count} examples", file=sys.stderr)


if __name__ == "__main__":
    main()
