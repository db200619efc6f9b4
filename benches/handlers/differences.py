"""Compares the responses of two handlers record by record, by meaning, and names each kind of difference.

What may differ without one of them being wrong:

- `name`: Tarn folds names to what the Glue Data Catalog takes (lowercase, `_` for punctuation); others keep the keys.
- `collision`: two leaves want one name. Tarn keeps both, the second under the name with a hash; others keep one of them
  or write the name twice.
- `number`: the same value in other digits (`1.0` as `1`); Tarn keeps the digits of the record.
- `rounded`: a number that a float cannot hold is another one afterwards; Tarn keeps the digits of the record.
- `text`: an array's JSON text means the same, but is written with other escapes or digits, or keys in another order.
- `empty`: a leaf that is an empty object is left out.
- `sequence`: Tarn writes the sequence number of a change as a number of up to 38 digits; others write a string.

The id that Tarn adds to each row is not compared.

Anything else is unexplained.
"""

import base64
import json
import re
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

# How values may differ, the slightest first.
VALUES = ("", "number", "text", "rounded")
ROW_ID, SEQUENCE = "_id", "_seq"
# What a second leaf of the same name gets, in Tarn.
COLLIDING = re.compile("__(?:[0-9a-f]{8}|[0-9a-f]{16})$")
SHOWN = 3


class Digits(Decimal):
    """A number that remembers how it was written."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number


class Found:
    """The differences that were found, by kind."""

    def __init__(self):
        self.records = 0
        self.kinds = Counter()
        self.examples = []

    def unexplained(self, text):
        self.kinds["unexplained"] += 1
        if len(self.examples) < SHOWN:
            self.examples.append(text)

    def report(self, name):
        """Prints the differences; whether all of them are explained."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items())) or "no difference"
        print(f"  {name}: {self.records} records, {kinds}")
        for example in self.examples:
            print(f"    {example}")
        return not self.kinds["unexplained"]


def compare(job, expected_folder, folder):
    found = Found()
    for path in sorted(Path(expected_folder).iterdir()):
        expected = records(job, path.read_bytes())
        given = records(job, (Path(folder) / path.name).read_bytes())
        if [identity for identity, _ in expected] != [identity for identity, _ in given]:
            found.unexplained(f"{path.name}: other records, {len(expected)} and {len(given)}")
            continue
        for (identity, line), (_, given_line) in zip(expected, given, strict=True):
            found.records += 1
            if line != given_line:
                compare_records(identity, members(line), members(given_line), found)
    return found


def records(job, response):
    """The identity and the flat line of each record."""
    if job == "changes":
        return list(enumerate(response.splitlines()))
    answered = json.loads(response)["records"]
    return [((record["recordId"], record["result"]), base64.b64decode(record["data"])) for record in answered]


def members(line):
    """Names and values of a flat object, doubles and all."""
    return json.loads(line, object_pairs_hook=list, parse_int=Digits, parse_float=Digits)


def fold(name):
    return "".join(letter if letter == "_" or letter.isalnum() else "_" for letter in name.lower()) or "_"


def compare_records(identity, expected, given, found):
    names = {name for name, _ in expected}
    wanted, offered = defaultdict(list), defaultdict(list)
    for name, value in expected:
        if name == ROW_ID:
            continue
        base = COLLIDING.sub("", name)
        wanted[base if base in names else name].append(value)
    for name, value in given:
        if name == SEQUENCE and isinstance(value, str):
            found.kinds["sequence"] += 1
            value = Digits(value)
        offered[fold(name)].append(value)
        if fold(name) != name:
            found.kinds["name"] += 1
    for name in wanted.keys() | offered.keys():
        compare_leaf(f"{identity} {name}", wanted[name], offered[name], found)


def compare_leaf(place, wanted, offered, found):
    if len(wanted) > 1:
        found.kinds["collision"] += 1
    elif not offered and wanted == ["{}"]:
        found.kinds["empty"] += 1
        return
    if not offered or len(offered) > len(wanted):
        found.unexplained(f"{place}: {wanted} became {offered}")
    remaining = list(wanted)
    for value in offered:
        kinds = [difference(other, value) for other in remaining]
        best = min(range(len(kinds)), key=lambda position: rank(kinds[position]), default=None)
        if best is None or kinds[best] is None:
            found.unexplained(f"{place}: {wanted} became {value!r}")
        else:
            remaining.pop(best)
            if kinds[best]:
                found.kinds[kinds[best]] += 1


def rank(kind):
    return len(VALUES) if kind is None else VALUES.index(kind)


def difference(wanted, given):
    """How two values differ: not (an empty text), in a way that has a name, or (`None`) really."""
    if isinstance(wanted, Digits) and isinstance(given, Digits):
        if wanted.text == given.text:
            return ""
        if wanted == given:
            return "number"
        return "rounded" if float(wanted) == float(given) else None
    if type(wanted) is not type(given):
        return None
    if wanted == given:
        return ""
    if isinstance(wanted, str) and wanted.startswith("[") and given.startswith("["):
        if meaning(wanted, Decimal) == meaning(given, Decimal):
            return "text"
        return "rounded" if meaning(wanted, float) == meaning(given, float) else None
    return None


def meaning(text, number):
    """A JSON text without what is the same by meaning: escapes, white space, the order of keys, the form of numbers."""
    return json.loads(text, parse_int=number, parse_float=number)
