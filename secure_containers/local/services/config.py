"""AWS Config's recorder and delivery channel, which ministack cannot delete; its rules are ministack's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from secure_containers.local.services.api import ApiError, Request

_Body = Mapping[str, Any]


class Recording:
    """The recorder of the account and Region, and where it delivers to."""

    def __init__(self) -> None:
        self._recorders: dict[str, Mapping[str, Any]] = {}
        self._channels: dict[str, Mapping[str, Any]] = {}
        self._running: set[str] = set()
        self._operations: dict[str, Callable[[_Body], _Body]] = {
            "DeleteConfigurationRecorder": self._delete_recorder,
            "DeleteDeliveryChannel": self._delete_channel,
            "DescribeConfigurationRecorderStatus": self._status,
            "DescribeConfigurationRecorders": lambda body: {
                "ConfigurationRecorders": _named(self._recorders, body.get("ConfigurationRecorderNames"))
            },
            "DescribeDeliveryChannels": lambda body: {
                "DeliveryChannels": _named(self._channels, body.get("DeliveryChannelNames"))
            },
            "PutConfigurationRecorder": lambda body: _put(
                self._recorders, body["ConfigurationRecorder"], "ConfigurationRecorders"
            ),
            "PutDeliveryChannel": lambda body: _put(self._channels, body["DeliveryChannel"], "DeliveryChannels"),
            "StartConfigurationRecorder": self._start,
            "StopConfigurationRecorder": self._stop,
        }

    def __call__(self, request: Request) -> _Body | None:
        operation = self._operations.get(request.operation)
        return None if operation is None else operation(request.body)

    def _status(self, body: _Body) -> _Body:
        recorders = _named(self._recorders, body.get("ConfigurationRecorderNames"))
        names = [each["name"] for each in recorders]
        return {"ConfigurationRecordersStatus": [{"name": each, "recording": each in self._running} for each in names]}

    def _start(self, body: _Body) -> _Body:
        name = self._recorder(body)
        if not self._channels:
            raise ApiError("NoAvailableDeliveryChannelException", "there is no delivery channel to start with")
        self._running.add(name)
        return {}

    def _stop(self, body: _Body) -> _Body:
        self._running.discard(self._recorder(body))
        return {}

    def _delete_recorder(self, body: _Body) -> _Body:
        name = self._recorder(body)
        del self._recorders[name]
        self._running.discard(name)
        return {}

    def _delete_channel(self, body: _Body) -> _Body:
        name = body["DeliveryChannelName"]
        if name not in self._channels:
            raise ApiError("NoSuchDeliveryChannelException", f"there is no delivery channel {name}")
        if self._running:
            message = f"failed to delete the last delivery channel {name}: the configuration recorder is running"
            raise ApiError("LastDeliveryChannelDeleteFailedException", message)
        del self._channels[name]
        return {}

    def _recorder(self, body: _Body) -> str:
        name = str(body["ConfigurationRecorderName"])
        if name not in self._recorders:
            raise ApiError("NoSuchConfigurationRecorderException", f"there is no configuration recorder {name}")
        return name


def _put(kept: dict[str, Mapping[str, Any]], given: Mapping[str, Any], kind: str) -> _Body:
    """Keep one, of which an account and Region have one only."""
    name = given["name"]
    if kept and name not in kept:
        raise ApiError(f"MaxNumberOf{kind}ExceededException", f"there is {next(iter(kept))} already")
    kept[name] = given
    return {}


def _named(kept: Mapping[str, Mapping[str, Any]], names: list[str] | None) -> list[Mapping[str, Any]]:
    return [each for name, each in kept.items() if names is None or name in names]
