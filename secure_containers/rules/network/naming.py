"""What resources are called: names and ARNs, as far as templates tell, so that two texts for one thing are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from secure_containers.rules.partitions import PLACEHOLDER, partition_of
from secure_containers.rules.template import Resource, Template

_ARNS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "AWS::S3::Bucket": ("arn:{partition}:s3:::{name}", "{name}", "BucketName", "Arn"),
    "AWS::ECR::Repository": (
        "arn:{partition}:ecr:{region}:{account}:repository/{name}",
        "{name}",
        "RepositoryName",
        "Arn",
    ),
    "AWS::DynamoDB::Table": ("arn:{partition}:dynamodb:{region}:{account}:table/{name}", "{name}", "TableName", "Arn"),
    "AWS::SQS::Queue": ("arn:{partition}:sqs:{region}:{account}:{name}", "{name}", "QueueName", "Arn"),
    "AWS::SNS::Topic": ("arn:{partition}:sns:{region}:{account}:{name}", "", "TopicName", "TopicArn"),
    "AWS::SecretsManager::Secret": (
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}",
        "",
        "Name",
        "Id",
    ),
    "AWS::Kinesis::Stream": ("arn:{partition}:kinesis:{region}:{account}:stream/{name}", "{name}", "Name", "Arn"),
}
"""Of each type its ARN, what `Ref` gives (nothing: the ARN), the property of its name, and the ARN's attribute."""


def told(text: str, template: Template) -> str:
    """The text with what is known of the environment and of the templates' resources in it."""
    if "${" not in text:
        return text
    return PLACEHOLDER.sub(lambda found: _known(found.group(1), template, found.group()), text)


def _known(name: str, template: Template, unknown: str) -> str:
    if name.startswith("AWS::"):
        environment = {
            "AWS::AccountId": template.account,
            "AWS::Region": template.region,
            "AWS::Partition": partition_of(template.region) if template.region else None,
        }
        return environment.get(name) or unknown
    logical_id, _, attribute = name.partition(".")
    resource = template.resources.get(logical_id)
    if resource is not None:
        return _name(resource, attribute, template)
    followed = template.world.named_output(name)
    return told(followed.text, followed.resource.template) if followed is not None else unknown


def _name(resource: Resource, attribute: str, template: Template) -> str:
    """A resource's name or ARN, with something in the place of a name that CloudFormation chooses."""
    own = f"<{template.name} {resource.logical_id}>"
    if resource.type not in _ARNS:
        return f"{own}.{attribute}"
    arn, ref, named, arn_attribute = _ARNS[resource.type]
    if attribute not in ("", arn_attribute):
        return f"{own}.{attribute}"
    names = [value.text for value in resource.get(named) if not value.absent]
    name = names[0] if len(names) == 1 and "${" not in names[0] else own if not names else names[0]
    form = arn if attribute or not ref else ref
    environment = {
        "partition": partition_of(template.region) if template.region else "${AWS::Partition}",
        "region": template.region or "${AWS::Region}",
        "account": template.account or "${AWS::AccountId}",
    }
    return form.format(name=name, **environment)
