"""What each role of a pipeline is there for, by the logical ids of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secure_containers.testing import Allow

HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
CONNECT = [
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
]
_TRACE = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
_KIND = "batch-job-kind"


@dataclass(frozen=True, kw_only=True)
class PipelineRoles:
    """A pipeline with an environment of its own."""

    id: str
    kind: str
    """The tag of its jobs."""
    queue: str = "Standard"
    prefix: str = "uploads/"

    def by_role(self) -> dict[str, Sequence[Allow]]:
        """All roles that such a pipeline has."""
        made = {
            "IntakeRole": self.intake(),
            "JobsWatchQueueWatchRole": self._count_jobs(),
            "ReconcilerRole": self.reconciler(),
            "RecorderRole": self.recorder(),
            "TransformRole": self.job(),
        }
        return {f"{self.id}{name}": allowed for name, allowed in made.items()}

    def intake(self) -> Sequence[Allow]:
        items = self._items("dynamodb:PutItem", "dynamodb:UpdateItem")
        return [*self._function("Intake"), *self._submit(), *self._queue("Intake"), items, self.key("dynamodb")]

    def recorder(self) -> Sequence[Allow]:
        items = self._items("dynamodb:UpdateItem")
        return [*self._function("Recorder"), *self._queue("Recorder"), items, self.key("dynamodb")]

    def reconciler(self) -> Sequence[Allow]:
        below = {"StringEquals": {"s3:prefix": self.prefix}}
        items = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        return [
            *self._function("Reconciler"),
            *self._submit(),
            self._items(*items, also=[f"reconciler of {self._objects}"]),
            Allow("dynamodb:Query", f"{self._of('Results')}/index/by-status"),
            self.key("dynamodb"),
            Allow("s3:ListBucketVersions", self._of("Uploads"), conditions=below),
            Allow(["batch:DescribeJobs", "batch:ListJobs"], "*"),
        ]

    @property
    def _objects(self) -> str:
        return f"s3://${{{self.id}Uploads}}/{self.prefix}"

    def _items(self, *actions: str, also: Sequence[str] = ()) -> Allow:
        """Items of its own objects, and no others in the table."""
        own = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{self._objects}*", *also]}}
        return Allow(list(actions), self._of("Results"), conditions=own)

    def notifier(self, topic: str, key: str) -> Sequence[Allow]:
        records = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
        return [
            *self._function("Notifier"),
            Allow(records, f"${{{self.id}Results.StreamArn}}"),
            Allow("dynamodb:ListStreams", "*"),
            self.key("dynamodb"),
            Allow("sqs:SendMessage", self._of("WatchAlarmsUndeliveredEvents")),
            Allow("sns:Publish", f"${{{topic}}}"),
            through("sns", key, "kms:Decrypt", "kms:GenerateDataKey"),
        ]

    def job(self, *, scanned: bool = False) -> Sequence[Allow]:
        clean = {"StringEquals": {"s3:ExistingObjectTag/GuardDutyMalwareScanStatus": "NO_THREATS_FOUND"}}
        return [
            Allow(
                "s3:GetObjectVersion", f"{self._of('Uploads')}/{self.prefix}*", conditions=clean if scanned else None
            ),
            self._items("dynamodb:UpdateItem"),
            Allow(["s3:AbortMultipartUpload", "s3:PutObject"], f"{self._of('JobsOutputs')}/Jobs/Transform/*"),
            self.key("s3", "kms:Decrypt", "kms:GenerateDataKey"),
            self.key("dynamodb"),
        ]

    def key(self, service: str, *actions: str) -> Allow:
        """To use the pipeline's key by one service."""
        return through(service, f"{self.id}JobsKey", *(actions or ("kms:Decrypt",)))

    def _of(self, part: str) -> str:
        return f"${{{self.id}{part}.Arn}}"

    def _function(self, name: str) -> Sequence[Allow]:
        write = Allow(["logs:CreateLogStream", "logs:PutLogEvents"], self._of(f"{name}Logs"))
        return [write, Allow(CONNECT, "*"), Allow(_TRACE, "*")]

    def _queue(self, name: str) -> Sequence[Allow]:
        read = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        return [Allow(read, self._of(f"{name}Queue"))]

    def _submit(self) -> Sequence[Allow]:
        tagged = {
            "StringEquals": {f"aws:RequestTag/{_KIND}": self.kind},
            "ForAllValues:StringEquals": {"aws:TagKeys": _KIND},
            "Null": {f"aws:ResourceTag/{_KIND}": "true"},
        }
        definition = HERE % ("batch", f"job-definition/${{{self.id}TransformDefinition.JobDefinitionName}}")
        queue = f"${{{self.id}Jobs{self.queue}Queue}}"
        return [
            Allow("batch:SubmitJob", [definition, f"{definition}:*", queue]),
            Allow("batch:TagResource", HERE % ("batch", "job/*"), conditions=tagged),
        ]

    def _count_jobs(self) -> Sequence[Allow]:
        queues = [f"${{{self.id}Jobs{name}Queue}}" for name in ("Critical", "Standard")]
        return [
            Allow(["logs:CreateLogStream", "logs:PutLogEvents"], self._of("JobsWatchQueueWatchLogs")),
            Allow(["batch:DescribeJobs", "batch:ListJobs"], "*"),
            Allow("batch:GetJobQueueSnapshot", queues),
        ]


def through(service: str, key: str, *actions: str) -> Allow:
    """To use a key by one service."""
    via = {"StringEquals": {"kms:ViaService": f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}"}}
    return Allow(actions, f"${{{key}.Arn}}", conditions=via)
