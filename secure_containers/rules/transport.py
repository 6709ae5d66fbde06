"""Rules about data in transit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from secure_containers.rules.engine import Controls, Observations, resource_rule, template_rule
from secure_containers.rules.intrinsics import Given, Reference, placeholders
from secure_containers.rules.policies import Statement, statements
from secure_containers.rules.template import Resource, Template, Value

_TRANSPORT_NIST: Final = (
    "AC-4",
    "AC-17(2)",
    "IA-5(1)",
    "SC-7(4)",
    "SC-8",
    "SC-8(1)",
    "SC-8(2)",
    "SC-12(3)",
    "SC-13",
    "SC-23",
    "SC-23(3)",
    "SI-7(6)",
)

_POLICY_OF: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "AWS::S3::Bucket": (("AWS::S3::BucketPolicy", "Bucket"),),
    "AWS::SNS::Topic": (("AWS::SNS::TopicPolicy", "Topics"), ("AWS::SNS::TopicInlinePolicy", "TopicArn")),
    "AWS::SQS::Queue": (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::SQS::QueueInlinePolicy", "Queue")),
}
"""Where the policy of a resource stands, and the property that names the resource."""
_TRANSFERS: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::S3::Bucket": ("s3:getobject", "s3:putobject"),
    "AWS::SNS::Topic": ("sns:publish",),
    "AWS::SQS::Queue": ("sqs:sendmessage", "sqs:receivemessage"),
}
"""The actions that carry data, of which each must be denied."""
_PLAIN: Final = ("HTTP", "TCP", "UDP", "TCP_UDP")


@template_rule(
    "SC-TLS-01",
    types=tuple(_POLICY_OF),
    guidelines=("tls-everywhere",),
    controls=Controls(
        fsbp=("S3.5",),
        nist_800_53_r5=_TRANSPORT_NIST,
        pci_dss_4=("4.2.1",),
        hipaa=("164.312(a)(2)(iv)", "164.312(c)(2)", "164.312(e)(1)", "164.312(e)(2)(i)", "164.312(e)(2)(ii)"),
        cis=("v5.0.0/2.1.1", "v3.0.0/2.1.1", "v1.4.0/2.1.2"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html",
    ),
)
def plaintext_requests(template: Template) -> Observations:
    """A bucket, topic or queue takes requests without TLS.

    ## Why
    The endpoints of S3, SNS and SQS answer plain HTTP too. A client configured so sends its data readable to everybody
    between.

    ## Fix
    Deny requests with `aws:SecureTransport` `false` in the resource's policy; in CDK, `enforce_ssl=True`. The denial
    has to be for everybody, for every action that moves data (of a bucket `s3:*` on its objects), and without another
    condition.

    ## Bad
    ```yaml
    Resources:
      Findings:
        Type: AWS::SNS::Topic
    ```

    ## Good
    ```yaml
    Resources:
      Findings:
        Type: AWS::SNS::Topic
      Policy:
        Type: AWS::SNS::TopicPolicy
        Properties:
          Topics: [!Ref Findings]
          PolicyDocument:
            Statement:
              - Effect: Deny
                Principal: '*'
                Action: sns:Publish
                Resource: !Ref Findings
                Condition: {Bool: {aws:SecureTransport: 'false'}}
    ```
    """
    for type_, policies in _POLICY_OF.items():
        guards = _guards(template, policies)
        for resource in template.of_type(type_):
            named = frozenset(value.text for value in resource.get("BucketName"))  # a bucket's policy may name it so
            found = [*guards.get(resource.logical_id, ()), *(guards.get(named, ()) if named != {""} else ())]
            refusals = [_refusal(statement, resource, target) for statement, target in found]
            if not resource.always([each for each in refusals if each is not None]):
                yield resource.violates("no policy of this template refuses requests without TLS")


@resource_rule(
    "SC-TLS-02",
    types=(
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
    ),
    guidelines=("tls-everywhere",),
    controls=Controls(
        fsbp=("ELB.1", "ELB.3", "ELB.18"),
        nist_800_53_r5=_TRANSPORT_NIST,
        hipaa=("164.312(a)(2)(iv)", "164.312(e)(1)", "164.312(e)(2)(i)", "164.312(e)(2)(ii)"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html",
    ),
)
def plaintext_endpoint(resource: Resource) -> Observations:
    """A listener or a subscription speaks plain HTTP or TCP.

    ## Why
    What passes between client and load balancer, or from the topic to its subscriber, can be read and changed on the
    way.

    ## Fix
    Listen with `HTTPS` or `TLS`; keep an `HTTP` listener, and its rules, only to redirect to HTTPS. Subscribe with
    `https`.

    ## Bad
    ```yaml
    Resources:
      Listener:
        Type: AWS::ElasticLoadBalancingV2::Listener
        Properties:
          LoadBalancerArn: !Ref LoadBalancer
          Protocol: HTTP
          Port: 80
          DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
    ```

    ## Good
    ```yaml
    Resources:
      Listener:
        Type: AWS::ElasticLoadBalancingV2::Listener
        Properties:
          LoadBalancerArn: !Ref LoadBalancer
          Protocol: HTTP
          Port: 80
          DefaultActions: [{Type: redirect, RedirectConfig: {Protocol: HTTPS, StatusCode: HTTP_301}}]
    ```
    """
    if resource.type == "AWS::ElasticLoadBalancingV2::ListenerRule":
        for listener in resource.get("ListenerArn"):
            if not _only_redirects(resource.get("Actions")) and _is_plain(listener):
                yield resource.violates("a rule of a plain listener does more than redirect", at="Properties.Actions")
        return
    for protocol in _protocols(resource):
        plain = protocol.text.upper() in _PLAIN
        if protocol.unknown or (plain and not _only_redirects(protocol.beside("DefaultActions"))):
            yield protocol.violates(f"the protocol is {protocol.text}")


def _guards(
    template: Template, policies: tuple[tuple[str, str], ...]
) -> Mapping[object, list[tuple[Statement, Value]]]:
    """The denials by the resource that they are for, which a policy names by reference or by the texts of its name."""
    denials = template.once(_denials)
    found: dict[object, list[tuple[Statement, Value]]] = {}
    for policy_type, target in policies:
        for policy in template.of_type(policy_type):
            values = policy.get(target)
            items = [item for value in values for item in value.items()]
            keys = [(name.partition(".")[0], item) for item in items for name in placeholders(item.text)]
            for key, item in [*keys, (frozenset(value.text for value in values), values[0])]:
                found.setdefault(key, []).extend((denial, item) for denial in denials.get(policy, ()))
    return found


def _denials(template: Template) -> Mapping[Resource, list[Statement]]:
    types = [type_ for policies in _POLICY_OF.values() for type_, _ in policies]
    found: dict[Resource, list[Statement]] = {}
    for each in template.once(statements):
        if isinstance(each, Statement) and each.resource.type in types and each.denies:
            found.setdefault(each.resource, []).append(each)
    return found


def _refusal(statement: Statement, resource: Resource, target: Value) -> Given | None:
    """What has to hold for a denial to keep everybody from moving data without TLS; None if nothing makes it do so."""
    found = [
        [statement.value],
        [target],
        [each for kind, each in statement.principals if kind == "AWS" and each.text == "*"],
        *(
            [each for each in statement.actions if fnmatchcase(action, each.text.lower())]
            for action in _TRANSFERS[resource.type]
        ),
    ]
    if resource.type == "AWS::S3::Bucket":
        found.append([each for each in statement.resources if each.text.endswith("*")])
    if not (
        all(found)
        and all(_is_without_tls(*condition) for condition in statement.conditions())
        and statement.limited(_is_without_tls, where=statement.value)
    ):
        return None
    return frozenset[Any]().union(*(min(each, key=lambda value: len(value.given)).given for each in found))


def _is_without_tls(operator: str, key: str, values: list[Value]) -> bool:
    return (
        operator in ("Bool", "BoolIfExists")
        and key == "aws:securetransport"
        and [value.text.lower() for value in values] == ["false"]
    )


def _protocols(resource: Resource) -> Iterator[Value]:
    lists = {"AWS::ElasticLoadBalancing::LoadBalancer": "Listeners", "AWS::SNS::Topic": "Subscription"}
    if resource.type not in lists:
        yield from resource.get("Protocol")
        return
    for values in resource.get(lists[resource.type]):
        for each in values.items():
            yield from each.get("Protocol")


def _is_plain(listener: Value) -> bool:
    """Whether a rule's listener is one of the template that speaks plain HTTP."""
    found = (
        listener.resource.template.resources.get(listener.data.logical_id)
        if isinstance(listener.data, Reference)
        else None
    )
    return found is not None and any(protocol.text.upper() in _PLAIN for protocol in found.get("Protocol"))


def _only_redirects(actions: list[Value]) -> bool:
    return all(any(True for _ in variant.items()) and all(map(_redirects, variant.items())) for variant in actions)


def _redirects(action: Value) -> bool:
    return all(kind.text == "redirect" for kind in action.get("Type")) and all(
        protocol.text.upper() == "HTTPS" for protocol in action.get("RedirectConfig", "Protocol")
    )
