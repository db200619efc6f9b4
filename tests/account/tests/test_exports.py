"""Exports of cluster snapshots, as RDS writes them and as a state machine meets them."""
import json
import time
import uuid
from typing import Any

from account.tests.world import Lake, client, side


class Exports(Lake):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(side, "DELETE", "exports")
        self.rds = client("rds")
        self.cluster = f"c-{uuid.uuid4().hex[:8]}"
        self.rds.create_db_cluster(DBClusterIdentifier=self.cluster, Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword="secret-123")

    def export(self, task: str, *tables: str) -> dict[str, Any]:
        """Starts an export of an automatic snapshot."""
        snapshots = self.rds.describe_db_cluster_snapshots(DBClusterIdentifier=self.cluster, SnapshotType="automated")["DBClusterSnapshots"]
        return self.rds.start_export_task(
            ExportTaskIdentifier=task, SourceArn=snapshots[0]["DBClusterSnapshotArn"], S3BucketName=self.bucket, S3Prefix="raw/exports",
            IamRoleArn="arn:aws:iam::123456789012:role/export", KmsKeyId="key", ExportOnly=list(tables),
        )  # fmt: skip

    def states(self, task: str) -> list[str]:
        return [self.rds.describe_export_tasks(ExportTaskIdentifier=task)["ExportTasks"][0]["Status"] for _ in range(3)]

    def test_an_export_writes_what_was_put_aside(self) -> None:
        self.s3.put_object(Bucket=self.bucket, Key="aside/a.parquet", Body=b"rows")
        side("POST", "exports", {"table": "crm.public.customers", "from": f"s3://{self.bucket}/aside/"})
        self.assertEqual(self.export("t1", "crm.public.customers", "crm.public.gone")["Status"], "STARTING")
        self.assertEqual(self.states("t1"), ["IN_PROGRESS", "COMPLETE", "COMPLETE"])
        keys = self.keys("raw/exports/t1/")
        self.assertRegex(keys[1], r"^raw/exports/t1/crm/public\.customers/1/part-00000-[0-9a-f-]{36}-c000\.gz\.parquet$")
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key=keys[1])["Body"].read(), b"rows")
        told = json.loads(self.s3.get_object(Bucket=self.bucket, Key=keys[3])["Body"].read())
        self.assertEqual([(each["target"], each["status"]) for each in told["perTableStatus"]], [("crm.public.customers", "COMPLETE"), ("crm.public.gone", "FAILED")])
        with self.assertRaises(self.rds.exceptions.ExportTaskAlreadyExistsFault):
            self.export("t1")
        side("POST", "exports", {"status": "FAILED", "cause": "no space"})
        self.export("t2", "crm.public.customers")
        self.assertEqual(self.states("t2")[-1], "FAILED")
        self.assertEqual(self.rds.describe_export_tasks(ExportTaskIdentifier="t2")["ExportTasks"][0]["FailureCause"], "no space")

    def test_a_state_machine_knows_the_errors_of_rds(self) -> None:
        call = {
            "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:rds:createDBClusterSnapshot", "End": True,
            "Parameters": {"DbClusterIdentifier.$": "$.cluster", "DbClusterSnapshotIdentifier": f"{self.cluster}-twice"},
            "Catch": [{"ErrorEquals": ["Rds.DbClusterSnapshotAlreadyExistsException"], "Next": "Known"}],
        }  # fmt: skip
        machine = {"StartAt": "Call", "States": {"Call": call, "Known": {"Type": "Pass", "Result": {"known": True}, "End": True}}}
        states = client("stepfunctions")
        role = client("iam").create_role(RoleName=self.database, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        arn = states.create_state_machine(name=f"m-{uuid.uuid4().hex[:8]}", definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
        outputs = []
        for _ in range(2):
            execution = states.start_execution(stateMachineArn=arn, input=json.dumps({"cluster": self.cluster}))["executionArn"]
            for _ in range(1000):
                described = states.describe_execution(executionArn=execution)
                if described["status"] != "RUNNING":
                    break
                time.sleep(0.02)
            outputs.append(json.loads(described["output"]))
        self.assertEqual(outputs[0]["DbClusterSnapshot"]["Status"], "available")
        self.assertEqual(outputs[1], {"known": True})
