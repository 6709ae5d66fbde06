"""Security groups that let nothing in and nothing out, until somebody says what."""

from __future__ import annotations

import re
from typing import Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

_NOT_TAKEN: Final = re.compile(r"[^A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]")
"""Letters that Amazon EC2 refuses in descriptions; construct paths may have any.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
"""
_LONGEST: Final = 255


def closed_group(scope: Construct, id: str, *, vpc: ec2.IVpc, description: str) -> ec2.SecurityGroup:
    """A security group without rules.

    Args:
        scope: the parent.
        id: the construct id.
        vpc: where it is.
        description: what it is for; cut and cleaned to what Amazon EC2 takes.
    """
    return ec2.SecurityGroup(
        scope,
        id,
        vpc=vpc,
        description=_NOT_TAKEN.sub("?", description)[:_LONGEST],
        allow_all_outbound=False,
    )
