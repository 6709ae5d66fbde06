"""The rule about the file systems that jobs mount."""

from __future__ import annotations

from secure_containers.rules.batch_model import DEFINITION, tasks
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.task_checks import open_mounts
from secure_containers.rules.template import Resource


@resource_rule("SC-BAT-18", types=(DEFINITION,), guidelines=("tls-everywhere", "batch-job-roles"))
def open_file_system(definition: Resource) -> Observations:
    """A job mounts a file system in plain text, or without saying who it is.

    ## Why
    Without TLS whoever listens in the network reads along. Without IAM and an access point the file system lets in
    whatever reaches it, as any user, to every folder: one job reads and overwrites what belongs to another.

    ## Fix
    Set `TransitEncryption: ENABLED` and, in `AuthorizationConfig`, `Iam: ENABLED` and an `AccessPointId` of this job;
    let its role mount by that access point alone. A parameter for the access point needs an `AllowedPattern` that
    leaves no room for nothing, such as `fsap-.+`.

    ## Bad
    ```yaml
    Resources:
      Job:
        Type: AWS::Batch::JobDefinition
        Properties:
          Type: container
          ContainerProperties:
            Image: public.ecr.aws/docker/library/busybox:1.37.0
            Volumes:
              - Name: scratch
                EfsVolumeConfiguration: {FileSystemId: !Ref Files}
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
            Volumes:
              - Name: scratch
                EfsVolumeConfiguration:
                  FileSystemId: !Ref Files
                  TransitEncryption: ENABLED
                  AuthorizationConfig: {Iam: ENABLED, AccessPointId: !Ref Folder}
      Folder:
        Type: AWS::EFS::AccessPoint
        Properties: {FileSystemId: !Ref Files}
    ```
    """
    for task in tasks(definition):
        yield from open_mounts(task)
