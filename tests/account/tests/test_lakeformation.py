"""Lake Formation's grants and opt-ins come back as they were given."""
import botocore.exceptions

from account.tests.world import Lake, client

ROLE = {"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/analyst"}


class Grants(Lake):
    def setUp(self) -> None:
        super().setUp()
        self.formation = client("lakeformation")
        self.table = {"DatabaseName": self.database, "Name": "orders"}
        self.columns = {"TableWithColumns": {**self.table, "ColumnNames": ["b", "a"]}}

    def listed(self, resource: dict) -> list[dict]:
        return self.formation.list_permissions(Principal=ROLE, Resource=resource)["PrincipalResourcePermissions"]

    def test_a_grant_on_columns_is_told_with_its_table(self) -> None:
        self.formation.grant_permissions(Principal=ROLE, Resource=self.columns, Permissions=["SELECT"])
        self.formation.grant_permissions(Principal=ROLE, Resource={"Table": {**self.table, "Name": "other"}}, Permissions=["SELECT"])
        found = self.listed({"Table": self.table})
        self.assertEqual([each["Resource"] for each in found], [self.columns])
        self.assertEqual(found[0]["Permissions"], ["SELECT"])

    def test_a_grant_by_tag_is_found_whatever_the_order_of_its_values(self) -> None:
        def policy(*values: str) -> dict:
            return {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": self.database, "TagValues": list(values)}]}}

        self.formation.grant_permissions(Principal=ROLE, Resource=policy("x", "y"), Permissions=["SELECT", "DESCRIBE"], PermissionsWithGrantOption=["SELECT"])
        self.assertEqual(self.listed(policy("x")), [])
        found = self.listed(policy("y", "x"))[0]
        self.assertEqual((found["Permissions"], found["PermissionsWithGrantOption"]), (["DESCRIBE", "SELECT"], ["SELECT"]))

    def test_what_was_not_granted_cannot_be_revoked(self) -> None:
        self.formation.grant_permissions(Principal=ROLE, Resource=self.columns, Permissions=["SELECT"])
        self.formation.revoke_permissions(Principal=ROLE, Resource=self.columns, Permissions=["SELECT"])
        self.assertEqual(self.listed({"Table": self.table}), [])
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "No permissions revoked"):
            self.formation.revoke_permissions(Principal=ROLE, Resource=self.columns, Permissions=["SELECT"])

    def test_an_opt_in_is_there_until_it_is_deleted(self) -> None:
        every = {"Table": {"DatabaseName": self.database, "TableWildcard": {}}}
        self.formation.create_lake_formation_opt_in(Principal=ROLE, Resource=every)
        self.formation.create_lake_formation_opt_in(Principal=ROLE, Resource=every)
        found = self.formation.list_lake_formation_opt_ins(Principal=ROLE, Resource=every)["LakeFormationOptInsInfoList"]
        self.assertEqual([each["Resource"] for each in found], [every])
        self.assertEqual(self.formation.list_lake_formation_opt_ins(Principal=ROLE, Resource={"Table": self.table})["LakeFormationOptInsInfoList"], [])
        self.formation.delete_lake_formation_opt_in(Principal=ROLE, Resource=every)
        with self.assertRaises(self.formation.exceptions.EntityNotFoundException):
            self.formation.delete_lake_formation_opt_in(Principal=ROLE, Resource=every)

    def test_a_registered_place_keeps_its_mode(self) -> None:
        arn = f"arn:aws:s3:::{self.bucket}"
        self.formation.register_resource(ResourceArn=arn, RoleArn="arn:aws:iam::123456789012:role/reader", HybridAccessEnabled=True)
        self.assertTrue(self.formation.describe_resource(ResourceArn=arn)["ResourceInfo"]["HybridAccessEnabled"])
