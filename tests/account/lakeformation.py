"""Lake Formation's grants on tables, columns and tags, and its opt-ins: what moto keeps of them is not what it was given."""
import json
import time
from typing import Any

Resource = dict[str, Any]


class Book:
    """What was granted, and who is held to it, of one account number."""

    def __init__(self) -> None:
        self.grants: list[dict[str, Any]] = []
        self.opt_ins: list[dict[str, Any]] = []
        self.registered: dict[str, dict[str, Any]] = {}

    def grant(self, principal: str, resource: Resource, permissions: list[str], grantable: list[str]) -> None:
        """Adds to what the principal has on the resource."""
        found = self._find(principal, resource)
        if found is None:
            found = {"principal": principal, "resource": resource, "permissions": [], "grantable": []}
            self.grants.append(found)
        found["permissions"] = sorted({*found["permissions"], *permissions})
        found["grantable"] = sorted({*found["grantable"], *grantable})

    def revoke(self, principal: str, resource: Resource, permissions: list[str], grantable: list[str]) -> bool:
        """Takes away; false when there was nothing to take."""
        found = self._find(principal, resource)
        if found is None or not {*found["permissions"]} & {*permissions} and not {*found["grantable"]} & {*grantable}:
            return False
        found["permissions"] = sorted({*found["permissions"]} - {*permissions})
        found["grantable"] = sorted({*found["grantable"]} - {*grantable})
        if not found["permissions"]:
            self.grants.remove(found)
        return True

    def _find(self, principal: str, resource: Resource) -> dict[str, Any] | None:
        return next((grant for grant in self.grants if grant["principal"] == principal and same(grant["resource"], resource)), None)


def same(one: Resource, other: Resource) -> bool:
    """Whether two descriptions are of one thing, whether or not they say the catalogue."""
    return _plain(one) == _plain(other)


def asked_for(resource: Resource, wanted: Resource) -> bool:
    """Whether a grant on a resource is told to who asks for another: grants on columns are told with their table."""
    if same(resource, wanted):
        return True
    columns, table = resource.get("TableWithColumns"), wanted.get("Table") or {}
    return columns is not None and (columns["DatabaseName"], columns["Name"]) == (table.get("DatabaseName"), table.get("Name"))


def _plain(value: Any) -> Any:
    """Comparable: without catalogue, lists in one order, without what is empty, but for the wildcard, which is."""
    if isinstance(value, dict):
        return {name: "*" if name == "TableWildcard" else _plain(inner) for name, inner in value.items() if name != "CatalogId" and inner is not None}
    if isinstance(value, list):
        return sorted((_plain(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    return value


_BOOKS: dict[str, Book] = {}


def _book(response: Any) -> Book:
    return _BOOKS.setdefault(response.current_account, Book())


def _principal(response: Any) -> str | None:
    said = response._get_param("Principal")
    return said["DataLakePrincipalIdentifier"] if said else None


def grant_permissions(self: Any) -> str:
    """GrantPermissions."""
    _book(self).grant(_principal(self) or "", self._get_param("Resource"), self._get_param("Permissions") or [], self._get_param("PermissionsWithGrantOption") or [])
    return "{}"


def revoke_permissions(self: Any) -> str:
    """RevokePermissions. Terraform revokes until it is told that nothing is left."""
    from moto.lakeformation.exceptions import InvalidInput

    permissions = self._get_param("Permissions") or []
    grantable = self._get_param("PermissionsWithGrantOption") or []
    if not _book(self).revoke(_principal(self) or "", self._get_param("Resource"), permissions, grantable):
        raise InvalidInput(f"No permissions revoked. Grantee does not have: {permissions}")
    return "{}"


def list_permissions(self: Any) -> str:
    """ListPermissions, without pages."""
    from moto.lakeformation.exceptions import InvalidInput

    principal, resource = _principal(self), self._get_param("Resource")
    if principal is not None and resource is None:
        raise InvalidInput("Resource is mandatory if Principal is set in the input.")
    found = [
        grant for grant in _book(self).grants
        if principal in (None, grant["principal"]) and (resource is None or asked_for(grant["resource"], resource))
    ]  # fmt: skip
    return json.dumps({"PrincipalResourcePermissions": [
        {
            "Principal": {"DataLakePrincipalIdentifier": grant["principal"]}, "Resource": grant["resource"],
            "Permissions": grant["permissions"], "PermissionsWithGrantOption": grant["grantable"],
        }
        for grant in found
    ]})  # fmt: skip


def create_opt_in(self: Any) -> str:
    """CreateLakeFormationOptIn."""
    principal, resource = _principal(self), self._get_param("Resource")
    found = [each for each in _book(self).opt_ins if each["Principal"]["DataLakePrincipalIdentifier"] == principal and same(each["Resource"], resource)]
    if not found:
        said = {"Principal": self._get_param("Principal"), "Resource": resource, "LastModified": time.time(), "LastUpdatedBy": "arn:aws:iam::123456789012:root"}
        _book(self).opt_ins.append(said)
    return "{}"


def delete_opt_in(self: Any) -> str:
    """DeleteLakeFormationOptIn."""
    from moto.lakeformation.exceptions import EntityNotFound

    principal, resource = _principal(self), self._get_param("Resource")
    book = _book(self)
    kept = [each for each in book.opt_ins if each["Principal"]["DataLakePrincipalIdentifier"] != principal or not same(each["Resource"], resource)]
    if len(kept) == len(book.opt_ins):
        raise EntityNotFound
    book.opt_ins = kept
    return "{}"


def list_opt_ins(self: Any) -> str:
    """ListLakeFormationOptIns, without pages."""
    principal, resource = _principal(self), self._get_param("Resource")
    found = [
        each for each in _book(self).opt_ins
        if principal in (None, each["Principal"]["DataLakePrincipalIdentifier"]) and (resource is None or same(each["Resource"], resource))
    ]  # fmt: skip
    return json.dumps({"LakeFormationOptInsInfoList": found})


def mend() -> None:
    """Puts these in the place of moto's."""
    from moto.lakeformation import urls
    from moto.lakeformation.models import LakeFormationBackend
    from moto.lakeformation.models import Resource as Registered
    from moto.lakeformation.responses import LakeFormationResponse

    LakeFormationResponse.grant_permissions = grant_permissions
    LakeFormationResponse.revoke_permissions = revoke_permissions
    LakeFormationResponse.list_permissions = list_permissions
    for operation, answer in (("Create", create_opt_in), ("Delete", delete_opt_in)):
        setattr(LakeFormationResponse, f"{operation.lower()}_lake_formation_opt_in", answer)
        urls.url_paths[f"{{0}}/{operation}LakeFormationOptIn$"] = urls.response.dispatch
    LakeFormationResponse.list_lake_formation_opt_ins = list_opt_ins
    urls.url_paths["{0}/ListLakeFormationOptIns$"] = urls.response.dispatch

    # Whether a place is registered for some only is forgotten by moto, and asked for by Terraform.
    register, described = LakeFormationResponse.register_resource, Registered.to_dict

    def register_resource(self: Any) -> str:
        answer = register(self)
        _book(self).registered[self._get_param("ResourceArn")] = {"HybridAccessEnabled": bool(self._get_param("HybridAccessEnabled"))}
        return answer

    def to_dict(self: Any) -> dict[str, Any]:
        known = [book.registered[self.arn] for book in _BOOKS.values() if self.arn in book.registered]
        return {**described(self), **(known[0] if known else {})}

    LakeFormationResponse.register_resource = register_resource
    Registered.to_dict = to_dict

    # A resource without tags is an answer, no error.
    tagged = LakeFormationBackend.get_resource_lf_tags

    def get_resource_lf_tags(self: Any, catalog_id: str, resource: Resource) -> Any:
        try:
            return tagged(self, catalog_id, resource)
        except KeyError:
            return [], [], []

    LakeFormationBackend.get_resource_lf_tags = get_resource_lf_tags
