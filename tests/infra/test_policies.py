"""What `policies.py` lets through, and what it does not."""
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import policies  # noqa: E402

NAMES = {"tarn-shop", "shop-lake", "tarn_shop"}
HERE = "us-east-1:123456789012"


def state(*given: tuple[str, dict]) -> dict:
    """A state of these resources, each in a module of its own."""
    modules = [
        {"resources": [{"mode": "managed", "type": kind, "address": f"module.m.{kind}.this", "values": values}]} for kind, values in given
    ]
    return {"values": {"root_module": {"resources": [], "child_modules": modules}}}


def statement(**said: object) -> tuple[str, dict]:
    """A role's policy with one statement."""
    return "aws_iam_role_policy", {"policy": json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **said}})}


class Policies(unittest.TestCase):
    def problems(self, *given: tuple[str, dict]) -> list[str]:
        return [each.problem for each in policies.findings(state(*given), NAMES)[0]]

    def test_things_of_the_lake_are_its_own(self) -> None:
        for resource in (
            "arn:aws:s3:::shop-lake", "arn:aws:s3:::shop-lake/source/*", f"arn:aws:glue:{HERE}:table/tarn_shop/*", f"arn:aws:states:{HERE}:execution:tarn-shop-workflow:*",
            f"arn:aws:states:{HERE}:stateMachine:tarn-shop-mart-load-*", f"arn:aws:secretsmanager:{HERE}:secret:shop/slack-??????",
            f"arn:aws:dynamodb:{HERE}:table/of-others/stream/2026-11-01T00:00:00.000", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/tarn-shop-x:*",
        ):  # fmt: skip
            self.assertEqual(self.problems(statement(Action="x:Do", Resource=resource)), [], resource)

    def test_things_of_others_are_found_though_they_are_named_whole(self) -> None:
        for resource in (
            "arn:aws:s3:::other", "arn:aws:s3:::shop-lake-of-others/x", f"arn:aws:glue:{HERE}:table/other/orders", f"arn:aws:athena:{HERE}:workgroup/primary",
            f"arn:aws:lambda:{HERE}:function:other", f"arn:aws:states:{HERE}:stateMachine:tarn-shopping-workflow", f"arn:aws:sqs:{HERE}:other", f"arn:aws:sns:{HERE}:other",
        ):  # fmt: skip
            self.assertEqual(len(self.problems(statement(Action="x:Do", Resource=resource))), 1, resource)
        self.assertEqual(self.problems(statement(Action="glue:GetTable", Resource=f"arn:aws:glue:{HERE}:catalog")), [])
        self.assertEqual(len(self.problems(statement(Action="glue:GetTable", Resource=f"arn:aws:glue:{HERE}:database/default"))), 1)

    def test_what_is_wider_is_found(self) -> None:
        for resource in (
            "*", "arn:aws:s3:::*", "arn:aws:s3:::shop*", "arn:aws:s3:::shop-lake*", "arn:aws:s3:::other/*", f"arn:aws:glue:{HERE}:table/*",
            "arn:aws:states:*:123456789012:stateMachine:tarn-shop-x", "arn:aws:states:us-east-1:*:stateMachine:tarn-shop-x", f"arn:aws:sqs:{HERE}:*-tarn-shop-x",
            f"arn:aws:glue:{HERE}:table/tarn_shopping/*", f"arn:aws:secretsmanager:{HERE}:secret:shop/*",
        ):  # fmt: skip
            self.assertEqual(len(self.problems(statement(Action=["x:Do"], Resource=["arn:aws:s3:::shop-lake", resource]))), 1, resource)

    def test_actions_are_named_whole(self) -> None:
        for action in ("*", "s3:*", "s3:Get*", "s3:GetObjec?"):
            self.assertEqual(len(self.problems(statement(Action=action, Resource="arn:aws:s3:::shop-lake/*"))), 1, action)
        self.assertEqual(len(self.problems(statement(NotAction="s3:PutObject", Resource="arn:aws:s3:::shop-lake/*"))), 1)
        self.assertEqual(len(self.problems(statement(Action="s3:GetObject", NotResource="arn:aws:s3:::shop-lake/*"))), 1)

    def test_what_aws_cannot_bound_is_let_through_with_a_reason_and_with_nothing_else(self) -> None:
        found, unbounded = policies.findings(state(statement(Action=["xray:PutTraceSegments", "s3:ListAllMyBuckets"], Resource="*")), NAMES)
        self.assertEqual([each.problem for each in found], ["`s3:ListAllMyBuckets` on `*`, which is wider than the lake's own"])
        self.assertEqual(list(unbounded), ["xray:PutTraceSegments on *"])

    def test_who_may_call_is_named(self) -> None:
        def queue(**said: object) -> tuple[str, dict]:
            return "aws_sqs_queue_policy", {"policy": json.dumps({"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", **said}]})}

        bound = {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{HERE}:rule/tarn-shop-x"}}
        self.assertEqual(self.problems(queue(Principal={"Service": "events.amazonaws.com"})), [])
        self.assertEqual(self.problems(queue(Principal="*", Condition=bound)), [])
        self.assertEqual(len(self.problems(queue(Principal="*"))), 1)
        self.assertEqual(len(self.problems(queue(Principal={"AWS": "*"}))), 1)
        permission = {"action": "lambda:InvokeFunction", "principal": "s3.amazonaws.com"}
        self.assertEqual(len(self.problems(("aws_lambda_permission", permission))), 1)
        self.assertEqual(self.problems(("aws_lambda_permission", {**permission, "source_arn": "arn:aws:s3:::shop-raw"})), [])

    def test_a_key_is_managed_by_its_account_and_by_nobody_else(self) -> None:
        def key(who: dict) -> tuple[str, dict]:
            return "aws_kms_key", {"policy": json.dumps({"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": who}]})}

        self.assertEqual(self.problems(key({"AWS": "arn:aws:iam::123456789012:root"})), [])
        self.assertEqual(len(self.problems(key({"AWS": "arn:aws:iam::123456789012:role/anybody"}))), 1)
        self.assertEqual(len(self.problems(key({"AWS": ["arn:aws:iam::123456789012:root", "*"]}))), 2)

    def test_a_role_is_one_services_and_one_functions(self) -> None:
        def role(who: dict) -> tuple[str, dict]:
            return "aws_iam_role", {"assume_role_policy": json.dumps({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}]})}

        self.assertEqual(self.problems(role({"Service": "lambda.amazonaws.com"})), [])
        self.assertEqual(len(self.problems(role({"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}))), 1)
        self.assertEqual(len(self.problems(role({"AWS": "arn:aws:iam::123456789012:root"}))), 1)
        function, machine = ("aws_lambda_function", {"role": "arn:aws:iam::1:role/a"}), ("aws_sfn_state_machine", {"role_arn": "arn:aws:iam::1:role/a"})
        self.assertEqual(self.problems(function), [])
        self.assertEqual(len(self.problems(function, machine)), 1)

    def test_what_rds_insists_on_is_let_through_in_the_raw_zone_only(self) -> None:
        self.assertEqual(self.problems(statement(Action="s3:PutObject*", Resource="arn:aws:s3:::shop-lake/raw/aurora-exports/*")), [])
        self.assertEqual(len(self.problems(statement(Action="s3:PutObject*", Resource="arn:aws:s3:::shop-lake/*"))), 1)

    def test_policies_of_aws_are_too_wide(self) -> None:
        attached = {"policy_arn": "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"}
        self.assertEqual(len(self.problems(("aws_iam_role_policy_attachment", attached))), 1)

    def test_names_come_from_what_was_made(self) -> None:
        made = state(("aws_s3_bucket", {"bucket": "b", "tags": {"tarn-lake": "shop"}}), ("aws_athena_workgroup", {"name": "w", "tags": None}))
        self.assertEqual(policies.own_names(made), {"tarn-shop", "b", "w"})


if __name__ == "__main__":
    unittest.main()
