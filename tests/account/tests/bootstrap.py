"""A function for tests: it speaks to the Runtime API and does what the event says."""
import base64
import json
import os
import sys
import time
import urllib.request

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"


def answer(event: dict) -> object:
    """The event's own wish, or what a transform, a stream's reader or a notification's receiver would answer."""
    if event.get("fail"):
        raise ValueError(event["fail"])
    if "exit" in event:
        sys.exit(event["exit"])
    if "sleep" in event:
        time.sleep(event["sleep"])
    records = event.get("records")
    if records is not None:
        return {"records": [transformed(record) for record in records]}
    if event.get("Records", [{}])[0].get("eventSource") == "aws:dynamodb":
        failed = [each["dynamodb"]["SequenceNumber"] for each in event["Records"] if "poison" in each["dynamodb"].get("NewImage", {})]
        note("stream", event)
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
    if "Records" in event or "detail-type" in event:
        note("event", event)
    return {"echo": event, "greeting": os.environ.get("GREETING")}


def transformed(record: dict) -> dict:
    """`drop` is dropped, `bad` fails, the rest gets a mark."""
    data = json.loads(base64.b64decode(record["data"]))
    if data.get("what") == "drop":
        return {"recordId": record["recordId"], "result": "Dropped"}
    if data.get("what") == "bad":
        return {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
    body = base64.b64encode(json.dumps({**data, "marked": True}).encode() + b"\n").decode()
    return {"recordId": record["recordId"], "result": "Ok", "data": body, "metadata": {"partitionKeys": {"day": data.get("day", "none")}}}


def note(kind: str, event: dict) -> None:
    """Sends the event where the test can see it."""
    if "NOTES" in os.environ:
        post(os.environ["NOTES"], {"text": kind, "event": event})


def post(url: str, value: object) -> None:
    """Posts JSON."""
    request = urllib.request.Request(url, json.dumps(value).encode(), {"content-type": "application/json"}, method="POST")
    urllib.request.urlopen(request).read()


while True:
    with urllib.request.urlopen(f"{RUNTIME}/invocation/next") as waiting:
        number, given = waiting.headers["lambda-runtime-aws-request-id"], json.loads(waiting.read())
    try:
        post(f"{RUNTIME}/invocation/{number}/response", answer(given))
    except ValueError as error:
        post(f"{RUNTIME}/invocation/{number}/error", {"errorType": "Bad.Input", "errorMessage": str(error)})
