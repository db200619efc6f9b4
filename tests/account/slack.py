"""A receiver of Slack messages: `POST /tarn-account/slack/<any path>` takes one, as an incoming web hook of Slack's does.

It has the faults of a service called `slack`; `{"service": "slack", "error": "rate_limited", "status": 429, "retry_after": 1}`.
"""
import threading
import time
from typing import Any, Mapping

from werkzeug.wrappers import Response

from account import faults
from account.calls import Call


class Receiver:
    """The messages since the start, or since they were cleared."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def post(self, path: list[str], body: Any) -> Response:
        """Keeps a message; Slack answers with the text `ok`, or why it refuses."""
        fault = faults.FAULTS.of_call(Call("slack", "Post", "", "/".join(path), time.time()))
        if fault:
            time.sleep(fault.delay)
            if fault.error:
                after = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
                return Response(fault.error, fault.status or 500, headers=after)
        if not isinstance(body, dict) or not (body.get("text") or body.get("blocks") or body.get("attachments")):
            return Response("no_text", 400)
        with self._lock:
            self._messages.append({"path": "/".join(path), "message": body})
        return Response("ok")

    def get(self, _path: list[str], _query: Mapping[str, str]) -> Any:
        """All messages, the oldest first."""
        with self._lock:
            return list(self._messages)

    def clear(self) -> None:
        """Forgets all messages."""
        with self._lock:
            self._messages.clear()


RECEIVER = Receiver()
