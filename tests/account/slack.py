"""A receiver of Slack messages: `POST /tarn-account/slack/<any path>` takes one, as an incoming web hook of Slack's does."""
import threading
from typing import Any, Mapping

from werkzeug.wrappers import Response


class Receiver:
    """The messages since the start, or since they were cleared."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def post(self, path: list[str], body: Any) -> Response:
        """Keeps a message; Slack answers with the text `ok`, or why it refuses."""
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
