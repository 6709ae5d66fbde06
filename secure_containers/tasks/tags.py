"""Resources that a changed tag would replace."""

from __future__ import annotations

from aws_cdk import CfnResource


def without_tags(resource: CfnResource) -> None:
    """Keep an app's tags off: a change of them would replace the resource, and what waits in a queue is lost."""
    resource.add_property_deletion_override("Tags")
