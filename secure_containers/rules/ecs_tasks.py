"""Rules about the containers of Amazon ECS: those of task definitions, and those that Express services bring."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from secure_containers.rules.ecs_model import EXPRESS, TASK_DEFINITION, containers, tasks
from secure_containers.rules.engine import Controls, Observations, resource_rule
from secure_containers.rules.task_checks import (
    movable_image_of,
    open_mounts,
    parts_of_the_host,
    rights_of_the_host,
    root,
    writable_root,
)
from secure_containers.rules.task_model import Container
from secure_containers.rules.template import Resource, surely

ECS_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html"
_ACCESS: Final = ("AC-2(1)", "AC-3", "AC-3(15)", "AC-3(7)", "AC-5", "AC-6")
_OWN_DEFINITION: Final = (
    "Write a task definition with a container Main, and name it in TaskDefinitionArn in place of PrimaryContainer."
)


@resource_rule(
    "SC-ECS-01",
    types=(TASK_DEFINITION,),
    guidelines=("minimal-containers",),
    controls=Controls(fsbp=("ECS.4",), nist_800_53_r5=_ACCESS, source=ECS_CONTROLS),
)
def privileged_container(definition: Resource) -> Observations:
    """A container has rights of its host.

    ## Why
    A privileged container is root on the machine under it, and reads the disks, memory and credentials of all other
    tasks there. An added capability or a device of the host is a smaller door to the same place.

    ## Fix
    Leave `Privileged`, and `Capabilities.Add` and `Devices` of `LinuxParameters`, out. On Fargate there is none of them
    but the capability `SYS_PTRACE`, for tools that watch processes: those carry a waiver.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: app
              Image: public.ecr.aws/docker/library/busybox:1.37.0
              LinuxParameters:
                Capabilities: {Add: [NET_ADMIN]}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: app
              Image: public.ecr.aws/docker/library/busybox:1.37.0
              LinuxParameters:
                Capabilities: {Drop: [ALL]}
    ```
    """
    for container in containers(definition):
        yield from rights_of_the_host(container)
        for added in container.value.get("LinuxParameters", "Capabilities", "Add"):
            for capability in added.items():
                yield capability.violates(f"the container gets the capability {capability.text}")


@resource_rule(
    "SC-ECS-02",
    types=(TASK_DEFINITION,),
    guidelines=("minimal-containers", "narrow-security-groups"),
    controls=Controls(
        fsbp=("ECS.3",), security_hub=("ECS.17",), nist_800_53_r5=(*_ACCESS, "CA-9(1)", "CM-2"), source=ECS_CONTROLS
    ),
)
def shared_host_namespace(definition: Resource) -> Observations:
    """A task shares what belongs to its host.

    ## Why
    In the host's network a task has the host's address and security groups, and reaches what listens on its loopback
    and its metadata. In the host's process or IPC namespace a container sees and signals what is not its own, and a
    path of its disk is the door to all else that lies there.

    ## Fix
    Set `NetworkMode` to `awsvpc`, leave `PidMode` and `IpcMode` out or use `task`, and keep data in EFS, in S3 or in a
    volume without `Host.SourcePath`.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          NetworkMode: host
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          NetworkMode: awsvpc
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```
    """
    for task in tasks(definition):
        yield from parts_of_the_host(task)
        for mode in task.value.get("NetworkMode"):
            if mode.unknown or mode.text == "host":
                yield mode.violates("NetworkMode is host")


@resource_rule(
    "SC-ECS-03",
    types=(TASK_DEFINITION, EXPRESS),
    guidelines=("minimal-containers",),
    controls=Controls(fsbp=("ECS.20", "ECS.21"), source=ECS_CONTROLS),
)
def root_container(resource: Resource) -> Observations:
    """A container runs as root.

    ## Why
    Whoever breaks into the container may change its programs, bind low ports, and needs one flaw of the kernel to be
    root outside. Left out, the image decides, and most images decide for root, on Windows for the administrator.

    ## Fix
    Set `User` to a number such as `1000:1000`. The `PrimaryContainer` of an Express service has no such setting: write
    a task definition with a container `Main`, and name it in `TaskDefinitionArn`.

    ## Bad
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::ExpressGatewayService
        Properties:
          InfrastructureRoleArn: !GetAtt Infrastructure.Arn
          ExecutionRoleArn: !GetAtt Execution.Arn
          PrimaryContainer: {Image: public.ecr.aws/docker/library/httpd:2.4.66}
    ```

    ## Good
    ```yaml
    Resources:
      Service:
        Type: AWS::ECS::ExpressGatewayService
        Properties:
          InfrastructureRoleArn: !GetAtt Infrastructure.Arn
          TaskDefinitionArn: !Ref Task
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: Main
              Image: public.ecr.aws/docker/library/httpd:2.4.66
              User: '1000:1000'
    ```
    """
    for container in containers(resource):
        yield from _settable(resource, root(container))


@resource_rule(
    "SC-ECS-04",
    types=(TASK_DEFINITION, EXPRESS),
    guidelines=("minimal-containers",),
    controls=Controls(fsbp=("ECS.5",), nist_800_53_r5=_ACCESS, source=ECS_CONTROLS),
)
def writable_container_root(resource: Resource) -> Observations:
    """A container can change its own programs.

    ## Why
    An intruder who can write to the root file system brings tools along and leaves something behind for as long as the
    task lives. What a container has to write belongs into a volume, or into `/tmp` of one.

    ## Fix
    Set `ReadonlyRootFilesystem` to `true`, and mount a volume where the container writes. Windows has no such setting
    and is no finding; for an Express service it takes a task definition.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: app
              Image: public.ecr.aws/docker/library/busybox:1.37.0
              ReadonlyRootFilesystem: true
    ```
    """
    for container in containers(resource):
        yield from _settable(resource, writable_root(container))


@resource_rule("SC-ECS-05", types=(TASK_DEFINITION, EXPRESS), guidelines=("minimal-containers",))
def movable_container_image(resource: Resource) -> Observations:
    """A container runs whatever is the latest image.

    ## Why
    Two tasks of one service then may run two programs, a restart brings a third, and going back brings none of them
    back. An image without a tag means `latest`.

    ## Fix
    Name the image by its digest (`app@sha256:...`), which nobody can move. A tag of a version is no finding; let the
    repository keep it where it is (SC-ECR-01).

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```
    """
    for container in containers(resource):
        yield from movable_image_of(container)


@resource_rule("SC-ECS-06", types=(TASK_DEFINITION, EXPRESS), guidelines=("minimal-containers",))
def kept_capabilities(resource: Resource) -> Observations:
    """A container keeps capabilities of root that it does not need.

    ## Why
    The runtime leaves a container fourteen capabilities unless told otherwise: to change owners, to forge packets, to
    take any user's place. A program that listens on a high port needs none of them, but an intruder does.

    ## Fix
    Set `LinuxParameters.Capabilities.Drop` to `[ALL]`. Windows has no capabilities and is no finding; for an Express
    service it takes a task definition.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: app
              Image: public.ecr.aws/docker/library/busybox:1.37.0
              LinuxParameters:
                Capabilities: {Drop: [ALL]}
    ```
    """
    for container in containers(resource):
        yield from _settable(resource, _kept(container))


def _kept(container: Container) -> Observations:
    for dropped in container.value.get("LinuxParameters", "Capabilities", "Drop"):
        told = [(each.text.upper() == "ALL" if not each.unknown else None, each) for each in dropped.items()]
        if not surely(told, dropped) and not container.is_windows_with(dropped):
            place = next((each for verdict, each in told if verdict is None), dropped)
            yield place.violates("Capabilities.Drop does not name ALL")


@resource_rule(
    "SC-ECS-07",
    types=(TASK_DEFINITION,),
    guidelines=("cloudwatch-logs-and-alarms",),
    controls=Controls(
        fsbp=("ECS.9",),
        nist_800_53_r5=(
            "AC-4(26)",
            "AU-10",
            "AU-12",
            "AU-2",
            "AU-3",
            "AU-6(3)",
            "AU-6(4)",
            "CA-7",
            "SC-7(9)",
            "SI-7(8)",
        ),
        source=ECS_CONTROLS,
    ),
)
def unlogged_container(definition: Resource) -> Observations:
    """What a container says is lost.

    ## Why
    On Fargate the output of a container without a log driver goes nowhere, and on an instance it dies with the
    instance. A log router that fails is silent then, and with it all containers that log by it.

    ## Fix
    Give every container a `LogConfiguration`, the log router (`FirelensConfiguration`) too: `awslogs` with a group that
    has a retention (SC-LOG-01) and a key (SC-LOG-02).

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - Name: app
              Image: public.ecr.aws/docker/library/busybox:1.37.0
              LogConfiguration:
                LogDriver: awslogs
                Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref AWS::Region, awslogs-stream-prefix: app}
      Logs:
        Type: AWS::Logs::LogGroup
        Properties: {RetentionInDays: 365, KmsKeyId: !GetAtt Key.Arn}
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties: {EnableKeyRotation: true}
    ```
    """
    for container in containers(definition):
        for driver in container.value.get("LogConfiguration", "LogDriver"):
            if driver.absent or driver.unknown:
                yield driver.violates("there is no LogConfiguration")


@resource_rule(
    "SC-ECS-17",
    types=(TASK_DEFINITION,),
    guidelines=("tls-everywhere", "ecs-task-roles"),
    controls=Controls(fsbp=("ECS.18",), source=ECS_CONTROLS),
)
def open_task_file_system(definition: Resource) -> Observations:
    """A task mounts a file system in plain text, or without saying who it is.

    ## Why
    Without TLS whoever listens in the network reads along. Without IAM and an access point the file system lets in
    whatever reaches it, as any user, to every folder: one task reads and overwrites what belongs to another.

    ## Fix
    Set `TransitEncryption: ENABLED` and, in `AuthorizationConfig`, `IAM: ENABLED` and an `AccessPointId` of this task;
    let its role mount by that access point alone. A parameter for the access point needs an `AllowedPattern` that
    leaves no room for nothing, such as `fsap-.+`.

    ## Bad
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
          Volumes:
            - Name: files
              EFSVolumeConfiguration: {FilesystemId: !Ref Files}
    ```

    ## Good
    ```yaml
    Resources:
      Task:
        Type: AWS::ECS::TaskDefinition
        Properties:
          ContainerDefinitions:
            - {Name: app, Image: public.ecr.aws/docker/library/busybox:1.37.0}
          Volumes:
            - Name: files
              EFSVolumeConfiguration:
                FilesystemId: !Ref Files
                TransitEncryption: ENABLED
                AuthorizationConfig: {IAM: ENABLED, AccessPointId: !Ref Folder}
      Folder:
        Type: AWS::EFS::AccessPoint
        Properties: {FileSystemId: !Ref Files}
    ```
    """
    for task in tasks(definition):
        yield from open_mounts(task)


def _settable(resource: Resource, seen: Observations) -> Observations:
    """What a container can set; that of an Express service only in a task definition."""
    for each in seen:
        if resource.type == EXPRESS and each.decided:
            yield replace(each, message=f"{each.message}; a primary container cannot set it", fix=_OWN_DEFINITION)
        else:
            yield each
