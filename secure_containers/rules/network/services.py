"""AWS services as private networks reach them: their endpoints, who needs them, and what they take.

One table for the constructs, the rules and the documents. Policy support is what each service's own guide says; None
where no page of AWS was found that tells, so that neither a policy is written nor its absence reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Service:
    """One VPC endpoint service of AWS."""

    name: str
    """As its endpoint is called, such as `ecr.api`."""
    iam: tuple[str, ...] = ()
    """The prefixes of the IAM actions that are called through it."""
    hosts: tuple[str, ...] = ()
    """The first part of its host names, where that is not its name."""
    policy: bool | None = True
    """Whether the endpoint takes a policy."""
    private_dns: bool = True
    """Whether the service's own host names can lead to the endpoint."""
    fips: bool = False
    """Whether there is an endpoint service `<name>-fips`."""
    gateway: bool = False
    """Whether there is a gateway endpoint, free of charge, which route tables lead to."""


_ALL: Final = (
    Service("s3", ("s3",), gateway=True),
    Service("dynamodb", ("dynamodb",), gateway=True),
    Service("access-analyzer", ("access-analyzer",), policy=None),
    Service("acm-pca", ("acm-pca",), fips=True),
    Service("apprunner", ("apprunner",), policy=None),
    Service("apprunner.requests", policy=False, private_dns=False),
    Service("appconfigdata", ("appconfig",)),
    Service("aps-workspaces", ("aps",), policy=False),
    Service("athena", ("athena",)),
    Service("autoscaling", ("autoscaling",)),
    Service("batch", ("batch",)),
    Service("bedrock-runtime", ("bedrock",), fips=True),
    Service("cloudformation", ("cloudformation",)),
    Service("cloudtrail", ("cloudtrail",), policy=None),
    Service("codebuild", ("codebuild",), fips=True),
    Service("config", ("config",)),
    Service("ec2", ("ec2",)),
    Service("ec2messages", ("ec2messages",)),
    Service("ecr.api", ("ecr",), hosts=("api.ecr",)),
    Service("ecr.dkr", hosts=("dkr.ecr",)),
    Service("ecs", ("ecs",)),
    Service("ecs-agent", hosts=("ecs-a",)),
    Service("ecs-telemetry", hosts=("ecs-t",)),
    Service("eks", ("eks",), policy=None),
    Service("eks-auth", ("eks-auth",), policy=None),
    Service("elasticfilesystem", (), fips=True),
    Service("elasticloadbalancing", ("elasticloadbalancing",)),
    Service("events", ("events",)),
    Service("execute-api", ("execute-api",)),
    Service("glue", ("glue",), policy=None),
    Service("guardduty-data", (), fips=True),
    Service("inspector2", ("inspector2",), policy=None),
    Service("kinesis-firehose", ("firehose",), hosts=("firehose",)),
    Service("kinesis-streams", ("kinesis",), hosts=("kinesis",), fips=True),
    Service("kms", ("kms",), fips=True),
    Service("lambda", ("lambda",)),
    Service("logs", ("logs",)),
    Service("monitoring", ("cloudwatch",)),
    Service("rds-data", ("rds-data",)),
    Service("secretsmanager", ("secretsmanager",)),
    Service("securityhub", ("securityhub",), policy=None),
    Service("servicediscovery", ("servicediscovery",), fips=True),
    Service("signer", ("signer",), policy=None),
    Service("sns", ("sns",)),
    Service("sqs", ("sqs",), fips=True),
    Service("ssm", ("ssm",), fips=True),
    Service("ssmmessages", ("ssmmessages",)),
    Service("states", ("states",)),
    Service("sts", ("sts",), fips=True),
    Service("textract", ("textract",), fips=True),
    Service("xray", ("xray",)),
)
SERVICES: Final[Mapping[str, Service]] = {service.name: service for service in _ALL}
"""Every service that the library knows by its endpoint's name."""
GATEWAYS: Final = tuple(service.name for service in _ALL if service.gateway)

PULL_SERVICES: Final = ("ecr.api", "ecr.dkr", "s3")
"""What pulling an image from a private registry takes: the API, the registry itself and, for the layers, S3."""
HOST_SERVICES: Final = ("ecs", "ecs-agent", "ecs-telemetry")
"""What an EC2 instance of an ECS cluster, or of Batch, takes besides."""

BY_IAM_PREFIX: Final[Mapping[str, Service]] = {prefix: service for service in _ALL for prefix in service.iam}
_BY_HOST: Final[Mapping[str, str]] = {
    host: service.name for service in _ALL for host in (service.hosts or (service.name,))
}

FIPS_REGIONS: Final = re.compile(r"us-(east|west)-[12]|ca-(central|west)-1|us-gov-(east|west)-1")
"""The Regions with FIPS endpoints of the services above."""

PREFIX_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "us-east-1": ("pl-63a5400a", "pl-02cd2c6b"),
    "us-east-2": ("pl-7ba54012", "pl-4ca54025"),
    "us-west-1": ("pl-6ba54002", "pl-6ea54007"),
    "us-west-2": ("pl-68a54001", "pl-00a54069"),
    "ca-central-1": ("pl-7da54014", "pl-4ea54027"),
    "eu-west-1": ("pl-6da54004", "pl-6fa54006"),
    "eu-west-2": ("pl-7ca54015", "pl-b3a742da"),
    "eu-west-3": ("pl-23ad484a", "pl-abb451c2"),
    "eu-central-1": ("pl-6ea54007", "pl-66a5400f"),
    "ap-south-1": ("pl-78a54011", "pl-66a7420f"),
    "ap-northeast-1": ("pl-61a54008", "pl-78a54011"),
    "ap-northeast-2": ("pl-78a54011", "pl-48a54021"),
    "ap-southeast-1": ("pl-6fa54006", "pl-67a5400e"),
    "ap-southeast-2": ("pl-6ca54005", "pl-62a5400b"),
    "sa-east-1": ("pl-6aa54003", "pl-60a54009"),
}
"""The prefix lists of S3 and DynamoDB where the rules recognize them; the same id means another service elsewhere."""

_ENDPOINT: Final = re.compile(
    r"(?:[a-z]{2}\.)?(?:com|eu|gov|uk)\.[a-z0-9.-]+?\.(?:\$\{[^}]*\}|[a-z]{2,4}(?:-[a-z]+)+-\d)\.(.+)"
)
_HOST: Final = re.compile(
    r"(?:https?://)?(?:[^/@]*@)?(?P<labels>[^/:]+?)\.(?P<region>\$\{AWS::Region\}|[a-z]{2,4}(?:-[a-z]+)+-\d)"
    r"\.(?:amazonaws\.com(?:\.cn)?|\$\{AWS::URLSuffix\}|amazonaws\.eu)(?:[:/]|$)"
)


def service_of_endpoint(name: str) -> str | None:
    """The service of an endpoint's service name such as `com.amazonaws.eu-central-1.ecr.api`; None for others."""
    found = _ENDPOINT.fullmatch(name)
    return found.group(1) if found else None


def service_of_host(host: str) -> tuple[str, str] | None:
    """Service and Region of a host name or URL of AWS; None for any other text."""
    found = _HOST.match(host)
    if found is None:
        return None
    labels = found["labels"].split(".")
    names = (".".join(labels[start:]) for start in range(len(labels)))
    service = next(
        (_BY_HOST[name.removesuffix("-fips")] for name in names if name.removesuffix("-fips") in _BY_HOST), None
    )
    return (service, found["region"]) if service else (labels[-1], found["region"])


def layer_bucket(partition: str, region: str) -> str:
    """The objects of the bucket from which ECR gives out layers, by pre-signed URLs of its own account."""
    return f"arn:{partition}:s3:::prod-{region}-starport-layer-bucket/*"
