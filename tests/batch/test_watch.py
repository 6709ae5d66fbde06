"""What is seen of jobs: their record, their alarms, their dashboard."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack

from secure_containers import QueueLimits
from tests.batch.conftest import Jobs
from tests.support import concrete, of_type, synthesized


def alarms(jobs: Jobs) -> dict[str, dict[str, Any]]:
    return {id.rstrip("0123456789ABCDEF"): each for id, each in jobs.all("AWS::CloudWatch::Alarm").items()}


def pattern(jobs: Jobs, name: str) -> str:
    (found,) = (
        each["FilterPattern"]
        for each in jobs.all("AWS::Logs::MetricFilter").values()
        if each["MetricTransformations"][0]["MetricName"] == name
    )
    return str(found)


class TestRecord:
    def test_every_event_of_the_queues_is_kept(self, jobs: Jobs) -> None:
        (rule,) = (each for id, each in jobs.all("AWS::Events::Rule").items() if "Record" in id)
        assert rule["State"] == "ENABLED"
        assert set(rule["EventPattern"]["detail-type"]) == {"Batch Job State Change", "Batch Job Queue Blocked"}
        assert len(rule["EventPattern"]["detail"]["jobQueue"]) == 2
        (target,) = rule["Targets"]
        assert concrete(target["Arn"]).split(":log-group:")[1].startswith("EnvWatchEvents")
        assert "DeadLetterConfig" in target

    def test_the_log_group_is_encrypted_and_bounded(self, jobs: Jobs) -> None:
        (group,) = (each for id, each in jobs.all("AWS::Logs::LogGroup").items() if id.startswith("EnvWatchEvents"))
        assert group["RetentionInDays"] == 365
        assert group["KmsKeyId"]["Fn::GetAtt"][0].startswith("EnvKey")

    def test_eventbridge_may_write_to_it_for_rules_of_this_account(self, jobs: Jobs) -> None:
        document = jobs.only("AWS::Logs::ResourcePolicy")["PolicyDocument"]
        text = "".join(part if isinstance(part, str) else "X" for part in document["Fn::Join"][1])
        statements = {each["Action"]: each for each in json.loads(text)["Statement"]}
        assert set(statements) == {"logs:CreateLogStream", "logs:PutLogEvents"}
        for statement in statements.values():
            assert set(statement["Principal"]["Service"]) == {"events.amazonaws.com", "delivery.logs.amazonaws.com"}
        assert "aws:SourceArn" in statements["logs:PutLogEvents"]["Condition"]["ArnLike"]

    def test_two_deployments_of_one_app_do_not_share_its_name(self, app: App) -> None:
        names = set()
        for stage in ("dev", "test"):
            env_stack = Stack(app, stage)
            from secure_containers import LeastPrivilegeBatchEnv, PrivateNetwork  # noqa: PLC0415

            LeastPrivilegeBatchEnv(env_stack, "Env", network=PrivateNetwork(env_stack, "Network"))
        for template in synthesized(app).values():
            (policy,) = of_type(template, "AWS::Logs::ResourcePolicy").values()
            names.add(policy["Properties"]["PolicyName"])
        assert names == {"dev-EventsToLogs", "test-EventsToLogs"}

    def test_environments_of_a_stack_share_one_policy_of_the_ten_of_an_account(self, jobs: Jobs) -> None:
        from secure_containers import LeastPrivilegeBatchEnv  # noqa: PLC0415

        LeastPrivilegeBatchEnv(jobs.stack, "Other", network=jobs.network)
        assert len(jobs.all("AWS::Logs::ResourcePolicy")) == 1


class TestAlarms:
    def test_unasked(self, jobs: Jobs) -> None:
        jobs.add()
        assert set(alarms(jobs)) == {
            "EnvRenderFailed",
            "EnvWatchAlarmsCriticalAge",
            "EnvWatchAlarmsCriticalDepth",
            "EnvWatchAlarmsStandardAge",
            "EnvWatchAlarmsStandardDepth",
            "EnvWatchAlarmsStuck",
            "EnvWatchAlarmsUndelivered",
        }

    def test_each_tells_the_topic_what_it_means(self, jobs: Jobs) -> None:
        jobs.add()
        topic = next(iter(jobs.all("AWS::SNS::Topic")))
        for alarm in alarms(jobs).values():
            assert alarm["AlarmActions"] == [{"Ref": topic}]
            assert "(batch-logs-and-alarms)" in alarm["AlarmDescription"]

    def test_the_failure_of_one_kind_is_told_of_that_kind(self, jobs: Jobs) -> None:
        jobs.add()
        assert pattern(jobs, "Render.Failed") == (
            '{($.detail.status = "FAILED") && ($.detail.jobDefinition = "*/Jobs-Env-Render-55FF8BF8:*")}'
        )
        assert alarms(jobs)["EnvRenderFailed"]["MetricName"] == "Render.Failed"
        assert alarms(jobs)["EnvRenderFailed"]["TreatMissingData"] == "notBreaching"

    @pytest.mark.parametrize(
        "reason", ["CAPACITY:", "MISCONFIGURATION:", "ACTION_REQUIRED", "UNDETERMINED", "JobStateTimeLimit"]
    )
    def test_jobs_that_cannot_start_are_told_of(self, jobs: Jobs, reason: str) -> None:
        assert f'($.detail.statusReason = "*{reason}*")' in pattern(jobs, "Stuck")

    def test_limits_of_queues_are_those_that_were_given(self, app: App) -> None:
        found = alarms(Jobs(app, queue_limits=QueueLimits(jobs=7, age=Duration.minutes(90))))
        assert found["EnvWatchAlarmsStandardDepth"]["Threshold"] == 7
        assert found["EnvWatchAlarmsStandardDepth"]["MetricName"] == "RunnableJobs"
        assert found["EnvWatchAlarmsCriticalAge"]["Threshold"] == 5400
        assert found["EnvWatchAlarmsCriticalAge"]["MetricName"] == "FrontOfQueueAge"

    def test_patterns_of_the_users_are_counted_and_told_of(self, jobs: Jobs) -> None:
        jobs.add(error_patterns={"DiskFull": '"No space left on device"'})
        assert pattern(jobs, "Render.DiskFull") == '"No space left on device"'
        assert alarms(jobs)["EnvRenderDiskFull"]["MetricName"] == "Render.DiskFull"
        (own,) = (
            each
            for each in jobs.all("AWS::Logs::MetricFilter").values()
            if each["MetricTransformations"][0]["MetricName"] == "Render.DiskFull"
        )
        assert own["LogGroupName"]["Ref"].startswith("EnvRenderLogs")

    def test_usual_errors_are_counted_unasked(self, jobs: Jobs) -> None:
        jobs.add()
        words = pattern(jobs, "Render.Errors")
        assert {"?ERROR", "?Traceback", "?OutOfMemory", "?panic"} <= set(words.split())


class TestTopic:
    def test_alarms_of_this_account_publish_and_nobody_else(self, jobs: Jobs) -> None:
        (policy,) = (each for id, each in jobs.all("AWS::SNS::TopicPolicy").items() if id.startswith("Env"))
        allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
        assert [each["Principal"] for each in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
        assert set(allowed[0]["Condition"]) == {"StringEquals", "ArnLike"}


class TestQueueWatch:
    def test_it_asks_for_the_environments_queues_and_may_do_nothing_else(self, jobs: Jobs) -> None:
        (function,) = (each for id, each in jobs.all("AWS::Lambda::Function").items() if "QueueWatch" in id)
        assert function["Handler"] == "handler.handler"
        queues = function["Environment"]["Variables"]["QUEUES"]["Fn::Join"][1]
        assert [part["Ref"] for part in queues if isinstance(part, dict)] == list(jobs.all("AWS::Batch::JobQueue"))
        (policy,) = (each for id, each in jobs.all("AWS::IAM::ManagedPolicy").items() if "QueueWatch" in id)
        actions = [each["Action"] for each in policy["PolicyDocument"]["Statement"]]
        assert actions == [
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            "batch:GetJobQueueSnapshot",
            ["batch:DescribeJobs", "batch:ListJobs"],
        ]

    def test_it_runs_every_five_minutes_and_its_silence_is_told_of(self, jobs: Jobs) -> None:
        (rule,) = (each for id, each in jobs.all("AWS::Events::Rule").items() if "EveryFiveMinutes" in id)
        assert rule["ScheduleExpression"] == "rate(5 minutes)"
        for queue in ("Critical", "Standard"):  # whatever keeps the function from counting, its metric ends
            alarm = alarms(jobs)[f"EnvWatchAlarms{queue}Depth"]
            assert alarm["TreatMissingData"] == "missing"
            assert alarm["InsufficientDataActions"] == alarm["AlarmActions"]

    def test_it_writes_the_metrics_that_the_alarms_read(self, jobs: Jobs) -> None:
        (function,) = (each for id, each in jobs.all("AWS::Lambda::Function").items() if "QueueWatch" in id)
        namespace = function["Environment"]["Variables"]["NAMESPACE"]
        assert alarms(jobs)["EnvWatchAlarmsStandardAge"]["Namespace"] == namespace
        assert [each["Name"] for each in alarms(jobs)["EnvWatchAlarmsStandardAge"]["Dimensions"]] == ["JobQueueName"]


class TestDashboard:
    def body(self, jobs: Jobs) -> str:
        (board,) = of_type(jobs.template, "AWS::CloudWatch::Dashboard").values()
        return "".join(
            part if isinstance(part, str) else "X" for part in board["Properties"]["DashboardBody"]["Fn::Join"][1]
        )

    def test_the_life_of_jobs_is_on_one_page(self, jobs: Jobs) -> None:
        jobs.add("One")
        jobs.add("Two")
        body = self.body(jobs)
        json.loads(body)
        for metric in ("Submitted", "MovedToRunnable", "MovedToRunning", "MovedToSucceeded", "MovedToFailed"):
            assert f'"Jobs{metric}"' in body
        for metric in ("One.Failed", "Two.Failed", "One.Errors", "RunnableJobs", "FrontOfQueueAge"):
            assert f'"{metric}"' in body

    def test_failures_are_listed_with_their_log_streams(self, jobs: Jobs) -> None:
        assert "detail.container.logStreamName" in self.body(jobs)
        assert 'detail.status = \\"FAILED\\"' in self.body(jobs)
