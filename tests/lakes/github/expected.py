"""What the lake must say about the webhook examples, computed from the package's own JSON without any code of Tarn's.

    python3 expected.py node_modules/@octokit/webhooks-examples > expected.json

The answer holds the counts of the models, and of the flattened records:
  records[]   edition, event, example, leaves (values after flattening), non_null (of them not null), characters (of all values that are
              not null, arrays and empty objects as compact JSON), survivors (leaves whose name another leaf of the record took first)
  columns     how many columns all records need together
"""

import json
import sys
import unicodedata
from collections import Counter

from prepare import examples

LONGEST_NAME = 255
RESERVED = {"_id", "_extra", "_op", "_ttl", "_seq", "_at"}


def leaves(value, path=()):
    """(path, value) of each leaf, in document order: objects are taken apart, arrays and empty objects are kept whole."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    else:
        yield path, value


def column_name(path):
    """Folded and joined keys: lower case, `_` for what is neither letter, digit, mark nor `_`."""
    name = "_".join("".join(c if c == "_" or unicodedata.category(c)[0] in "LMN" else "_" for c in key.lower()) for key in path)
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"no example had so long a name before: {name}")
    return name


def text(value):
    """A value as a text column holds it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def flatten(record):
    """The flat record's counts, and the columns it needs: a survivor's column is told by its path."""
    names = set(RESERVED)
    columns = set()
    counts = Counter(leaves=0, non_null=0, characters=0, survivors=0)
    for path, value in leaves(record):
        counts["leaves"] += 1
        if value is not None:
            counts["non_null"] += 1
            counts["characters"] += len(text(value))
        name = column_name(path)
        if name in names:
            counts["survivors"] += 1
            columns.add(path)
        else:
            names.add(name)
            columns.add(name)
    return dict(counts), columns


def login(payload, member):
    return (payload.get(member) or {}).get("login")


def counted(counter, *keys):
    """A counter as a list of rows, sorted by their keys; None sorts as empty text."""
    rows = [dict(zip(keys, key, strict=True)) | {"deliveries": count} for key, count in counter.items()]
    return sorted(rows, key=lambda row: [row[key] or "" for key in keys])


def main():
    records = []
    columns = set()
    by_action, by_repository, by_sender, by_organization = Counter(), Counter(), Counter(), Counter()
    for edition, event, number, payload in examples(sys.argv[1]):
        record = {"edition": edition, "event": event, "example": number, "payload": payload}
        counts, needed = flatten(record)
        columns |= needed
        records.append({"edition": edition, "event": event, "example": number} | counts)
        by_action[event, payload.get("action")] += 1
        repository = payload.get("repository") or {}
        if "full_name" in repository:
            by_repository[(repository["full_name"],)] += 1
        if login(payload, "sender") is not None:
            by_sender[(login(payload, "sender"),)] += 1
        if login(payload, "organization") is not None:
            by_organization[(login(payload, "organization"),)] += 1
    json.dump(
        {
            "deliveries": len(records),
            "columns": len(columns),
            "event_activity": counted(by_action, "event", "action"),
            "repository_activity": counted(by_repository, "repository"),
            "sender_activity": counted(by_sender, "sender"),
            "organizations": counted(by_organization, "organization"),
            "records": records,
        },
        sys.stdout,
        ensure_ascii=False,
        indent=1,
    )


if __name__ == "__main__":
    main()
