"""The code of the custom resources, with clients that answer as AWS does; nothing here leaves the machine."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from secure_containers.custom_resources import answer, inspector, network, service_linked_role

EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://cloudformation-custom-resource-response.example/answer",
    "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/Test/1",
    "RequestId": "request-1",
    "LogicalResourceId": "Inspector",
    "ResourceProperties": {"ServiceToken": "arn", "Action": "Anything"},
}


class DeniedError(Exception):
    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


class Context:
    def __init__(self, seconds: float = 120) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Response:
    def close(self) -> None: ...


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    for module in (answer, inspector, service_linked_role):
        monkeypatch.setattr(module.time, "sleep", found.append)
    return found


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, sleeps: list[float]) -> list[urllib.request.Request]:
    found: list[urllib.request.Request] = []

    def put(request: urllib.request.Request, *, timeout: float) -> Response:
        found.append(request)
        return Response()

    monkeypatch.setattr(urllib.request, "urlopen", put)
    monkeypatch.setitem(os.environ, "JOB", "secure_containers.custom_resources.network")
    return found


def job(monkeypatch: pytest.MonkeyPatch, perform: Callable[..., dict[str, str]]) -> None:
    monkeypatch.setattr(network, "perform", perform)


def answered(answers: list[urllib.request.Request]) -> dict[str, Any]:
    (request,) = answers
    assert request.method == "PUT"
    assert request.full_url == EVENT["ResponseURL"]
    assert request.get_header("Content-type") == ""
    assert isinstance(request.data, bytes)
    assert len(request.data) <= 4096
    return json.loads(request.data)


class TestAnswer:
    def test_what_the_job_returns_are_attributes(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request]
    ) -> None:
        job(monkeypatch, lambda properties, remaining: {"s3": "pl-1", "left": str(remaining())})
        answer.handler(EVENT, Context())
        assert answered(answers) == {
            "Status": "SUCCESS",
            "Reason": "done",
            "PhysicalResourceId": "Inspector",
            "StackId": EVENT["StackId"],
            "RequestId": "request-1",
            "LogicalResourceId": "Inspector",
            "Data": {"s3": "pl-1", "left": "105.0"},
        }

    def test_an_update_keeps_the_id(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request]
    ) -> None:
        job(monkeypatch, lambda properties, remaining: {})
        answer.handler({**EVENT, "RequestType": "Update", "PhysicalResourceId": "first"}, Context())
        assert answered(answers)["PhysicalResourceId"] == "first"

    def test_a_failure_is_told_with_its_reason(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request]
    ) -> None:
        def perform(properties: object, remaining: object) -> dict[str, str]:
            raise LookupError("no such thing " + "x" * 9000)

        job(monkeypatch, perform)
        answer.handler(EVENT, Context())
        told = answered(answers)
        assert told["Status"] == "FAILED"
        assert told["Reason"].startswith("LookupError: no such thing xxx")
        assert len(told["Reason"]) == 500

    def test_a_long_reason_of_wide_letters_fits_too(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request]
    ) -> None:
        def perform(properties: object, remaining: object) -> dict[str, str]:
            raise LookupError("\U0001f511" * 5000)

        job(monkeypatch, perform)
        answer.handler(EVENT, Context())
        assert answered(answers)["Status"] == "FAILED"

    def test_attributes_that_do_not_fit_are_a_failure(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request]
    ) -> None:
        job(monkeypatch, lambda properties, remaining: {"long": "x" * 5000})
        answer.handler(EVENT, Context())
        told = answered(answers)
        assert (told["Status"], told["Data"]) == ("FAILED", {})

    def test_a_module_that_is_missing_is_told(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request]
    ) -> None:
        monkeypatch.setitem(os.environ, "JOB", "secure_containers.custom_resources.nothing")
        answer.handler(EVENT, Context())
        assert answered(answers)["Status"] == "FAILED"

    @pytest.mark.parametrize("id", ["first", None])
    def test_a_deletion_does_nothing_and_succeeds(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request], id: str | None
    ) -> None:
        def perform(properties: object, remaining: object) -> dict[str, str]:
            raise AssertionError("nothing is done")

        job(monkeypatch, perform)
        answer.handler({**EVENT, "RequestType": "Delete", "PhysicalResourceId": id}, Context())
        told = answered(answers)
        assert told["Status"] == "SUCCESS"
        assert told["Reason"] == "nothing is undone: what was set stays as it is"
        assert told["PhysicalResourceId"] == (id or "Inspector")

    def test_a_denied_call_is_tried_again_until_the_role_is_known(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request], sleeps: list[float]
    ) -> None:
        left = [DeniedError("AccessDeniedException"), DeniedError("UnauthorizedOperation")]

        def perform(properties: object, remaining: object) -> dict[str, str]:
            if left:
                raise left.pop()
            return {}

        job(monkeypatch, perform)
        answer.handler(EVENT, Context())
        assert answered(answers)["Status"] == "SUCCESS"
        assert sleeps == [5, 10]

    def test_a_call_that_stays_denied_is_a_failure(
        self, monkeypatch: pytest.MonkeyPatch, answers: list[urllib.request.Request], sleeps: list[float]
    ) -> None:
        def perform(properties: object, remaining: object) -> dict[str, str]:
            raise DeniedError("AccessDenied", "not authorized to perform inspector2:Enable")

        job(monkeypatch, perform)
        answer.handler(EVENT, Context())
        assert "not authorized to perform inspector2:Enable" in answered(answers)["Reason"]
        assert sleeps == [5, 10, 15]

    def test_the_answer_is_sent_again_if_it_does_not_get_through(
        self, monkeypatch: pytest.MonkeyPatch, sleeps: list[float]
    ) -> None:
        tries = []

        def put(request: urllib.request.Request, *, timeout: float) -> Response:
            tries.append(request)
            if len(tries) < 3:
                raise urllib.error.URLError("reset")
            return Response()

        monkeypatch.setattr(urllib.request, "urlopen", put)
        answer.handler({**EVENT, "RequestType": "Delete"}, Context())
        assert len(tries) == 3

    def test_what_never_gets_through_is_an_error_of_the_function(
        self, monkeypatch: pytest.MonkeyPatch, sleeps: list[float]
    ) -> None:
        def put(request: urllib.request.Request, *, timeout: float) -> Response:
            raise urllib.error.URLError("reset")

        monkeypatch.setattr(urllib.request, "urlopen", put)
        with pytest.raises(urllib.error.URLError):
            answer.handler({**EVENT, "RequestType": "Delete"}, Context())


def test_the_answer_arrives_without_a_content_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation signs the URL without one; a real server on this machine stands for its bucket."""
    got: list[tuple[str | None, bytes]] = []

    class Bucket(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            got.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Bucket) as server:
        Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/answer"
        answer.handler({**EVENT, "RequestType": "Delete", "ResponseURL": url}, Context())
    ((content_type, body),) = got
    assert not content_type
    assert json.loads(body)["Status"] == "SUCCESS"


class Ec2:
    def __init__(self, groups: list[dict[str, Any]] | None = None, lists: list[dict[str, str]] | None = None) -> None:
        self.groups, self.lists = groups or [], lists or []
        self.revoked: list[tuple[str, str, Any]] = []
        self.unknown: list[Any] = []
        self.filters: Any = None

    def describe_security_groups(self, *, Filters: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.filters = Filters
        return {"SecurityGroups": self.groups}

    def revoke_security_group_ingress(self, *, GroupId: str, IpPermissions: Any) -> dict[str, Any]:  # noqa: N803
        self.revoked.append(("ingress", GroupId, IpPermissions))
        return {"UnknownIpPermissions": self.unknown}

    def revoke_security_group_egress(self, *, GroupId: str, IpPermissions: Any) -> dict[str, Any]:  # noqa: N803
        self.revoked.append(("egress", GroupId, IpPermissions))
        return {}

    def describe_managed_prefix_lists(self, *, Filters: Any) -> dict[str, Any]:  # noqa: N803
        self.filters = Filters
        return {"PrefixLists": self.lists}


ANY = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


class TestNetwork:
    def test_every_rule_of_the_default_group_goes(self) -> None:
        ec2 = Ec2([{"GroupId": "sg-1", "IpPermissions": ANY, "IpPermissionsEgress": ANY}])
        assert network.close_default_group(ec2, "vpc-1") == {"GroupId": "sg-1"}
        assert ec2.revoked == [("ingress", "sg-1", ANY), ("egress", "sg-1", ANY)]
        assert ec2.filters == [
            {"Name": "vpc-id", "Values": ["vpc-1"]},
            {"Name": "group-name", "Values": ["default"]},
        ]

    def test_a_second_time_there_is_nothing_to_do(self) -> None:
        ec2 = Ec2([{"GroupId": "sg-1", "IpPermissions": [], "IpPermissionsEgress": []}])
        network.close_default_group(ec2, "vpc-1")
        assert ec2.revoked == []

    def test_a_group_that_cannot_be_seen_is_told(self) -> None:
        with pytest.raises(LookupError, match="vpc-1 has 0 default security groups"):
            network.close_default_group(Ec2(), "vpc-1")

    def test_a_rule_that_stays_is_told(self) -> None:
        ec2 = Ec2([{"GroupId": "sg-1", "IpPermissions": ANY, "IpPermissionsEgress": []}])
        ec2.unknown = ANY
        with pytest.raises(RuntimeError, match="rules could not be revoked"):
            network.close_default_group(ec2, "vpc-1")

    @pytest.mark.parametrize("prefix", ["com.amazonaws", "cn.com.amazonaws", "eu.amazonaws"])
    def test_prefix_lists_are_found_in_every_partition(self, prefix: str) -> None:
        lists = [
            {"PrefixListName": f"{prefix}.eu-central-1.{service}", "PrefixListId": f"pl-{service}", "OwnerId": "AWS"}
            for service in ("s3", "dynamodb")
        ]
        ec2 = Ec2(lists=lists)
        assert network.prefix_lists(ec2, "eu-central-1") == {"s3": "pl-s3", "dynamodb": "pl-dynamodb"}
        assert "com.amazonaws.eu-central-1.s3" in ec2.filters[0]["Values"]

    def test_a_list_of_somebody_else_is_not_taken(self) -> None:
        lists = [
            {"PrefixListName": f"com.amazonaws.eu-central-1.{service}", "PrefixListId": "pl-evil", "OwnerId": "1"}
            for service in ("s3", "dynamodb")
        ]
        with pytest.raises(LookupError, match="AWS has no prefix list of s3 and dynamodb in eu-central-1"):
            network.prefix_lists(Ec2(lists=lists), "eu-central-1")

    def test_the_action_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ec2 = Ec2([{"GroupId": "sg-1", "IpPermissions": [], "IpPermissionsEgress": []}])
        monkeypatch.setattr(network, "client", lambda: ec2)
        closed = network.perform({"Action": "ClosedDefaultSecurityGroup", "VpcId": "vpc-1"}, remaining=lambda: 60)
        assert closed == {"GroupId": "sg-1"}
        with pytest.raises(LookupError):
            network.perform({"Action": "PrefixLists", "Region": "eu-central-1"}, remaining=lambda: 60)
        with pytest.raises(ValueError, match="there is no action 'Other'"):
            network.perform({"Action": "Other"}, remaining=lambda: 60)


class Inspector:
    """Answers one status after the other, the last one for ever."""

    def __init__(self, *statuses: str, failed: list[dict[str, str]] | None = None) -> None:
        self.statuses = list(statuses)
        self.failed = failed or []
        self.enabled: list[list[str]] = []

    def batch_get_account_status(self) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        state = {each: {"status": status} for each in ("ecr", "ec2", "lambda")}
        return {"accounts": [{"accountId": "111122223333", "resourceState": state}], "failedAccounts": []}

    def enable(self, *, resourceTypes: list[str]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.enabled.append(resourceTypes)
        return {"accounts": [], "failedAccounts": self.failed}


TYPES = ["ECR", "EC2", "LAMBDA"]


class TestInspector:
    def test_it_is_turned_on_and_waited_for(self, sleeps: list[float]) -> None:
        client = Inspector("DISABLED", "ENABLING", "ENABLING", "ENABLED")
        assert inspector.enable(client, TYPES, remaining=lambda: 60) == {"EnabledNow": "ECR,EC2,LAMBDA"}
        assert client.enabled == [TYPES]
        assert len(sleeps) == 2

    @pytest.mark.parametrize("status", ["ENABLED", "ENABLING"])
    def test_what_is_on_is_left_alone(self, sleeps: list[float], status: str) -> None:
        client = Inspector(status, "ENABLED")
        assert inspector.enable(client, TYPES, remaining=lambda: 60) == {"EnabledNow": ""}
        assert client.enabled == []

    @pytest.mark.parametrize("code", ["ALREADY_ENABLED", "ENABLE_IN_PROGRESS"])
    def test_somebody_else_who_turns_it_on_is_welcome(self, sleeps: list[float], code: str) -> None:
        client = Inspector("DISABLED", "ENABLED", failed=[{"accountId": "1", "errorCode": code}])
        inspector.enable(client, TYPES, remaining=lambda: 60)

    def test_a_failure_within_a_success_is_told(self, sleeps: list[float]) -> None:
        failed = [{"accountId": "1", "errorCode": "BLOCKED_BY_ORGANIZATION_POLICY", "errorMessage": "no"}]
        client = Inspector("DISABLED", failed=failed)
        with pytest.raises(
            RuntimeError, match="Amazon Inspector could not be turned on: BLOCKED_BY_ORGANIZATION_POLICY no"
        ):
            inspector.enable(client, TYPES, remaining=lambda: 60)

    def test_time_that_runs_out_is_told_before_it_is_over(self, sleeps: list[float]) -> None:
        left = iter([60.0, 30.0, 4.0])
        with pytest.raises(TimeoutError, match=r"not on yet: \{'ECR': 'ENABLING'.*deploy again"):
            inspector.enable(Inspector("DISABLED", "ENABLING"), TYPES, remaining=lambda: next(left))
        assert len(sleeps) == 2

    def test_an_account_that_inspector_does_not_know_has_it_off(self, sleeps: list[float]) -> None:
        class Unknown(Inspector):
            def batch_get_account_status(self) -> dict[str, Any]:
                return super().batch_get_account_status() if self.enabled else {"accounts": []}

        client = Unknown("ENABLED")
        inspector.enable(client, ["ECR"], remaining=lambda: 60)
        assert client.enabled == [["ECR"]]

    @pytest.mark.parametrize(
        "code",
        [
            "DISABLE_IN_PROGRESS",
            "EVENTBRIDGE_THROTTLED",
            "EVENTBRIDGE_UNAVAILABLE",
            "INTERNAL_ERROR",
            "SSM_THROTTLED",
            "SSM_UNAVAILABLE",
        ],
    )
    def test_a_failure_that_passes_is_tried_again(self, sleeps: list[float], code: str) -> None:
        class Busy(Inspector):
            def enable(self, *, resourceTypes: list[str]) -> dict[str, Any]:  # noqa: N803 - boto3's names
                answer = super().enable(resourceTypes=resourceTypes)
                self.failed = self.failed[1:]
                return answer

        failed = [{"accountId": "1", "errorCode": code}]
        client = Busy("DISABLED", "DISABLED", "ENABLED", failed=failed)
        assert inspector.enable(client, TYPES, remaining=lambda: 60) == {"EnabledNow": "ECR,EC2,LAMBDA"}
        assert client.enabled == [TYPES, TYPES]

    def test_a_failure_that_never_passes_is_told_in_time(self, sleeps: list[float]) -> None:
        left = iter([60.0, 30.0, 4.0])
        client = Inspector("DISABLED", failed=[{"accountId": "1", "errorCode": "INTERNAL_ERROR"}])
        with pytest.raises(TimeoutError, match=r"'DISABLED'\} \(INTERNAL_ERROR\); deploy again"):
            inspector.enable(client, TYPES, remaining=lambda: next(left))
        assert client.enabled == [TYPES] * 3

    def test_failures_of_the_first_look_do_not_matter(self, sleeps: list[float]) -> None:
        class Unknown(Inspector):
            def batch_get_account_status(self) -> dict[str, Any]:
                if self.enabled:
                    return super().batch_get_account_status()
                return {"accounts": [], "failedAccounts": [{"accountId": "1", "errorCode": "RESOURCE_NOT_FOUND"}]}

        client = Unknown("ENABLED")
        inspector.enable(client, ["ECR"], remaining=lambda: 60)
        assert client.enabled == [["ECR"]]

    def test_a_failure_of_a_later_look_is_told(self, sleeps: list[float]) -> None:
        class Removed(Inspector):
            def batch_get_account_status(self) -> dict[str, Any]:
                failed = [{"accountId": "1", "errorCode": "ACCESS_DENIED"}] if self.enabled else []
                return {**super().batch_get_account_status(), "failedAccounts": failed}

        with pytest.raises(RuntimeError, match="ACCESS_DENIED"):
            inspector.enable(Removed("DISABLED"), TYPES, remaining=lambda: 60)

    def test_its_properties_name_the_types(self, monkeypatch: pytest.MonkeyPatch, sleeps: list[float]) -> None:
        client = Inspector("DISABLED", "ENABLED")
        monkeypatch.setattr(inspector, "client", lambda: client)
        inspector.perform({"ResourceTypes": ["ECR"]}, remaining=lambda: 60)
        assert client.enabled == [["ECR"]]

    def test_nothing_here_can_turn_it_off(self) -> None:
        assert not any("disable" in name.lower() for name in vars(inspector))


class Iam:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.made: list[str] = []

    def create_service_linked_role(self, *, AWSServiceName: str) -> None:  # noqa: N803 - boto3's names
        if self.error:
            raise self.error
        self.made.append(AWSServiceName)


class TestServiceLinkedRole:
    def test_it_is_made_and_given_time_to_be_known(self, monkeypatch: pytest.MonkeyPatch, sleeps: list[float]) -> None:
        iam = Iam()
        monkeypatch.setattr(service_linked_role, "client", lambda: iam)
        made = service_linked_role.perform({"Service": "config.amazonaws.com"}, remaining=lambda: 60)
        assert made == {"Created": "true"}
        assert iam.made == ["config.amazonaws.com"]
        assert sleeps == [10]

    def test_one_that_exists_is_used(self, sleeps: list[float]) -> None:
        taken = DeniedError("InvalidInput", "Service role name AWSServiceRoleForConfig has been taken in this account.")
        assert service_linked_role.create(Iam(taken), "config.amazonaws.com") == {"Created": "false"}
        assert sleeps == []

    @pytest.mark.parametrize("error", [DeniedError("InvalidInput", "no such service"), DeniedError("AccessDenied")])
    def test_another_error_is_one(self, error: Exception) -> None:
        with pytest.raises(DeniedError):
            service_linked_role.create(Iam(error), "config.amazonaws.com")
