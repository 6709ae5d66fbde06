"""Web ACLs in front of something."""

from __future__ import annotations

from typing import Final

from secure_containers.local.types.resource import Asked, Made, Type, gone


def _associate(asked: Asked) -> Made:
    resource, acl = asked.properties["ResourceArn"], asked.properties["WebACLArn"]
    asked.client("wafv2").associate_web_acl(ResourceArn=resource, WebACLArn=acl)
    return Made(f"{resource}|{acl}")


def _disassociate(asked: Asked) -> None:
    call = asked.client("wafv2").disassociate_web_acl
    gone(call, "WAFNonexistentItemException", ResourceArn=asked.physical.partition("|")[0])


TYPES: Final = {"AWS::WAFv2::WebACLAssociation": Type(create=_associate, delete=_disassociate)}
