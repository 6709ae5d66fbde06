"""Rules about the containers of AWS Batch jobs, and about how jobs end."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.batch_model import DEFINITION, containers, tasks
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.task_checks import (
    movable_image_of,
    parts_of_the_host,
    rights_of_the_host,
    root,
    writable_root,
)
from secure_containers.rules.task_model import Form
from secure_containers.rules.template import Resource, is_left_out, where

_DEFAULT_LOGS: Final = "/aws/batch/job"


@resource_rule("SC-BAT-01", types=(DEFINITION,), guidelines=("minimal-containers",))
def privileged_job(definition: Resource) -> Observations:
    """A job has the rights of its host.

    ## Why
    A privileged container is root on the machine under it: it reads the disks, memory and credentials of all other jobs
    there. A device of the host, or leave to gain privileges, is a smaller door to the same place.

    ## Fix
    Leave `Privileged`, `AllowPrivilegeEscalation` and `LinuxParameters.Devices` out. Jobs on Fargate have none of them.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            Privileged: true
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```
    """
    for container in containers(definition):
        yield from rights_of_the_host(container)


@resource_rule("SC-BAT-02", types=(DEFINITION,), guidelines=("minimal-containers", "narrow-security-groups"))
def shared_host(definition: Resource) -> Observations:
    """A job shares what belongs to its host.

    ## Why
    In the host's network a pod has the node's address and security groups, and reaches the node's metadata. In its
    process or IPC namespace a container sees and signals what is not its own, and a path of its disk is the door to
    all else that lies there.

    ## Fix
    Set `HostNetwork` to `false` for pods, for which Batch takes `true` if it is left out. Leave `PidMode` and `IpcMode`
    out or use `task`. Keep data in EFS, in S3 or in a volume without `Host.SourcePath` and `HostPath`.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          EksProperties:
            PodProperties:
              Containers:
                - Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          EksProperties:
            PodProperties:
              HostNetwork: false
              Containers:
                - Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```
    """
    for task in tasks(definition):
        yield from parts_of_the_host(task)


@resource_rule("SC-BAT-03", types=(DEFINITION,), guidelines=("minimal-containers",))
def root_user(definition: Resource) -> Observations:
    """A job runs as root.

    ## Why
    Whoever breaks into the job is root in its container: may change its programs, bind low ports, and needs one flaw of
    the kernel to be root outside. Left out, the image decides, and most images decide for root.

    ## Fix
    Set `User` to a number such as `1000:1000`; for pods `RunAsUser`, or `RunAsNonRoot`.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            User: '1000:1000'
    ```
    """
    for container in containers(definition):
        yield from root(container)


@resource_rule("SC-BAT-04", types=(DEFINITION,), guidelines=("minimal-containers",))
def writable_root_filesystem(definition: Resource) -> Observations:
    """A job can change its own programs.

    ## Why
    An intruder who can write to the root file system brings tools along and leaves something behind for the rest of the
    run. What a job has to write belongs into a volume, or into `/tmp` of one.

    ## Fix
    Set `ReadonlyRootFilesystem` to `true` (for pods `ReadOnlyRootFilesystem` of the `SecurityContext`), and mount a
    volume where the job writes.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            ReadonlyRootFilesystem: true
    ```
    """
    for container in containers(definition):
        yield from writable_root(container)


@resource_rule("SC-BAT-05", types=(DEFINITION,), guidelines=("minimal-containers",))
def movable_image(definition: Resource) -> Observations:
    """A job runs whatever is the latest image.

    ## Why
    Two runs of one definition then run two programs, a retry may run a third, and nobody can say afterwards which. An
    image without a tag means `latest`.

    ## Fix
    Name the image by its digest (`app@sha256:...`), which nobody can move. A tag of a version is no finding; let the
    repository keep it where it is (SC-ECR-01).

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```
    """
    for container in containers(definition):
        yield from movable_image_of(container)


@resource_rule("SC-BAT-06", types=(DEFINITION,), guidelines=("batch-logs-and-alarms",))
def endless_job(definition: Resource) -> Observations:
    """A job may run for ever.

    ## Why
    A job that hangs, or that an intruder made into a miner, holds its capacity, its role and its bill until somebody
    looks. None of the alarms on failed jobs speaks, for it does not fail.

    ## Fix
    Set `Timeout.AttemptDurationSeconds` to what the longest run should take, at least 60.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          Timeout:
            AttemptDurationSeconds: 3600
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```
    """
    for seconds in definition.get("Timeout", "AttemptDurationSeconds"):
        if is_left_out(seconds):
            yield seconds.violates("Timeout.AttemptDurationSeconds is not set, which means for ever")


@resource_rule("SC-BAT-07", types=(DEFINITION,), guidelines=("batch-capacity-mix",))
def unretried_job(definition: Resource) -> Observations:
    """A job that is interrupted is lost.

    ## Why
    Spot capacity is taken back, hosts fail, an image cannot be pulled for a minute. Without a second attempt each of
    them is a failed job that somebody has to submit again by hand.

    ## Fix
    Set `RetryStrategy.Attempts` to 2 or more (10 at most), and let `EvaluateOnExit` end at once what fails by its own
    mistake. A job that must not run twice carries a waiver, and runs on demand.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          RetryStrategy:
            Attempts: 3
            EvaluateOnExit:
              - {Action: RETRY, OnStatusReason: 'Host EC2*'}
              - {Action: EXIT, OnReason: '*'}
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```
    """
    for attempts in definition.get("RetryStrategy", "Attempts"):
        if attempts.unknown or attempts.text in ("", "1"):
            yield attempts.violates(f"Attempts is {attempts.text or 'not set, which means 1'}")


@resource_rule("SC-BAT-09", types=(DEFINITION,), guidelines=("batch-logs-and-alarms",))
def default_job_logs(definition: Resource) -> Observations:
    """A job logs into the group that all jobs share.

    ## Why
    Batch then makes `/aws/batch/job`: without a key of yours, kept for ever, and open to every job's execution role, so
    that one job can write what another seems to have said.

    ## Fix
    Give the definition a log group of its own, with a retention (SC-LOG-01) and a key (SC-LOG-02), and name it in
    `LogConfiguration.Options` as `awslogs-group`. Jobs on EKS log as their cluster does and are no finding.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
    ```

    ## Good
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            LogConfiguration:
              LogDriver: awslogs
              Options:
                awslogs-group: !Ref Logs
      Logs:
        Type: AWS::Logs::LogGroup
        Properties:
          RetentionInDays: 365
          KmsKeyId: !GetAtt Key.Arn
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for container in containers(definition):
        for driver in container.value.get("LogConfiguration", "LogDriver") if container.form is not Form.POD else ():
            if driver.absent or driver.unknown:
                yield driver.violates(f"there is no LogConfiguration, so that the logs go to {_DEFAULT_LOGS}")
            elif driver.text == "awslogs":
                for group in where(container.value, driver).get("LogConfiguration", "Options", "awslogs-group"):
                    if is_left_out(group) or group.text == _DEFAULT_LOGS or group.may_be(_DEFAULT_LOGS):
                        yield group.violates(f"the logs go to {_DEFAULT_LOGS}")
