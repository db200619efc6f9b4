"""What runs and what hangs together: functions, state machines, notifications, Firehose, streams, rules."""
import datetime
import io
import json
import sys
import time
import uuid
import zipfile
import zoneinfo
from pathlib import Path
from typing import Any, Callable

import botocore.exceptions

from account.tests.world import Lake, client, server, side


class Services(Lake):
    def setUp(self) -> None:
        super().setUp()
        self.functions, self.machines, self.queues = client("lambda"), client("stepfunctions"), client("sqs")
        self.role = client("iam").create_role(RoleName=self.database, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self.addCleanup(side, "DELETE", "slack")

    def function(self, **more: Any) -> str:
        """Deploys the tests' function; its ARN."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("bootstrap", f"#!{sys.executable}\n" + Path(__file__).with_name("bootstrap.py").read_text())
        variables = {"GREETING": "hello", "NOTES": f"http://127.0.0.1:{server().port}/tarn-account/slack/{self.database}"}
        return self.functions.create_function(
            FunctionName=f"f-{uuid.uuid4().hex[:8]}", Runtime="provided.al2023", Handler="bootstrap", Role=self.role, Architectures=["arm64"],
            Code={"ZipFile": packed.getvalue()}, Environment={"Variables": variables}, **{"Timeout": 10, **more},
        )["FunctionArn"]  # fmt: skip

    def invoke(self, arn: str, event: Any, **more: Any) -> tuple[Any, str | None]:
        answer = self.functions.invoke(FunctionName=arn, Payload=json.dumps(event), **more)
        text = answer["Payload"].read()
        return (json.loads(text) if text else None), answer.get("FunctionError")

    def notes(self) -> list[dict]:
        """The events that the function passed on."""
        return [each["message"]["event"] for each in side("GET", "slack") if each["path"].endswith(self.database)]

    def wait(self, ready: Callable[[], Any]) -> Any:
        for _ in range(1500):
            found = ready()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError("it does not happen")

    def execute(self, definition: dict, given: Any) -> dict:
        machine = self.machines.create_state_machine(name=f"m-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=self.role)["stateMachineArn"]
        execution = self.machines.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

        def ended() -> dict | None:
            described = self.machines.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return self.wait(ended)

    def test_a_function_answers_fails_exits_and_times_out(self) -> None:
        arn = self.function(Timeout=1)
        self.assertEqual(self.invoke(arn, {"a": 1}), ({"echo": {"a": 1}, "greeting": "hello"}, None))
        self.assertEqual(self.invoke(arn, {"fail": "no"}), ({"errorType": "Bad.Input", "errorMessage": "no"}, "Unhandled"))
        self.assertEqual(self.invoke(arn, {"exit": 3})[0]["errorType"], "Runtime.ExitError")
        self.assertIn("Task timed out after 1.00 seconds", self.invoke(arn, {"sleep": 3})[0]["errorMessage"])
        self.assertEqual(self.invoke(arn, {"a": 2})[1], None)

    def test_a_function_is_killed_stalled_and_held_back_on_demand(self) -> None:
        arn = self.function(Timeout=60)
        name = arn.split(":")[-1]
        for fault, kind in [({"crash": "start"}, "Runtime.ExitError"), ({"crash": "end"}, "Runtime.ExitError"), ({"stall": "end"}, "Sandbox.Timedout")]:
            side("POST", "faults", {"function": name, **fault})
            answer, error = self.invoke(arn, {"a": 1})
            self.assertEqual((answer["errorType"], error), (kind, "Unhandled"), fault)
            self.assertEqual(self.invoke(arn, {"a": 2}), ({"echo": {"a": 2}, "greeting": "hello"}, None))
        side("POST", "faults", {"function": name, "throttle": True})
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            self.invoke(arn, {"a": 1})
        self.assertEqual(raised.exception.response["Error"]["Code"], "TooManyRequestsException")
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 429)
        self.assertEqual(self.invoke(arn, {"a": 3})[1], None)
        # A state machine hears of each by the name that AWS gives it.
        task = {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": arn, "Payload.$": "$"}, "End": True,
            "Retry": [{"ErrorEquals": ["Runtime.ExitError", "Sandbox.Timedout", "Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 3}],
        }  # fmt: skip
        for fault in ({"crash": "start"}, {"stall": "start"}, {"throttle": True}):
            side("POST", "faults", {"function": name, **fault})
        side("POST", "clock", {"speed": 60})
        self.addCleanup(side, "DELETE", "clock")
        self.assertEqual(self.execute({"StartAt": "Call", "States": {"Call": task}}, {"a": 4})["status"], "SUCCEEDED")
        self.assertEqual(side("GET", "faults"), [])

    def test_an_alarm_rings_once_and_is_over(self) -> None:
        side("POST", "clock", {"speed": 60})
        self.addCleanup(side, "DELETE", "clock")
        listener, watched = self.function(), self.function()
        topic = client("sns").create_topic(Name=self.database)["TopicArn"]
        client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=listener)
        alarms = client("cloudwatch")
        alarms.put_metric_alarm(
            AlarmName=self.database, Namespace="AWS/Lambda", MetricName="Errors", Dimensions=[{"Name": "FunctionName", "Value": watched.split(":")[-1]}],
            Statistic="Sum", Period=60, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=0, TreatMissingData="notBreaching",
            AlarmActions=[topic], OKActions=[topic],
        )  # fmt: skip

        def heard() -> list[tuple[str, str]]:
            messages = [json.loads(event["Records"][0]["Sns"]["Message"]) for event in self.notes()]
            return [(message["OldStateValue"], message["NewStateValue"]) for message in messages]

        self.wait(lambda: heard() == [("INSUFFICIENT_DATA", "OK")])
        for _ in range(3):
            self.invoke(watched, {"fail": "no"})
        expected = [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]
        self.wait(lambda: heard() == expected)
        alarms.delete_alarms(AlarmNames=[self.database])

    def test_who_is_waited_for_stops_with_who_waits(self) -> None:
        child = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
        child_arn = self.machines.create_state_machine(name=f"{self.database}-child", definition=json.dumps(child), roleArn=self.role)["stateMachineArn"]
        given = {"StateMachineArn": child_arn, "Input": {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"}}
        start = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": given, "End": True}
        parent = {"StartAt": "Start", "States": {"Start": start}}
        parent_arn = self.machines.create_state_machine(name=f"{self.database}-parent", definition=json.dumps(parent), roleArn=self.role)["stateMachineArn"]
        execution = self.machines.start_execution(stateMachineArn=parent_arn)["executionArn"]
        running = self.wait(lambda: self.machines.list_executions(stateMachineArn=child_arn)["executions"])[0]
        self.machines.stop_execution(executionArn=execution)
        self.wait(lambda: self.machines.describe_execution(executionArn=running["executionArn"])["status"] == "ABORTED")
        self.assertEqual(self.machines.describe_execution(executionArn=execution)["status"], "ABORTED")

    def test_a_query_is_stopped_with_the_execution_that_waits_for_it(self) -> None:
        side("POST", "faults", {"statement": "select 4711", "delay": 60})
        asked = {"QueryString": "select 4711", "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"}}
        query = {"Type": "Task", "Resource": "arn:aws:states:::athena:startQueryExecution.sync", "Parameters": asked, "End": True}
        machine = {"StartAt": "Query", "States": {"Query": query}}
        arn = self.machines.create_state_machine(name=self.database, definition=json.dumps(machine), roleArn=self.role)["stateMachineArn"]
        execution = self.machines.start_execution(stateMachineArn=arn)["executionArn"]

        def queries() -> list[dict]:
            found = [self.athena.get_query_execution(QueryExecutionId=each)["QueryExecution"] for each in self.athena.list_query_executions()["QueryExecutionIds"]]
            return [each for each in found if each["Query"] == "select 4711"]

        self.assertIn(self.wait(queries)[0]["Status"]["State"], ("QUEUED", "RUNNING"))
        self.machines.stop_execution(executionArn=execution)
        self.wait(lambda: queries()[0]["Status"]["State"] == "CANCELLED")

    def test_an_event_that_fails_for_good_is_a_dead_letter(self) -> None:
        queue = self.queues.create_queue(QueueName=self.database)["QueueUrl"]
        letters = self.queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        arn = self.function(DeadLetterConfig={"TargetArn": letters})
        self.assertEqual(self.invoke(arn, {"fail": "always"}, InvocationType="Event"), (None, None))
        letter = self.wait(lambda: self.queues.receive_message(QueueUrl=queue).get("Messages"))[0]
        self.assertEqual(json.loads(letter["Body"]), {"fail": "always"})

    def test_an_object_and_a_rule_call_the_function(self) -> None:
        arn = self.function()
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
        )
        self.s3.put_object(Bucket=self.bucket, Key="a b.json", Body=b"{}")
        event = self.wait(self.notes)[0]
        self.assertEqual(event["Records"][0]["s3"]["object"]["key"], "a+b.json")
        self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={})
        side("DELETE", "slack")
        rules = client("events")
        pattern = {"source": ["aws.athena"], "detail": {"currentState": ["SUCCEEDED"], "workgroupName": ["primary"]}}
        rules.put_rule(Name=self.database, EventPattern=json.dumps(pattern))
        machine = {"StartAt": "Wait", "States": {"Wait": {"Type": "Pass", "End": True}}}
        machine_arn = self.machines.create_state_machine(name=self.database, definition=json.dumps(machine), roleArn=self.role)["stateMachineArn"]
        rules.put_targets(Rule=self.database, Targets=[{"Id": "f", "Arn": arn}, {"Id": "m", "Arn": machine_arn, "RoleArn": self.role}])
        query_id = self.query("select 1")["QueryExecutionId"]
        event = self.wait(lambda: [each for each in self.notes() if each["detail"]["queryExecutionId"] == query_id])[0]
        self.assertEqual((event["detail-type"], event["detail"]["previousState"]), ("Athena Query State Change", "RUNNING"))
        rules.remove_targets(Rule=self.database, Ids=["f", "m"])
        execution = self.wait(lambda: self.machines.list_executions(stateMachineArn=machine_arn)["executions"])[0]["executionArn"]
        given = json.loads(self.machines.describe_execution(executionArn=execution)["input"])
        self.assertEqual(given["source"], "aws.athena")

    def test_an_execution_that_fails_is_told(self) -> None:
        rules, queues = client("events"), client("sqs")
        address = queues.create_queue(QueueName=self.database)["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=address, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        failed = {"source": ["aws.states"], "detail": {"status": ["FAILED"]}}
        rules.put_rule(Name=self.database, EventPattern=json.dumps(failed))
        rules.put_targets(Rule=self.database, Targets=[{"Id": "q", "Arn": arn}])
        fails = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Own", "Cause": "because"}}}
        execution = self.execute(fails, {"a": 1})["executionArn"]

        def told() -> list[dict]:
            messages = queues.receive_message(QueueUrl=address, MaxNumberOfMessages=10).get("Messages", [])
            return [each for each in (json.loads(message["Body"]) for message in messages) if each["detail"]["executionArn"] == execution]

        event = self.wait(told)[0]
        self.assertEqual(event["detail-type"], "Step Functions Execution Status Change")
        said = {name: event["detail"][name] for name in ("status", "error", "cause", "input")}
        self.assertEqual(said, {"status": "FAILED", "error": "Own", "cause": "because", "input": '{"a":1}'})
        rules.remove_targets(Rule=self.database, Ids=["q"])

    def test_firehose_transforms_partitions_converts_and_keeps(self) -> None:
        columns = [{"Name": "what", "Type": "string"}, {"Name": "n", "Type": "bigint"}, {"Name": "marked", "Type": "boolean"}]
        self.glue.create_table(DatabaseName=self.database, TableInput={"Name": "events", "StorageDescriptor": {"Columns": columns}})
        firehose, bucket = client("firehose"), f"arn:aws:s3:::{self.bucket}"
        firehose.create_delivery_stream(DeliveryStreamName=self.database, DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration={
            "RoleARN": self.role, "BucketARN": bucket, "Prefix": "lake/day=!{partitionKeyFromLambda:day}/", "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "S3BackupMode": "Enabled", "S3BackupConfiguration": {"RoleARN": self.role, "BucketARN": bucket, "Prefix": "raw/"},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": [
                {"ParameterName": "LambdaArn", "ParameterValue": f"{self.function()}:$LATEST"}]}]},
            "DataFormatConversionConfiguration": {"Enabled": True, "SchemaConfiguration": {
                "RoleARN": self.role, "DatabaseName": self.database, "TableName": "events", "Region": "us-east-1"}},
        })  # fmt: skip
        events = [{"what": "a", "n": 1, "day": "2026-10-30"}, {"what": "b", "n": 2, "day": "2026-10-31"}, {"what": "drop"}, {"what": "bad"}, {"what": "c", "n": "x"}]
        answer = firehose.put_record_batch(DeliveryStreamName=self.database, Records=[{"Data": json.dumps(event).encode()} for event in events])
        self.assertEqual((answer["FailedPutCount"], len(answer["RequestResponses"])), (0, 5))
        self.assertEqual([key.split("/")[1] for key in self.keys("lake/")], ["day=2026-10-30", "day=2026-10-31"])
        self.assertEqual([key.split("/")[1] for key in self.keys("errors/")], ["format-conversion-failed", "processing-failed"])
        raw = self.s3.get_object(Bucket=self.bucket, Key=self.keys("raw/")[0])["Body"].read()
        self.assertEqual(raw, b"".join(json.dumps(event).encode() for event in events))

    def test_firehose_names_prefixes_at_the_clock_of_its_zone(self) -> None:
        firehose, bucket = client("firehose"), f"arn:aws:s3:::{self.bucket}"
        # Of these two one is always on another day than UTC, or both are.
        for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
            name = zone.replace("/", "-").replace("+", "-")
            firehose.create_delivery_stream(DeliveryStreamName=f"{self.database}-{name}", DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration={
                "RoleARN": self.role, "BucketARN": bucket, "Prefix": f"{name}/!{{timestamp:yyyy-MM-dd}}/", "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "CustomTimeZone": zone,
            })  # fmt: skip
            firehose.put_record(DeliveryStreamName=f"{self.database}-{name}", Record={"Data": b"x"})
            today = datetime.datetime.now(zoneinfo.ZoneInfo(zone)).date()
            self.assertEqual(self.keys(f"{name}/")[0].split("/")[1], today.isoformat(), zone)

    def test_a_stream_is_read_in_batches_with_failures_kept(self) -> None:
        tables, queue = client("dynamodb"), self.queues.create_queue(QueueName=self.database)["QueueUrl"]
        table = tables.create_table(
            TableName=self.database, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]  # fmt: skip
        letters = self.queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.functions.create_event_source_mapping(
            FunctionName=self.function(), EventSourceArn=table["LatestStreamArn"], StartingPosition="TRIM_HORIZON", BatchSize=10, MaximumRetryAttempts=1,
            FunctionResponseTypes=["ReportBatchItemFailures"], DestinationConfig={"OnFailure": {"Destination": letters}},
            FilterCriteria={"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT", "MODIFY"]})}]},
        )  # fmt: skip
        for number in range(4):
            item = {"id": {"S": str(number)}, **({"poison": {"S": "x"}} if number == 3 else {})}
            tables.put_item(TableName=self.database, Item=item)
        tables.delete_item(TableName=self.database, Key={"id": {"S": "0"}})
        letter = json.loads(self.wait(lambda: self.queues.receive_message(QueueUrl=queue).get("Messages"))[0]["Body"])
        self.assertEqual(letter["DDBStreamBatchInfo"]["batchSize"], 1)
        records = [record for event in self.notes() for record in event["Records"]]
        self.assertEqual({record["eventName"] for record in records}, {"INSERT"})
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        self.assertEqual((numbers, len(set(numbers))), (sorted(numbers), 4))

    def test_a_machine_asks_athena_in_children_side_by_side(self) -> None:
        child = {
            "QueryLanguage": "JSONata", "StartAt": "Ask", "States": {
                "Ask": {
                    "Type": "Task", "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
                    "Arguments": {"QueryString": "{% $states.input.sql %}", "QueryExecutionContext": {"Database": self.database},
                                  "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"}},
                    "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Failed", "Output": {"cause": "{% $states.errorOutput.Cause %}"}}],
                    "Output": {"state": "{% $states.result.QueryExecution.Status.State %}", "said": "{% $states.input.said %}"}, "End": True,
                },
                "Failed": {"Type": "Fail", "Error": "Model.Failed", "Cause": "{% $states.input.cause %}"},
            },
        }  # fmt: skip
        arn = self.machines.create_state_machine(name=self.database, definition=json.dumps(child), roleArn=self.role)["stateMachineArn"]
        parent = {
            "QueryLanguage": "JSONata", "StartAt": "Each", "States": {
                "Each": {
                    "Type": "Map", "Items": "{% $states.input.statements %}", "MaxConcurrency": 2, "Next": "Count", "Assign": {"asked": "{% $count($states.input.statements) %}"},
                    "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Child", "States": {"Child": {
                        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True,
                        "Arguments": {"StateMachineArn": arn, "Input": {"sql": "{% $states.input %}", "said": 'a "quoted" word'}},
                        "Output": "{% $states.result.Output %}",
                        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Gone", "Output": {"state": "FAILED"}}],
                    }, "Gone": {"Type": "Pass", "End": True}}},
                },
                "Count": {"Type": "Choice", "Choices": [{"Condition": "{% $asked = 2 %}", "Next": "Write"}], "Default": "Wrong"},
                "Write": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "End": True,
                          "Arguments": {"Bucket": self.bucket, "Key": "record.json", "Body": "{% $states.input %}"}, "Output": "{% $states.input %}"},
                "Wrong": {"Type": "Fail"},
            },
        }  # fmt: skip
        ended = self.execute(parent, {"statements": ["select 1", "select nothing from nowhere"]})
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        self.assertEqual(json.loads(ended["output"]), [{"state": "SUCCEEDED", "said": 'a "quoted" word'}, {"state": "FAILED"}])
        self.assertEqual(json.loads(self.s3.get_object(Bucket=self.bucket, Key="record.json")["Body"].read()), json.loads(ended["output"]))

    def test_a_machine_tries_again_and_catches(self) -> None:
        machine = {"StartAt": "Call", "States": {
            "Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": self.function(), "Payload.$": "$"},
                     "Retry": [{"ErrorEquals": ["Bad.Input"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                     "Catch": [{"ErrorEquals": ["Bad.Input"], "ResultPath": "$.error", "Next": "Tell"}], "End": True},
            "Tell": {"Type": "Fail", "Error": "Told", "CausePath": "$.error.Cause"},
        }}  # fmt: skip
        side("DELETE", "journal")
        ended = self.execute(machine, {"fail": "again"})
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Told"))
        self.assertEqual(side("GET", "journal")["lambda"]["Invoke"], 2)

    def test_a_distributed_map_reads_its_items_from_s3(self) -> None:
        self.s3.put_object(Bucket=self.bucket, Key="items.json", Body=json.dumps([{"n": n} for n in range(5)]).encode())
        machine = {"QueryLanguage": "JSONata", "StartAt": "Each", "States": {"Each": {
            "Type": "Map", "End": True, "Output": "{% $states.result %}",
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Arguments": {"Bucket": self.bucket, "Key": "items.json"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Double",
                              "States": {"Double": {"Type": "Pass", "Output": "{% $states.input.n * 2 %}", "End": True}}},
        }}}  # fmt: skip
        ended = self.execute(machine, {})
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        self.assertEqual(json.loads(ended["output"]), [0, 2, 4, 6, 8])

    def test_what_is_unknown_fails_at_once(self) -> None:
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "NotInTheStandInAccount"):
            client("athena").list_engine_versions()
