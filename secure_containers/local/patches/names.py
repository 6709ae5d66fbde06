"""What is used of ministack's inside, and what for.

ministack has no interface for extensions, so the names stand in one list, and `check` says what has moved when its
version changes. Nothing of it is copied.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

VERSION: Final = "1.5.33"
"""The version whose inside is known here; pyproject.toml pins it."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name inside ministack.

    Args:
        module: where it stands.
        name: the name.
        use: what it is used for.
        parameters: those of a function, in their order; None for a table.
    """

    module: str
    name: str
    use: str
    parameters: tuple[str, ...] | None = None

    def found(self) -> Any:
        """What stands there."""
        return getattr(importlib.import_module(f"ministack.{self.module}"), self.name)


APP: Final = Name("app", "app", "the server itself", ("scope", "receive", "send"))
SERVICES: Final = Name("app", "SERVICE_HANDLERS", "answers calls of services that are ours")
PATTERNS: Final = Name("core.router", "SERVICE_PATTERNS", "routes calls to a service that ministack does not know")
KEY: Final = Name("core.router", "extract_access_key_id", "tells who calls", ("headers", "query_params"))
NAMESPACES: Final = Name("core.iam_actions", "SERVICE_TO_IAM_NAMESPACE", "has IAM asked about a service of ours")
MODELS: Final = Name("core.iam_actions", "_BOTOCORE_SERVICE_MAP", "names the action of a REST call of ours")
ACTION: Final = Name(
    "core.iam_actions",
    "extract_iam_action",
    "names the action of a call that is not called like it",
    ("service", "method", "path", "headers", "body", "query_params"),
)
RESOURCE: Final = Name(
    "core.iam_actions",
    "extract_resource_arn",
    "has calls of services of ours authorized on their resources",
    ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
)
CONTEXT: Final = Name(
    "core.iam_actions",
    "request_tag_context",
    "adds the condition keys batch:ShareIdentifier, ec2:Vpc and ecs:cluster",
    ("service", "iam_action", "body", "params"),
)
THREAD: Final = Name(
    "core.concurrency",
    "run_reentrant",
    "keeps the server free while a service of ours calls it",
    ("fn", "args", "thread_name"),
)
RULES: Final = Name(
    "services.ec2", "_parse_ip_permissions", "keeps the prefix lists of security groups' rules", ("params", "prefix")
)
ENFORCE: Final = Name(
    "core.iam_evaluator",
    "enforce",
    "asks IAM about the second permission of a call",
    ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"),
)
TRUST: Final = Name(
    "core.iam_evaluator",
    "evaluate_trust_policy",
    "asks whether a role lets a service have it",
    ("trust_doc", "caller_arn", "ctx"),
)
ASKED: Final = Name(
    "core.iam_evaluator",
    "EvalContext",
    "carries the conditions of that question",
    (
        "principal_arn",
        "principal_type",
        "principal_account",
        "action",
        "resource_arn",
        "region",
        "source_ip",
        "secure_transport",
        "request_tags",
        "tag_keys",
        "service_context",
        "principal_keys",
    ),
)
SESSION: Final = Name(
    "services.sts", "register_session", "gives a service the credentials of a role", ("access_key", "session")
)
TARGET: Final = Name(
    "services.eventbridge",
    "_invoke_target",
    "delivers events to log groups",
    ("target", "event", "rule", "view"),
)
VIEW: Final = Name("services.eventbridge", "_pattern_event_view", "tells log groups whole events", ("event",))
DISPATCH: Final = Name("services.eventbridge", "_dispatch_event", "completes the events of objects", ("event", "view"))
OBJECT: Final = Name(
    "services.s3",
    "_fire_s3_event",
    "knows the version of an object whose event is told",
    (
        "bucket_name",
        "key",
        "event_name",
        "size",
        "etag",
        "deletion_type",
        "restore_event_data",
        "version_id",
        "sequencer",
        "object_extra",
        "record_extra",
    ),
)
ALLOWS: Final = Name(
    "services.sqs",
    "queue_policy_allows",
    "asks a queue whether a rule may send to it",
    ("queue_arn", "service", "source_arn", "source_account"),
)
ORIGIN: Final = Name(
    "core.iam_evaluator",
    "pin_request_origin",
    "has services call queues over TLS, outside of a call too",
    ("source_ip", "secure_transport"),
)
DELIVER: Final = Name("services.pipes", "_deliver_batch", "has pipes filter", ("pipe", "batch"))
PUBLISH: Final = Name(
    "services.pipes", "_publish_record_to_sns", "has pipes write as told", ("topic_arn", "pipe", "record")
)
FILTER: Final = Name("services.lambda_svc", "_apply_filter_criteria", "filters for pipes", ("records", "esm"))
TEMPLATE: Final = Name(
    "services.eventbridge", "_render_input_template", "writes for pipes", ("template", "replacements")
)
NOTIFY: Final = Name(
    "services.sns",
    "publish_internal",
    "takes what pipes have written",
    (
        "topic_arn",
        "message",
        "subject",
        "message_structure",
        "message_attributes",
        "message_group_id",
        "message_deduplication_id",
    ),
)
TAGGED: Final = Name("services.tagging", "_RESOURCE_TAG_COLLECTORS", "tells IAM the tags of jobs and tasks")
SCOPE: Final = Name(
    "core.responses", "request_scope", "acts for the account outside of a call", ("account_id", "region")
)
EVENTS: Final = Name(
    "services.eventbridge", "_put_events", "publishes events of aws.batch", ("data", "allow_aws_source")
)
GROUPS: Final = Name("services.ec2", "_security_groups", "tells IAM the VPC of a security group")
AMIS: Final = Name("services.ssm", "_PUBLIC_AMI_PARAMETERS", "knows the images of container hosts")
ALARM: Final = Name(
    "services.cloudformation.provisioners",
    "_cw_metric_alarm_record",
    "keeps alarms over several metrics",
    ("name", "props"),
)
TYPES: Final = Name("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", "registers resource types")
REPLACING: Final = Name(
    "services.cloudformation.provisioners", "_REPLACING_PROPERTIES", "tells which changes replace a resource of ours"
)
TAGS: Final = Name(
    "services.cloudformation.provisioners", "_STACK_TAG_PROPERTY", "gives types of ours the stack's tags"
)
BLOCKING: Final = Name(
    "services.cloudformation.stacks",
    "_runs_on_worker_thread",
    "keeps the server free while a type of ours calls it",
    ("resource_type",),
)
WORKERS: Final = Name("core.lambda_runtime", "reset", "ends the processes that functions run in", ())
CERTIFICATE: Final = Name("core.tls", "resolve_tls_material", "makes the certificate", ())

NAMES: Final = (
    APP,
    SERVICES,
    PATTERNS,
    KEY,
    NAMESPACES,
    MODELS,
    ACTION,
    RESOURCE,
    CONTEXT,
    THREAD,
    RULES,
    ENFORCE,
    TRUST,
    ASKED,
    SESSION,
    TARGET,
    VIEW,
    DISPATCH,
    OBJECT,
    ALLOWS,
    ORIGIN,
    DELIVER,
    PUBLISH,
    FILTER,
    TEMPLATE,
    NOTIFY,
    TAGGED,
    SCOPE,
    EVENTS,
    GROUPS,
    AMIS,
    ALARM,
    TYPES,
    REPLACING,
    TAGS,
    BLOCKING,
    WORKERS,
    CERTIFICATE,
)
"""Everything that is used of ministack's inside."""


def check() -> list[str]:
    """What does not fit the ministack that is installed, one line each; empty if all is as it is known here."""
    installed = version("ministack")
    problems = [] if installed == VERSION else [f"ministack is {installed}, and {VERSION} is known here"]
    for name in NAMES:
        where = f"ministack.{name.module}.{name.name}"
        try:
            found = name.found()
        except (ImportError, AttributeError):
            problems.append(f"{where} is gone; it {name.use}")
            continue
        if name.parameters is None:
            if not hasattr(found, "__getitem__"):
                problems.append(f"{where} is a {type(found).__name__}, no table; it {name.use}")
        elif (now := tuple(inspect.signature(found).parameters)) != name.parameters:
            problems.append(f"{where} takes {now}, and took {name.parameters}; it {name.use}")
    return problems


def replace(name: Name, function: Callable[..., Any]) -> None:
    """Put a function of ours in the place of one of ministack's."""
    module = importlib.import_module(f"ministack.{name.module}")
    setattr(module, name.name, function)
