"""Which calls reach the account: service and operation of a request, and a journal of them."""
import re
import threading
import time
from dataclasses import dataclass
from typing import Any, Mapping
from urllib.parse import parse_qs

_CREDENTIAL = re.compile(r"Credential=[^/]*/[^/]*/([^/]*)/([^/]*)/")


@dataclass(frozen=True)
class Call:
    """One request to a service of AWS."""

    service: str
    operation: str
    region: str
    path: str
    time: float

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> "Call":
        """Reads the request's head; the body stays unread, but for the old protocol that names its operation there."""
        found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        region, service = found.groups() if found else ("us-east-1", "s3")
        method, path = environ.get("REQUEST_METHOD", "GET"), environ.get("PATH_INFO", "")
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target:
            operation = target.rsplit(".", 1)[-1]
        elif service == "s3":
            operation = _s3_operation(method, path, query, environ)
        elif service == "lambda" and path.endswith("/invocations"):
            operation = "Invoke"
        else:
            operation = query.get("Action", [f"{method} {path}"])[0]
        return cls(service, operation, region, path, time.time())


def _s3_operation(method: str, path: str, query: Mapping[str, list[str]], environ: Mapping[str, Any]) -> str:
    """The operation's name; S3 says it by the method, by how deep the path is, and by empty parameters."""
    bucket, _, key = path.strip("/").partition("/")
    if key:
        if "uploads" in query:
            return "CreateMultipartUpload"
        if "uploadId" in query:
            parts = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
            return parts.get(method, "ListParts")
        if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
            return "CopyObject"
        if "tagging" in query:
            return f"{method.capitalize()}ObjectTagging"
        return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, method)
    if not bucket:
        return "ListBuckets"
    if "delete" in query:
        return "DeleteObjects"
    if method == "GET" and ("list-type" in query or not query or "prefix" in query):
        return "ListObjectsV2" if "list-type" in query else "ListObjects"
    if query and "versions" in query:
        return "ListObjectVersions"
    if query:
        return f"{method.capitalize()}Bucket{next(iter(query)).capitalize()}"
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(method, method)


class Journal:
    """The calls since the start, or since it was cleared."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def note(self, call: Call) -> None:
        """Adds a call."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forgets all calls."""
        with self._lock:
            self._calls.clear()

    def post(self, _path: list[str], _body: Any) -> Any:
        """Nothing can be added by hand."""
        raise ValueError("the journal is written by calls only")

    def get(self, path: list[str], _query: Mapping[str, str]) -> Any:
        """Counts by service and operation, or with `/calls` each call in its order."""
        with self._lock:
            calls = list(self._calls)
        if path == ["calls"]:
            return [{"service": c.service, "operation": c.operation, "path": c.path, "time": c.time} for c in calls]
        counts: dict[str, dict[str, int]] = {}
        for call in calls:
            operations = counts.setdefault(call.service, {})
            operations[call.operation] = operations.get(call.operation, 0) + 1
        return counts


JOURNAL = Journal()
