"""Rules about services of AWS App Runner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from secure_containers.rules.app_runner_model import IS_PUBLIC, SCALING, SERVICE
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.event_model import names, takes, unless_done
from secure_containers.rules.template import Resource, Value, Verdict, is_left_out, where

_BOUNDS: Final = ("MinSize", "MaxSize", "MaxConcurrency")
_DEFAULT_SCALING: Final = ":autoscalingconfiguration/DefaultConfiguration"
_ALARM: Final = "AWS::CloudWatch::Alarm"
_NAMING: Final = ("ServiceName", "ServiceID")
"""The dimensions of App Runner's metrics."""


@resource_rule("SC-APR-01", types=(SERVICE,), guidelines=("apprunner-private", "private-subnets"))
def public_app_runner_service(service: Resource) -> Observations:
    """A service answers everybody on the internet.

    ## Why
    App Runner gives every service a public host name unless it is told not to. Everybody can try the service's every
    weakness, all day, and no security group stands before it.

    ## Fix
    Set `IsPubliclyAccessible` to `false`, and lead clients there by an interface endpoint of `apprunner.requests` and
    an `AWS::AppRunner::VpcIngressConnection`, whose `DomainName` is the host name. Where the service has to face the
    internet, waive this finding with the reason.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          NetworkConfiguration:
            IngressConfiguration: {IsPubliclyAccessible: false}
    ```
    """
    for public in service.get(*IS_PUBLIC):
        if public.text.lower() != "false":
            yield public.violates(f"IsPubliclyAccessible is {public.text or 'not set, which means true'}")


@resource_rule("SC-APR-02", types=(SERVICE,), guidelines=("apprunner-private", "controlled-egress"))
def unrouted_app_runner_egress(service: Resource) -> Observations:
    """What a service sends goes past the VPC and all its controls.

    ## Why
    Unless it is told otherwise a service reaches the whole internet by AWS's own way. No security group, no endpoint
    policy and no flow log sees that, and nothing private can be reached.

    ## Fix
    Set `EgressType` to `VPC` with the `VpcConnectorArn` of a connector in private subnets. What the service calls has
    to be reachable from there (SC-NET-01).

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          NetworkConfiguration:
            IngressConfiguration: {IsPubliclyAccessible: false}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          NetworkConfiguration:
            IngressConfiguration: {IsPubliclyAccessible: false}
            EgressConfiguration: {EgressType: VPC, VpcConnectorArn: !Ref Connector}
      Connector:
        Type: AWS::AppRunner::VpcConnector
        Properties: {Subnets: [subnet-0a1b2c3d], SecurityGroups: [sg-0a1b2c3d]}
    ```
    """
    for type_ in service.get("NetworkConfiguration", "EgressConfiguration", "EgressType"):
        if type_.text != "VPC":
            yield type_.violates(f"EgressType is {type_.text or 'not set, which means DEFAULT'}")


@resource_rule("SC-APR-03", types=(SERVICE,), guidelines=("apprunner-encryption-stays-on", "encryption-at-rest"))
def aws_owned_app_runner_encryption(service: Resource) -> Observations:
    """A service's image or source and its logs are not encrypted with a key of yours.

    ## Why
    With the key that AWS manages nobody can restrict, watch or withdraw it. App Runner keeps a copy of the image or of
    the source, and the service's logs.

    ## Fix
    Set `EncryptionConfiguration.KmsKey` to the ARN of a customer managed key. It has to be decided at the beginning: a
    change replaces the service.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          EncryptionConfiguration: {KmsKey: !GetAtt Key.Arn}
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for key in service.get("EncryptionConfiguration", "KmsKey"):
        if is_left_out(key):
            yield key.violates("KmsKey is not set, so that AWS manages the key")


@resource_rule("SC-APR-04", types=(SERVICE, SCALING), guidelines=("apprunner-scaling", "services-recover"))
def unbounded_app_runner_scaling(resource: Resource) -> Observations:
    """Nobody has said how far a service scales.

    ## Why
    The default configuration is that of the account: 1 to 25 instances of 100 requests each, until somebody changes it
    for all services at once. One instance is no availability, and 25 may be too few for a surge, or more than the
    database behind it bears.

    ## Fix
    Give the service an `AWS::AppRunner::AutoScalingConfiguration` of its own with `MinSize`, `MaxSize` and
    `MaxConcurrency`.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          AutoScalingConfigurationArn: !Ref Scaling
      Scaling:
        Type: AWS::AppRunner::AutoScalingConfiguration
        Properties: {MinSize: 2, MaxSize: 10, MaxConcurrency: 50}
    ```
    """
    if resource.type == SCALING:
        for name in _BOUNDS:
            for bound in resource.get(name):
                if bound.absent:
                    yield bound.violates(f"{name} is not set", about=name)
        return
    for arn in resource.get("AutoScalingConfigurationArn"):
        if is_left_out(arn):
            yield arn.violates("AutoScalingConfigurationArn is not set")
        elif _DEFAULT_SCALING in arn.text:
            yield arn.violates("AutoScalingConfigurationArn is the account's default one")


@resource_rule("SC-APR-05", types=(SERVICE,), guidelines=("apprunner-observed", "cloudwatch-logs-and-alarms"))
def unwatched_app_runner_service(service: Resource) -> Observations:
    """A service that fails tells nobody.

    ## Why
    App Runner goes on answering with errors, and starting what does not stay up, until a client calls. Its metrics say
    so within a minute to whoever asks.

    ## Fix
    Add an alarm on `5xxStatusResponses` of `AWS/AppRunner`, alone or in an expression, whose dimensions name the
    service: `ServiceID` by `!GetAtt Service.ServiceId`, and `ServiceName`. Other metrics do not count: a service can
    fail fast and idle. That the alarm tells somebody is SC-LOG-03's matter.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          ServiceName: shop
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
      Failing:
        Type: AWS::CloudWatch::Alarm
        Properties:
          Namespace: AWS/AppRunner
          MetricName: 5xxStatusResponses
          Dimensions:
            - {Name: ServiceName, Value: shop}
            - {Name: ServiceID, Value: !GetAtt Service.ServiceId}
          Statistic: Sum
          Period: 60
          EvaluationPeriods: 3
          Threshold: 5
          ComparisonOperator: GreaterThanThreshold
          AlarmActions: [!Ref Alerts]
    ```
    """
    yield from unless_done(
        service,
        (
            (alarm, _conditions(metric, service))
            for alarm in service.template.world.of_type(_ALARM)
            for metric in _metrics(alarm)
        ),
        message="no alarm of these templates watches its 5xxStatusResponses",
        question="does an alarm watch its 5xxStatusResponses?",
    )


def _metrics(alarm: Resource) -> Iterator[Value]:
    """The metrics of an alarm: its own, and those of its expression."""
    yield from alarm.properties(alarm.given)
    for queries in alarm.get("Metrics"):
        for query in queries.items():
            yield from query.get("MetricStat", "Metric")


def _conditions(metric: Value, service: Resource) -> Iterator[list[Verdict]]:
    """What has to hold so that a metric tells of failing requests of the service, each in all its variants."""
    yield list(takes(metric.get("Namespace"), "AWS/AppRunner", absent=False))
    yield list(takes(metric.get("MetricName"), "5xxStatusResponses", absent=False))
    yield list(names(list(_named(metric)), service, "ServiceName"))


def _named(metric: Value) -> Iterator[Value]:
    """What the dimensions of a metric name as the service, and what may be such a dimension."""
    for dimensions in metric.get("Dimensions"):
        for dimension in dimensions.items():
            for name in dimension.get("Name"):
                if name.unknown or name.text in _NAMING:
                    yield from [name] if name.unknown else where(dimension, name).get("Value")


@resource_rule("SC-APR-06", types=(SERVICE,), guidelines=("apprunner-observed", "services-recover"))
def unchecked_app_runner_service(service: Resource) -> Observations:
    """App Runner only asks whether the port is open.

    ## Why
    A service whose work fails behind an open port gets requests, and a deployment that broke it is taken for a success.
    The path `/`, which is asked if none is said, tells little.

    ## Fix
    Set `HealthCheckConfiguration.Protocol` to `HTTP`, and `Path` to a path of the service that fails when the service
    cannot do its work.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::AppRunner::Service
        Properties:
          SourceConfiguration:
            ImageRepository:
              ImageIdentifier: public.ecr.aws/docker/library/nginx:1.29.3
              ImageRepositoryType: ECR_PUBLIC
          HealthCheckConfiguration: {Protocol: HTTP, Path: /health}
    ```
    """
    for protocol in service.get("HealthCheckConfiguration", "Protocol"):
        if protocol.text != "HTTP":
            yield protocol.violates(f"Protocol is {protocol.text or 'not set, which means TCP'}")
            continue
        for path in protocol.beside("HealthCheckConfiguration", "Path"):
            if is_left_out(path):
                yield path.violates("Path is not set, which means /")
