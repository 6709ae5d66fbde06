"""The rule about the file systems that jobs mount."""

from __future__ import annotations

from secure_containers.rules.batch_model import DEFINITION, tasks
from secure_containers.rules.engine import Observations, resource_rule
from secure_containers.rules.template import Resource, is_left_out


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
        for volume in task.volumes:
            for mounted in volume.get("EfsVolumeConfiguration"):
                if mounted.absent:
                    continue
                for path in (("TransitEncryption",), ("AuthorizationConfig", "Iam")):
                    for value in mounted.get(*path):
                        if value.text != "ENABLED":
                            yield value.violates(f"{path[-1]} is {value.text or 'not set'}", about=path[-1])
                for point in mounted.get("AuthorizationConfig", "AccessPointId"):
                    if is_left_out(point):
                        yield point.violates("AccessPointId is not set", about="AccessPointId")
