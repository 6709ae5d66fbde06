"""Rules about the containers of AWS Batch jobs, and about how jobs end."""

from __future__ import annotations

import re
from typing import Final

from secure_containers.rules.batch_model import DEFINITION, Form, containers, tasks
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.intrinsics import placeholders
from secure_containers.rules.partitions import PLACEHOLDER
from secure_containers.rules.template import Resource, Value, is_left_out, is_true, where

_REPOSITORIES: Final = frozenset({"AWS::ECR::Repository", "AWS::ECR::PublicRepository"})
_DEFAULT_LOGS: Final = "/aws/batch/job"
_DYNAMIC_REFERENCE: Final = re.compile(r"\{\{resolve:[^{}]*\}\}")


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
        is_pods = container.form is Form.POD
        for name in ("Privileged", "AllowPrivilegeEscalation") if is_pods else ("Privileged",):
            for value in container.security(name):
                if value.unknown or is_true(value.data):
                    yield value.violates(f"{name} is true")
        for devices in () if is_pods else container.value.get("LinuxParameters", "Devices"):
            for device in devices.items():
                yield device.violates("the container gets a device of its host")


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
        for name in ("IpcMode", "PidMode") if task.form is Form.TASK else ():
            for mode in task.value.get(name):
                if mode.unknown or mode.text == "host":
                    yield mode.violates(f"{name} is host")
        for network in task.value.get("HostNetwork") if task.form is Form.POD else ():
            if network.text.lower() != "false":
                yield network.violates(f"HostNetwork is {network.text or 'not set, which means true'}")
        for volume in task.volumes:
            paths = [volume.get("HostPath")] if task.form is Form.POD else [volume.get("Host", "SourcePath")]
            for path in (each for found in paths for each in found):
                if path.data:
                    yield path.violates("the volume is a path of the host")


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
        if container.form is Form.POD:
            yield from _root_in_a_pod(container.value)
            continue
        for user in container.value.get("User"):
            name = PLACEHOLDER.sub("$", user.text).partition(":")[0]
            if "$" in name:
                yield user.undecided("is it root?")
            elif name == "root" or not name.strip("0"):
                yield user.violates(f"User is {user.text or 'not set, so that the image decides'}")


def _root_in_a_pod(container: Value) -> Observations:
    for user in container.get("SecurityContext", "RunAsUser"):
        if not user.unknown and user.text.strip("0"):
            continue
        for other in where(container, user).get("SecurityContext", "RunAsNonRoot"):
            if not is_true(other.data):
                place = user if user.unknown else other
                yield place.violates(
                    f"RunAsUser is {user.text or 'not set, so that the image decides'}, and RunAsNonRoot is not true"
                )


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
        name = "ReadOnlyRootFilesystem" if container.form is Form.POD else "ReadonlyRootFilesystem"
        for value in container.security(name):
            if not is_true(value.data):
                yield value.violates(f"{name} is {value.text or 'not set, which means false'}")


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
        for image in container.value.get("Image"):
            if not image.absent:
                yield from _movable(definition, image)


def _movable(definition: Resource, image: Value) -> Observations:
    for each in definition.template.world.follow(image):
        reference = "$" if each.unknown else PLACEHOLDER.sub("$", _DYNAMIC_REFERENCE.sub("$", each.text))
        name, colon, tag = reference.rpartition("/")[2].partition(":")
        if "@" in name:
            continue
        if not colon and name.endswith("$") and not _ends_in_a_repository(each):
            yield image.undecided("which tag or digest?")
        elif not colon:
            yield definition.violates(f"the image has no tag and no digest: {image.text}", at=image.path)
        elif "$" in tag and _could_be_latest(tag):
            yield image.undecided("is the tag latest?")
        elif tag == "latest":
            yield definition.violates(f"the image's tag is latest: {image.text}", at=image.path)


def _ends_in_a_repository(image: Value) -> bool:
    """Whether what stands last is the name or the address of a repository, which brings no tag."""
    name = list(placeholders(image.text))[-1:] or [""]
    given = image.resource.template.world.named_output(name[0])
    home, text = (given.resource.template, given.text) if given else (image.resource.template, f"${{{name[0]}}}")
    named = [home.resources.get(each.partition(".")[0]) for each in placeholders(text)]
    return bool(named) and named[-1] is not None and named[-1].type in _REPOSITORIES


def _could_be_latest(tag: str) -> bool:
    """Whether a tag with unknown parts leaves room for `latest`."""
    return re.fullmatch(".*".join(map(re.escape, tag.split("$"))), "latest") is not None


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
