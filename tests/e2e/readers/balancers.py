"""Load balancers with what stands before them: certificates, web ACLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def load_balancer(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    elb = client("elbv2")
    (about,) = elb.describe_load_balancers(LoadBalancerArns=[id])["LoadBalancers"]
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=id)["Attributes"]
    return {
        **about,
        **_tags(elb, id),
        "LoadBalancerAttributes": attributes,
        "Name": about["LoadBalancerName"],
        "Subnets": [each["SubnetId"] for each in about["AvailabilityZones"]],
    }


def target_group(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    elb = client("elbv2")
    (about,) = elb.describe_target_groups(TargetGroupArns=[id])["TargetGroups"]
    attributes = elb.describe_target_group_attributes(TargetGroupArn=id)["Attributes"]
    return {**about, **_tags(elb, id), "Name": about["TargetGroupName"], "TargetGroupAttributes": attributes}


def listener(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    elb = client("elbv2")
    (about,) = elb.describe_listeners(ListenerArns=[id])["Listeners"]
    attributes = elb.describe_listener_attributes(ListenerArn=id)["Attributes"]
    return {**about, **_tags(elb, id), "ListenerAttributes": attributes}


def rule(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    elb = client("elbv2")
    (about,) = elb.describe_rules(RuleArns=[id])["Rules"]
    return {**about, **_tags(elb, id), "ListenerArn": id.replace(":listener-rule/", ":listener/").rpartition("/")[0]}


def _tags(elb: Any, id: str) -> dict[str, Any]:
    (about,) = elb.describe_tags(ResourceArns=[id])["TagDescriptions"]
    return {"Tags": about["Tags"]}


def certificate(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    acm = client("acm")
    about = acm.describe_certificate(CertificateArn=id)["Certificate"]
    (method,) = {each["ValidationMethod"] for each in about["DomainValidationOptions"]}
    others = [each for each in about["SubjectAlternativeNames"] if each != about["DomainName"]]
    return {
        **about,
        **about["Options"],
        "SubjectAlternativeNames": others,
        "Tags": acm.list_tags_for_certificate(CertificateArn=id)["Tags"],
        "ValidationMethod": method,
    }


def web_acl(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    waf = client("wafv2")
    name, acl, scope = id.split("|")
    about = waf.get_web_acl(Name=name, Id=acl, Scope=scope)["WebACL"]
    tags = waf.list_tags_for_resource(ResourceARN=about["ARN"])["TagInfoForResource"]["TagList"]
    return {**about, "Scope": scope, "Tags": tags}


def web_acl_association(client: Callable[[str], Any], id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    resource = id.partition("|")[0]
    about = client("wafv2").get_web_acl_for_resource(ResourceArn=resource)["WebACL"]
    # What an attribute stands for is known here by the physical id alone, which is no part of this ARN.
    acl = about["ARN"] if isinstance(wanted["WebACLArn"], str) else f"arn:aws:{about['Name']}|{about['Id']}|REGIONAL"
    return {"ResourceArn": resource, "WebACLArn": acl}


READERS = {
    "AWS::CertificateManager::Certificate": certificate,
    "AWS::ElasticLoadBalancingV2::Listener": listener,
    "AWS::ElasticLoadBalancingV2::ListenerRule": rule,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": load_balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": target_group,
    "AWS::WAFv2::WebACL": web_acl,
    "AWS::WAFv2::WebACLAssociation": web_acl_association,
}
NOT_READ = {
    "AWS::CertificateManager::Certificate": {
        "DomainValidationOptions": "the zone is told to CloudFormation, which writes the records there"
    },
}
