"""The audit baseline of an account and Region."""

from secure_containers.audit.baseline import AuditBaseline
from secure_containers.audit.parts import AuditPart, VpcBlockMode, VpcExclusionMode
from secure_containers.audit.rules import conformance_pack_template

__all__ = ["AuditBaseline", "AuditPart", "VpcBlockMode", "VpcExclusionMode", "conformance_pack_template"]
