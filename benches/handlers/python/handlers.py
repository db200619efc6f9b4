"""The handlers that Tarn is measured beside, in Python: event bytes in, response bytes out."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal


def transform(loads, dumps, flatten):
    """A Firehose transform from event to answer; `dumps` gives bytes, `flatten` takes an object and gives a flat one."""

    def line(data):
        return base64.b64encode(dumps(flatten(loads(base64.b64decode(data)))) + b"\n").decode("ascii")

    def answer(event):
        answered = []
        for record in event["records"]:
            try:
                one = {"recordId": record["recordId"], "result": "Ok", "data": line(record["data"])}
            except (ValueError, AttributeError):  # of records that are no JSON, or no objects
                one = {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
            answered.append(one)
        return {"records": answered}

    return answer


def firehose_handler(loads, dumps, flatten):
    answer = transform(loads, dumps, flatten)
    return lambda event: dumps(answer(loads(event)))


def own_flatten(array_text):
    """Joins keys by `_`; arrays and empty objects become text."""

    def gather(members, prefix, flat):
        for key, value in members.items():
            if isinstance(value, dict):
                if value:
                    gather(value, f"{prefix}{key}_", flat)
                else:
                    flat[prefix + key] = "{}"
            elif isinstance(value, list):
                flat[prefix + key] = array_text(value)
            else:
                flat[prefix + key] = value

    def flatten(document):
        flat = {}
        gather(document, "", flat)
        return flat

    return flatten


def with_json():
    text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return json.loads, lambda value: text(value).encode(), own_flatten(text)


def with_orjson():
    import orjson

    return orjson.loads, orjson.dumps, own_flatten(lambda value: orjson.dumps(value).decode())


def with_flatten_json():
    """The package `flatten_json`, which opens arrays too: they are made text before it sees them."""
    import flatten_json
    import orjson

    def without_arrays(members):
        return {key: prepared(value) for key, value in members.items()}

    def prepared(value):
        if isinstance(value, dict):
            return without_arrays(value) or "{}"
        return orjson.dumps(value).decode() if isinstance(value, list) else value

    def flatten(document):
        return flatten_json.flatten(without_arrays(document), "_")

    return orjson.loads, orjson.dumps, flatten


def changes_handler(loads, dumps, array_text):
    """The lines of a file of change records as flat lines, items decoded by boto3."""
    from boto3.dynamodb.types import TypeDeserializer

    decoded = TypeDeserializer().deserialize
    flatten = own_flatten(array_text)

    def handle(event):
        lines = []
        for line in event.splitlines():
            record = loads(line)
            change = record["dynamodb"]
            image = change.get("NewImage") or change.get("OldImage") or change["Keys"]
            flat = flatten({name: decoded(value) for name, value in image.items()})
            flat["_op"] = record["eventName"].lower()
            flat["_ttl"] = record.get("userIdentity", {}).get("principalId") == "dynamodb.amazonaws.com"
            flat["_seq"] = change["SequenceNumber"]
            at = datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC)
            flat["_at"] = at.strftime("%Y-%m-%d %H:%M:%S.%f")
            lines.append(dumps(flat))
        return b"\n".join([*lines, b""])

    return handle


def plain(value):
    """What `TypeDeserializer` makes and JSON lacks: decimals, sets, binary."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set):
        return sorted(value)
    return base64.b64encode(value.value).decode("ascii")


def boto3_with_json():
    text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=plain).encode
    return changes_handler(json.loads, lambda value: text(value).encode(), text)


def boto3_with_orjson():
    import orjson

    def dumps(value):
        return orjson.dumps(value, default=plain)

    return changes_handler(orjson.loads, dumps, lambda value: dumps(value).decode())


FLATTENERS = {"json": with_json, "orjson": with_orjson, "flatten_json": with_flatten_json}
CHANGES = {"boto3": boto3_with_json, "boto3_orjson": boto3_with_orjson}


def handler(name):
    """The handler of a name; a process imports only what it measures."""
    return CHANGES[name]() if name in CHANGES else firehose_handler(*FLATTENERS[name]())
