"""Glue as Tarn needs it: optimistic updates of tables, pages, limits of the batch calls, keys that are left unprocessed.

Names are folded to lower case as Glue folds them, and changes of tables and partitions happen one after the other.
"""
import functools
import threading
from typing import Any, Callable

from account import faults

_CHANGES = threading.RLock()
_LIMITS = {
    "batch_create_partition": ("PartitionInputList", 100),
    "batch_update_partition": ("Entries", 100),
    "batch_delete_partition": ("PartitionsToDelete", 25),
    "batch_get_partition": ("PartitionsToGet", 1000),
    "batch_delete_table": ("TablesToDelete", 100),
    "batch_delete_table_version": ("VersionIds", 100),
}
# As many as AWS gives when nothing else is asked for, or fewer: who forgets the next page is to notice it.
_PAGE = 100


def _refused(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    return JsonRESTError(code, message)


def _page(self: Any, items: list[Any], most: int) -> tuple[list[Any], dict[str, str]]:
    """A page of the items, and the token of the next one if there is any."""
    size, start = int(self.parameters.get("MaxResults") or min(_PAGE, most)), int(self.parameters.get("NextToken") or 0)
    if not 1 <= size <= most:
        raise _refused("ValidationException", f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have "
                       f"value less than or equal to {most}")  # fmt: skip
    return items[start : start + size], {"NextToken": str(start + size)} if start + size < len(items) else {}


def update_table(self: Any) -> Any:
    """Changes a table if it has still the version that the caller has seen; without `SkipArchive` the old one is kept."""
    from moto.core.responses import EmptyResult

    asked = self.parameters
    table_input = asked["TableInput"]
    with _CHANGES:
        table = self.glue_backend.get_table(asked["DatabaseName"], table_input["Name"])
        seen, current = asked.get("VersionId"), str(table._current_version)
        if seen is not None and seen != current:
            raise _refused("ConcurrentModificationException", "Update table failed due to concurrent modifications.")
        table.update(table_input)
        if asked.get("SkipArchive"):
            table.versions.pop(current, None)
    return EmptyResult()


def get_tables(self: Any) -> Any:
    """A page of the tables of a database."""
    from moto.core.responses import ActionResult

    tables = self.glue_backend.get_tables(self.parameters["DatabaseName"].lower(), self.parameters.get("Expression"))
    page, token = _page(self, sorted(tables, key=lambda table: table.name), 100)
    return ActionResult({"TableList": [table.as_dict() for table in page], **token})


def get_table_versions(self: Any) -> Any:
    """A page of a table's versions, the newest first."""
    from moto.core.responses import ActionResult

    versions = self.glue_backend.get_table_versions(self.parameters["DatabaseName"], self.parameters["TableName"])
    newest_first = sorted(versions.items(), key=lambda version: -int(version[0]))
    page, token = _page(self, newest_first, 100)
    return ActionResult({"TableVersions": [{"Table": table, "VersionId": version} for version, table in page], **token})


def batch_delete_table_version(self: Any) -> Any:
    """Removes versions; the current one stays."""
    from moto.core.responses import ActionResult

    table, errors = self.glue_backend.get_table(self.parameters["DatabaseName"], self.parameters["TableName"]), []
    with _CHANGES:
        for version in self.parameters["VersionIds"]:
            code = None
            if version == str(table._current_version):
                code, message = "InvalidInputException", "Cannot delete the current version."
            elif table.versions.pop(version, None) is None:
                code, message = "EntityNotFoundException", "Version not found."
            if code:
                detail = {"ErrorCode": code, "ErrorMessage": message}
                errors.append({"TableName": table.name, "VersionId": version, "ErrorDetail": detail})
    return ActionResult({"Errors": errors} if errors else {})


def get_partitions(self: Any) -> Any:
    """A page of the partitions that an expression selects, of one segment if the caller reads several side by side."""
    from moto.core.responses import ActionResult

    asked = self.parameters
    found = self.glue_backend.get_partitions(asked["DatabaseName"], asked["TableName"], asked.get("Expression"))
    segment = asked.get("Segment")
    if segment:
        number, total = segment["SegmentNumber"], segment["TotalSegments"]
        if not (1 <= total <= 10 and 0 <= number < total):
            raise _refused("InvalidInputException", f"Invalid segment {number} of {total}")
        found = [partition for index, partition in enumerate(found) if index % total == number]
    page, token = _page(self, found, 1000)
    partitions = [partition.as_dict() for partition in page]
    if asked.get("ExcludeColumnSchema"):
        for partition in partitions:
            storage = dict(partition.get("StorageDescriptor") or {})
            storage.pop("Columns", None)
            partition["StorageDescriptor"] = storage
    return ActionResult({"Partitions": partitions, **token})


def batch_get_partition(self: Any) -> Any:
    """Partitions by their values; some may be left unprocessed, and it is up to the caller to ask again."""
    from moto.core.responses import ActionResult

    asked = self.parameters
    keys, left = asked["PartitionsToGet"], faults.FAULTS.unprocessed()
    now, later = keys[: max(len(keys) - left, 0)], keys[max(len(keys) - left, 0) :]
    partitions = self.glue_backend.batch_get_partition(asked["DatabaseName"], asked["TableName"], now)
    return ActionResult({"Partitions": partitions, "UnprocessedKeys": later})


def _limited(call: Callable[[Any], Any], parameter: str, most: int) -> Callable[[Any], Any]:
    @functools.wraps(call)
    def limited(self: Any) -> Any:
        given = len(self.parameters.get(parameter) or [])
        if given > most:
            name = parameter[0].lower() + parameter[1:]
            raise _refused("ValidationException", f"1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length "
                           f"less than or equal to {most}")  # fmt: skip
        with _CHANGES:
            return call(self)

    return limited


def _folded(backend: Any, method: str, names: int) -> None:
    """Makes the first arguments of a method lower-case names; they are the database's and the table's."""
    original = getattr(backend, method)

    @functools.wraps(original)
    def folded(self: Any, *arguments: Any, **more: Any) -> Any:
        arguments = tuple(each.lower() if index < names and isinstance(each, str) else each for index, each in enumerate(arguments))
        more = {key: value.lower() if key in ("database_name", "table_name") and isinstance(value, str) else value for key, value in more.items()}
        return original(self, *arguments, **more)

    setattr(backend, method, folded)


def _checked_partition(create: Callable[..., None]) -> Callable[..., None]:
    """A partition has as many values as the table has keys, and a location of its own, as what a table's partition inherits does not exist."""

    @functools.wraps(create)
    def checked(self: Any, partition: dict[str, Any]) -> None:
        keys = list(self.versions.values())[-1].get("PartitionKeys") or []
        if len(partition.get("Values") or []) != len(keys):
            raise _refused("InvalidInputException", "The number of partition keys do not match the number of partition values")
        create(self, partition)

    return checked


def mend() -> None:
    """Puts the calls in moto's place."""
    from moto.glue.models import FakeTable, GlueBackend
    from moto.glue.responses import GlueResponse

    for call in (update_table, get_tables, get_table_versions, batch_delete_table_version, get_partitions, batch_get_partition):
        setattr(GlueResponse, call.__name__, call)
    for name, (parameter, most) in _LIMITS.items():
        setattr(GlueResponse, name, _limited(getattr(GlueResponse, name), parameter, most))
    for name in ("create_database", "get_database", "update_database", "delete_database"):
        _folded(GlueBackend, name, 1)
    for name in ("create_table", "get_table", "delete_table", "update_table", "get_table_versions", "get_partitions", "batch_get_partition"):
        _folded(GlueBackend, name, 2)
    FakeTable.create_partition = _checked_partition(FakeTable.create_partition)
    # A table that was never changed has the time of its making as that of its last change.
    described = FakeTable.as_dict
    FakeTable.as_dict = lambda self, version=None: {"UpdateTime": self.created_time, **described(self, version)}
