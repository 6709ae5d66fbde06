"""Rules about keys, and about what outlives a stack."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.engine import Controls, Observations, resource_rule
from secure_containers.rules.template import Resource, Value, is_true

_KMS_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html"
_LOST_FOR_EVER: Final = ("AWS::ECR::Repository", "AWS::KMS::Key")


@resource_rule(
    "SC-KMS-01",
    types=("AWS::KMS::Key",),
    guidelines=("ecr-encrypt-with-kms", "encryption-at-rest"),
    controls=Controls(
        security_hub=("KMS.4",),
        nist_800_53_r5=("SC-12", "SC-12(2)", "SC-28(3)"),
        pci_dss_4=("3.7.4",),
        cis=("v5.0.0/3.6", "v3.0.0/3.6", "v1.4.0/3.8", "v1.2.0/2.8"),
        source=_KMS_CONTROLS,
    ),
)
def key_without_rotation(key: Resource) -> Observations:
    """A key does not rotate.

    ## Why
    The longer one key encrypts, the more there is to read for whoever gets hold of it. Rotation costs nobody anything:
    KMS keeps the old material to decrypt with.

    ## Fix
    Set `EnableKeyRotation` to `true`. Asymmetric and HMAC keys, and imported key material, cannot rotate and are no
    finding.

    ## Bad
    ```yaml
    Resources:
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
    ```

    ## Good
    ```yaml
    Resources:
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for value in key.get("EnableKeyRotation"):
        if not is_true(value.data) and not _cannot_rotate(value):
            yield value.violates(f"EnableKeyRotation is {value.text or 'not set'}")


@resource_rule(
    "SC-DEL-01",
    types=_LOST_FOR_EVER,
    guidelines=("encryption-at-rest", "ecr-lifecycle"),
    controls=Controls(fsbp=("KMS.3",), nist_800_53_r5=("SC-12", "SC-12(2)"), source=_KMS_CONTROLS),
)
def lost_with_the_stack(resource: Resource) -> Observations:
    """Images, or the key that reads them, are deleted with the stack.

    ## Why
    A stack is deleted or a resource replaced in a minute, by mistake too. Images in use then cannot be pulled any more,
    and what a deleted key encrypted is gone for ever.

    ## Fix
    Set `DeletionPolicy` and `UpdateReplacePolicy` to `Retain` (or `RetainExceptOnCreate`), and leave `EmptyOnDelete`
    out.

    ## Bad
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        DeletionPolicy: Delete
        UpdateReplacePolicy: Retain
    ```

    ## Good
    ```yaml
    Resources:
      Repository:
        Type: AWS::ECR::Repository
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
    ```
    """
    for name in ("DeletionPolicy", "UpdateReplacePolicy"):
        for value in resource.attribute(name):
            if value.data not in ("Retain", "RetainExceptOnCreate"):
                yield value.violates(f"{name} is {value.text or 'not set, which means Delete'}")
    for value in resource.get("EmptyOnDelete"):
        if value.unknown or is_true(value.data):
            yield value.violates("EmptyOnDelete removes every image together with the repository")


def _cannot_rotate(rotation: Value) -> bool:
    """Whether the key, where its rotation has this value, is not symmetric or not of material that KMS made."""
    specs, origins = rotation.beside("KeySpec"), rotation.beside("Origin")
    return all(not spec.absent and not spec.unknown and spec.text != "SYMMETRIC_DEFAULT" for spec in specs) or all(
        origin.text in ("EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE") for origin in origins
    )
