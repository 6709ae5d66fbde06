"""What log groups that AWS makes by itself get, with a client that answers as AWS does."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from secure_containers import Pack, enforce
from secure_containers.custom_resource import kept_log_groups
from secure_containers.custom_resources import answer, log_groups
from secure_containers.logs import RETENTION_DAYS, allow_logs
from secure_containers.testing import Allow, assert_denied, assert_only_allows
from tests.support import ACCOUNT, CONTEXT, REGION, of_type, only, open_ids, synthesized

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d"
NAMES = ("/aws/apprunner/orders/1/application", "/aws/apprunner/orders/1/service")


class Refused(Exception):  # noqa: N818 - AWS's errors are called so too
    """An error of AWS's, as botocore raises it."""

    def __init__(self) -> None:
        super().__init__(type(self).__name__)
        self.response = {"Error": {"Code": type(self).__name__, "Message": ""}}


class ResourceAlreadyExistsException(Refused): ...


class OperationAbortedException(Refused): ...


class InvalidParameterException(Refused): ...


class Logs:
    """CloudWatch Logs with some groups, which raises what it is told at the first calls."""

    class exceptions:  # noqa: N801 - as botocore names it
        ResourceAlreadyExistsException = ResourceAlreadyExistsException
        OperationAbortedException = OperationAbortedException

    def __init__(self, *there: str, fails: list[Refused] | None = None) -> None:
        self.groups: dict[str, dict[str, Any]] = {name: {} for name in there}
        self._fails = fails or []

    def create_log_group(self, *, logGroupName: str, kmsKeyId: str) -> None:  # noqa: N803 - boto3's names
        if self._fails:
            raise self._fails.pop()
        if logGroupName in self.groups:
            raise ResourceAlreadyExistsException
        self.groups[logGroupName] = {"key": kmsKeyId}

    def associate_kms_key(self, *, logGroupName: str, kmsKeyId: str) -> None:  # noqa: N803
        self.groups[logGroupName]["key"] = kmsKeyId

    def put_retention_policy(self, *, logGroupName: str, retentionInDays: int) -> None:  # noqa: N803
        self.groups[logGroupName]["days"] = retentionInDays


# As CloudFormation hands it over: every value is a text.
PROPERTIES = {"ServiceToken": "arn", "LogGroups": list(NAMES), "RetentionInDays": "365", "KmsKeyArn": KEY}
KEPT = {name: {"key": KEY, "days": 365} for name in NAMES}


@pytest.fixture
def perform(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the function does for CloudFormation, with a client in the place of AWS."""
    monkeypatch.setattr(answer.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("JOB", "secure_containers.custom_resources.log_groups")

    def done(client: Logs) -> dict[str, str]:
        monkeypatch.setattr(log_groups, "client", lambda: client)
        return answer._performed({"ResourceProperties": PROPERTIES}, lambda: 60)

    return done


class TestFunction:
    @pytest.mark.parametrize("there", [NAMES, NAMES[:1], ()])
    def test_groups_that_are_there_and_groups_that_are_not_yet_end_up_the_same(
        self, perform: Any, there: tuple[str, ...]
    ) -> None:
        client = Logs(*there)
        assert perform(client) == {}
        assert client.groups == KEPT

    def test_a_second_time_changes_nothing(self, perform: Any) -> None:
        client = Logs(*NAMES)
        perform(client)
        perform(client)
        assert client.groups == KEPT

    def test_a_group_that_aws_makes_at_this_moment_is_asked_for_again(self, perform: Any) -> None:
        client = Logs(fails=[OperationAbortedException(), OperationAbortedException()])
        perform(client)
        assert client.groups == KEPT

    def test_one_that_stays_busy_is_told_by_its_name(self, perform: Any) -> None:
        with pytest.raises(LookupError, match=f"{NAMES[0]} is being changed by somebody else: OperationAborted"):
            perform(Logs(fails=[OperationAbortedException() for _ in range(9)]))

    def test_a_key_that_logs_may_not_use_is_told_at_once(self, perform: Any) -> None:
        client = Logs(fails=[InvalidParameterException()])
        with pytest.raises(InvalidParameterException):
            perform(client)
        assert client.groups == {}


def _kept(stack: Stack, retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR, id: str = "Kept") -> None:
    key = stack.node.try_find_child("Key") or kms.Key(stack, "Key", enable_key_rotation=True)
    allow_logs(key, stack)
    kept_log_groups(stack, id, names=NAMES, retention=retention, key=key)


class TestResource:
    def test_the_function_may_set_these_groups_and_no_others(self, app: App, stack: Stack) -> None:
        _kept(stack)
        template = synthesized(app)["Test"]
        arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
        groups = [f"{arn}{name}{rest}" for name in NAMES for rest in ("", ":*")]
        settings = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy"]
        intended = [
            Allow(settings, groups),
            Allow(["logs:CreateLogStream", "logs:PutLogEvents"], "${LogGroupSettingsLogs.Arn}"),
        ]
        assert_only_allows(template, "LogGroupSettingsRole", intended)
        for action in ("logs:DeleteLogGroup", "logs:DisassociateKmsKey", "logs:DeleteRetentionPolicy"):
            group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{NAMES[0]}"
            assert_denied(template, "LogGroupSettingsRole", action, group)

    def test_it_waits_for_its_permissions_and_is_told_all(self, app: App, stack: Stack) -> None:
        _kept(stack, logs.RetentionDays.TWO_WEEKS)
        template = synthesized(app)["Test"]
        kept = only(template, "Custom::KeptLogGroups")
        assert set(kept["DependsOn"]) == set(of_type(template, "AWS::IAM::ManagedPolicy"))
        told = kept["Properties"]
        assert (told["LogGroups"], told["RetentionInDays"]) == (list(NAMES), "14")
        assert told["KmsKeyArn"]["Fn::GetAtt"][1] == "Arn"
        function = only(template, "AWS::Lambda::Function")["Properties"]
        assert function["Environment"] == {"Variables": {"JOB": "log_groups"}}
        assert function["Timeout"] < int(told["ServiceTimeout"])

    def test_two_share_the_function(self, app: App, stack: Stack) -> None:
        _kept(stack)
        _kept(stack, id="Others")
        only(synthesized(app)["Test"], "AWS::Lambda::Function")

    @pytest.mark.parametrize("region", [None, REGION])
    def test_nothing_is_found_that_is_not_waived(self, tmp_path: Any, region: str | None) -> None:
        app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
        enforce(app, packs=[Pack.NIST_800_53_R5])
        _kept(Stack(app, "Test", env=Environment(account=ACCOUNT, region=region) if region else None))
        app.synth()
        assert open_ids(app) == set()


def test_days_are_what_cdk_writes_for_every_time_that_has_an_end(app: App, stack: Stack) -> None:
    ids: dict[logs.RetentionDays, str] = {}
    for each in logs.RetentionDays:
        group: Any = logs.LogGroup(stack, each.name, retention=each)
        ids[each] = stack.get_logical_id(group.node.default_child)
    written = synthesized(app)["Test"]["Resources"]
    days = {each: written[id].get("Properties", {}).get("RetentionInDays") for each, id in ids.items()}
    assert days.pop(logs.RetentionDays.INFINITE) is None
    assert days == RETENTION_DAYS
