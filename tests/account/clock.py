"""How fast time goes where the account waits on its own: Wait states, pauses between retries. `POST /tarn-account/clock {"speed": 60}`."""
import threading
import time
from typing import Any, Mapping


class Clock:
    """The speed; 1 is real time."""

    def __init__(self) -> None:
        self.speed = 1.0
        self._lock = threading.Lock()
        self._begun, self._passed = time.monotonic(), 0.0

    def now(self) -> float:
        """The account's seconds since its start; they go on where the speed changes."""
        with self._lock:
            return self._passed + (time.monotonic() - self._begun) * self.speed

    def _go(self, speed: float) -> None:
        passed = self.now()
        with self._lock:
            self._begun, self._passed, self.speed = time.monotonic(), passed, speed

    def post(self, _path: list[str], body: Any) -> Any:
        """Sets the speed."""
        speed = float(body["speed"])
        if speed <= 0:
            raise ValueError("`speed` is above zero")
        self._go(speed)
        return {"speed": speed}

    def get(self, _path: list[str], _query: Mapping[str, str]) -> Any:
        """The speed."""
        return {"speed": self.speed}

    def clear(self) -> None:
        """Real time again."""
        self._go(1.0)

    def sleep(self, seconds: float) -> None:
        """Waits so many of the account's seconds."""
        time.sleep(seconds / self.speed)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits for an event, at most so many of the account's seconds."""
        return event.wait(seconds / self.speed)


CLOCK = Clock()
