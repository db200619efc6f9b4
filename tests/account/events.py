"""EventBridge: events of the account's own services, and targets that moto does not call."""
import threading
from typing import Any


def publish(account_id: str, region: str, event: dict[str, Any]) -> None:
    """Sends an event to the rules of the default bus, without waiting for their targets."""
    threading.Thread(target=_publish, args=(account_id, region, event), daemon=True).start()


def _publish(account_id: str, region: str, event: dict[str, Any]) -> None:
    from moto.events.models import events_backends

    bus = events_backends[account_id][region].event_buses["default"]
    for rule in list(bus.rules.values()):
        if rule.state == "ENABLED" and rule.event_pattern and rule.event_pattern.get_pattern():
            rule.send_to_targets(event)
