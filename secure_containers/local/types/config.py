"""AWS Config: what is recorded, where it goes, and the rules."""

from __future__ import annotations

import json
from typing import Any, Final

from secure_containers.local.shapes import fitted
from secure_containers.local.types.resource import Asked, Made, Type, gone


def _put_recorder(asked: Asked) -> Made:
    config = asked.client("config")
    name = asked.physical or asked.name("Name")
    recorder = {**asked.properties, "Name": name}
    config.put_configuration_recorder(**fitted(config, "PutConfigurationRecorder", {"ConfigurationRecorder": recorder}))
    _start(config)
    return Made(name)


def _start(config: Any) -> None:
    """CloudFormation starts the recorder once there is a channel too, whichever comes first."""
    if config.describe_delivery_channels()["DeliveryChannels"]:
        for each in config.describe_configuration_recorders()["ConfigurationRecorders"]:
            config.start_configuration_recorder(ConfigurationRecorderName=each["name"])


def _delete_recorder(asked: Asked) -> None:
    call = asked.client("config").delete_configuration_recorder
    gone(call, "NoSuchConfigurationRecorderException", ConfigurationRecorderName=asked.physical)


def _put_channel(asked: Asked) -> Made:
    config = asked.client("config")
    name = asked.physical or asked.name("Name")
    channel = {**asked.properties, "Name": name}
    config.put_delivery_channel(**fitted(config, "PutDeliveryChannel", {"DeliveryChannel": channel}))
    _start(config)
    return Made(name)


def _delete_channel(asked: Asked) -> None:
    config = asked.client("config")
    for recorder in config.describe_configuration_recorders()["ConfigurationRecorders"]:
        config.stop_configuration_recorder(ConfigurationRecorderName=recorder["name"])
    gone(config.delete_delivery_channel, "NoSuchDeliveryChannelException", DeliveryChannelName=asked.physical)


def _put_rule(asked: Asked) -> Made:
    config = asked.client("config")
    name = asked.physical or asked.name("ConfigRuleName")
    rule: dict[str, Any] = {**asked.properties, "ConfigRuleName": name}
    if "InputParameters" in rule:  # an object in a template, text in the API
        rule["InputParameters"] = json.dumps(rule["InputParameters"])
    config.put_config_rule(**fitted(config, "PutConfigRule", {"ConfigRule": rule}))
    (made,) = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"]
    return Made(name, {"Arn": made["ConfigRuleArn"], "ConfigRuleId": made["ConfigRuleId"]})


def _delete_rule(asked: Asked) -> None:
    call = asked.client("config").delete_config_rule
    gone(call, "NoSuchConfigRuleException", ConfigRuleName=asked.physical)


TYPES: Final = {
    "AWS::Config::ConfigurationRecorder": Type(
        create=_put_recorder, update=_put_recorder, delete=_delete_recorder, replaces=("Name",)
    ),
    "AWS::Config::DeliveryChannel": Type(
        create=_put_channel, update=_put_channel, delete=_delete_channel, replaces=("Name",)
    ),
    "AWS::Config::ConfigRule": Type(
        create=_put_rule, update=_put_rule, delete=_delete_rule, replaces=("ConfigRuleName",)
    ),
}
