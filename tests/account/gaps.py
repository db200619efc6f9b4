"""Calls that Terraform makes and moto lacks, answers that would look like drift, and an instant error for all the rest."""
import json
from typing import Any


def _step_functions() -> None:
    from moto.core.responses import ActionResult
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend
    from moto.stepfunctions.responses import StepFunctionResponse

    def validate(self: Any) -> Any:
        try:
            StepFunctionsParserBackend._validate_definition(definition=self._get_param("definition"))
            found = _dangling(json.loads(self._get_param("definition")))
        except Exception as error:  # the parser raises errors of many kinds
            found = [getattr(error, "message", str(error))]
        diagnostics = [{"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": message} for message in found]
        return ActionResult({"result": "FAIL" if diagnostics else "OK", "diagnostics": diagnostics, "truncated": False})

    StepFunctionResponse.validate_state_machine_definition = validate
    StepFunctionResponse.list_state_machine_versions = lambda self: ActionResult({"stateMachineVersions": []})


def _dangling(machine: dict[str, Any]) -> list[str]:
    """The states that are named and do not exist, in the machine and in those inside of it."""
    states = machine.get("States", {})
    wanted = [machine.get("StartAt")]
    found = []
    for state in states.values():
        wanted += [state.get("Next"), state.get("Default"), *(each.get("Next") for each in [*state.get("Choices", []), *state.get("Catch", [])])]
        inner = [state[name] for name in ("ItemProcessor", "Iterator") if name in state] + state.get("Branches", [])
        for each in inner:
            found += _dangling(each)
    return found + [f"Missing transition target: {name}" for name in wanted if name is not None and name not in states]


def _budgets() -> None:
    from moto.budgets.responses import BudgetsResponse

    tags: dict[str, Any] = {}
    create = BudgetsResponse.create_budget

    def create_budget(self: Any) -> Any:
        tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
        return create(self)

    def subscribers(self: Any) -> str:
        budget, wanted = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")], self._get_param("Notification")
        found = [
            subscriber for notification in budget.notifications
            if all(notification.details.get(key) == wanted.get(key) for key in ("NotificationType", "Threshold"))
            for subscriber in notification.subscribers
        ]  # fmt: skip
        return json.dumps({"Subscribers": found})

    BudgetsResponse.create_budget = create_budget
    BudgetsResponse.describe_subscribers_for_notification = subscribers
    BudgetsResponse.list_tags_for_resource = lambda self: json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN").split("/")[-1], [])})
    BudgetsResponse.tag_resource = lambda self: "{}"
    BudgetsResponse.untag_resource = lambda self: "{}"


def _policies() -> None:
    """A bucket's policy that denies what does not come over TLS must not deny everything: its condition is not looked at here."""
    from moto.iam.access_control import IAMPolicyStatement, PermissionResult

    permitted = IAMPolicyStatement.is_action_permitted

    def is_action_permitted(
        self: Any, action: str, resource: str = "*", principal: str | None = None, incoming_condition_values: dict[str, str] | None = None
    ) -> Any:
        if self._statement.get("Effect") == "Deny" and self._statement.get("Condition") and not incoming_condition_values:
            return PermissionResult.NEUTRAL
        return permitted(self, action, resource, principal, incoming_condition_values)

    IAMPolicyStatement.is_action_permitted = is_action_permitted


def _databases_and_buckets() -> None:
    from moto.moto_api import state_manager
    from moto.rds.models import DBCluster
    from moto.s3.models import FakeDeleteMarker

    described = DBCluster.scaling_configuration_info
    DBCluster.scaling_configuration_info = property(lambda self: described.fget(self) if self.scaling_configuration else None)
    # A bucket with versions is emptied, delete markers too.
    FakeDeleteMarker.dispose = lambda self, garbage=False: None
    state_manager.set_transition("glue::crawl", {"progression": "time", "seconds": 2})


def _unknown_calls() -> None:
    """moto answers what it does not know with a page and status 500, which every SDK tries again for minutes."""
    from moto.core.responses import BaseResponse

    call = BaseResponse.call_action

    def call_action(self: Any) -> Any:
        try:
            return call(self)
        except NotImplementedError as error:
            message = f"the stand-in account does not know this call: {type(self).__name__}: {error}"
            headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": "NotInTheStandInAccount"}
            return 400, headers, json.dumps({"__type": "NotInTheStandInAccount", "message": message})

    BaseResponse.call_action = call_action


def mend() -> None:
    """Fills them all."""
    _step_functions()
    _budgets()
    _policies()
    _databases_and_buckets()
    _unknown_calls()
