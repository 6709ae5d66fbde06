"""AWS App Runner: services and what they are made of. A service runs as `tasks` of one container.

Source code is not built: a program stands for its repository, as one does for an image.
"""

from __future__ import annotations

import shlex
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.front import Front
from secure_containers.local.services.api import ApiError, Request
from secure_containers.local.tasks.health import Check
from secure_containers.local.tasks.service import Deployment, Service, Surroundings, watch
from secure_containers.local.tasks.task import Host, Task, has_program

_Body = Mapping[str, Any]
_Record = dict[str, Any]
_HOST: Final = Host(service="tasks.apprunner.amazonaws.com", writes_logs=True)
_PARTS: Final = {
    "AutoScalingConfiguration": {"MaxConcurrency": 100, "MinSize": 1, "MaxSize": 25},
    "ObservabilityConfiguration": {},
    "VpcConnector": {},
}
"""What services are made of, with the defaults of each."""


class AppRunner:
    """The service in one account and Region.

    Args:
        account: where it is.
        front: passes calls on to services by their host names.
        credentials: gives those of a role to a service that the role trusts.
    """

    def __init__(self, account: Account, front: Front, *, credentials: Callable[..., dict[str, str]]) -> None:
        self._account = account
        self._front = front
        self._credentials = credentials
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._parts: dict[str, _Record] = {}
        self._ingress: dict[str, _Record] = {}
        self._services: dict[str, _Record] = {}
        self._running: dict[str, Service] = {}
        self._revisions: dict[str, _Record] = {}
        self._targets: dict[str, Sequence[tuple[str, int]]] = {}
        self._begun: dict[str, tuple[str, str, Deployment]] = {}
        """By id the operations: what they are, the service, and its deployment."""
        self._around = Surroundings(
            start=self._start,
            stands=lambda revision: str(has_program(account, self._revisions[revision]) or ""),
            checks=self._checks,
            publish=lambda *_: None,
            forget=lambda service: self._forget(service.arn),
            ask=lambda *_: {},
        )
        self._operations: dict[str, Callable[[_Body], _Body]] = {
            "CreateService": self._create_service,
            "CreateVpcIngressConnection": self._create_ingress,
            "DeleteService": self._delete_service,
            "DeleteVpcIngressConnection": self._delete_ingress,
            "DescribeService": lambda body: {"Service": self._seen(self._service(body))},
            "DescribeVpcIngressConnection": lambda body: {
                "VpcIngressConnection": _found(self._ingress, body["VpcIngressConnectionArn"])
            },
            "ListOperations": self._list_operations,
            "ListServices": lambda _: {"ServiceSummaryList": [self._seen(each) for each in self._services.values()]},
            "ListTagsForResource": self._tags,
            "UpdateService": self._update_service,
            "UpdateVpcIngressConnection": self._update_ingress,
        }
        watched = (self._running.values, self._lock, self._closed)
        threading.Thread(target=watch, args=watched, name="apprunner-services", daemon=True).start()

    def __call__(self, request: Request) -> _Body:
        with self._lock:
            if operation := self._operations.get(request.operation):
                return operation(request.body)
            for kind in _PARTS:
                if request.operation == f"Create{kind}":
                    return self._create_part(kind, request.body)
                if request.operation in (f"Describe{kind}", f"Delete{kind}"):
                    return self._part(kind, request)
        raise _refused(f"the emulator does not know {request.operation}")

    def close(self) -> None:
        """End all services."""
        self._closed.set()
        for service in self._running.values():
            for task in (task for each in service.deployments for task in each.tasks):
                task.stop("the emulator ends")

    # What services are made of.

    def _create_part(self, kind: str, body: _Body) -> _Body:
        name = body[f"{kind}Name"]
        of_name = [each for each in self._parts.values() if each.get(f"{kind}Name") == name]
        revision = 1 + max((each[f"{kind}Revision"] for each in of_name), default=0)
        for each in of_name:
            each["Latest"] = False
        arn = self._account.arn("apprunner", f"{kind.lower()}/{name}/{revision}/{uuid.uuid4().hex}")
        self._parts[arn] = {
            **_PARTS[kind],
            **body,
            f"{kind}Arn": arn,
            f"{kind}Revision": revision,
            "Latest": True,
            "Status": "ACTIVE",
            "CreatedAt": time.time(),
        }
        return {kind: self._parts[arn]}

    def _part(self, kind: str, request: Request) -> _Body:
        arn = request.body[f"{kind}Arn"]
        part = _found(self._parts, arn)
        if request.operation.startswith("Delete"):
            if any(arn in str(service) for service in self._services.values()):
                raise _refused(f"{arn} is in use by a service")
            del self._parts[arn]
        return {kind: part}

    # Services.

    def _create_service(self, body: _Body) -> _Body:
        name, id = body["ServiceName"], uuid.uuid4().hex
        if any(each["ServiceName"] == name for each in self._services.values()):
            raise _refused(f"Service with the provided name already exists: {name}")
        arn = self._account.arn("apprunner", f"service/{name}/{id}")
        moment = time.time()
        service = {
            "InstanceConfiguration": {},
            "NetworkConfiguration": {},
            **body,
            "ServiceArn": arn,
            "ServiceId": id,
            "CreatedAt": moment,
            "UpdatedAt": moment,
        }
        self._check(service)
        self._services[arn] = service
        record = {
            "serviceArn": arn,
            "serviceName": name,
            "desiredCount": 1,
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            "taskDefinition": self._revision(service),
        }
        self._running[arn] = Service(record, self._around)
        self._running[arn].deploy()
        return self._begin("CREATE_SERVICE", service)

    def _update_service(self, body: _Body) -> _Body:
        service = self._service(body)
        self._check({**service, **body})
        service.update({**body, "UpdatedAt": time.time()})
        self._running[service["ServiceArn"]].update({"taskDefinition": self._revision(service)}, force=True)
        return self._begin("UPDATE_SERVICE", service)

    def _delete_service(self, body: _Body) -> _Body:
        service = self._service(body)
        arn = service["ServiceArn"]
        if any(each["ServiceArn"] == arn for each in self._ingress.values()):
            raise _refused(f"{arn} has a VPC ingress connection", "InvalidStateException")
        self._running[arn].end()
        return {"Service": self._seen(service), "OperationId": str(uuid.uuid4())}

    def _begin(self, kind: str, service: _Record) -> _Body:
        id, arn = str(uuid.uuid4()), service["ServiceArn"]
        self._begun[id] = (kind, arn, self._running[arn].primary)
        return {"Service": self._seen(service), "OperationId": id}

    def _list_operations(self, body: _Body) -> _Body:
        every = [
            (id, kind, deployment) for id, (kind, arn, deployment) in self._begun.items() if arn == body["ServiceArn"]
        ]
        found = [{"Id": id, "Type": kind, "Status": self._status(kind, each)} for id, kind, each in reversed(every)]
        return {"OperationSummaryList": found}

    def _status(self, kind: str, deployment: Deployment) -> str:
        """How an operation goes; where nothing can run, it has nothing to wait for."""
        if deployment.state == "FAILED":
            return "FAILED" if kind == "CREATE_SERVICE" else "ROLLBACK_SUCCEEDED"
        waits = deployment.state == "IN_PROGRESS" and not self._around.stands(deployment.definition)
        return "IN_PROGRESS" if waits else "SUCCEEDED"

    def _forget(self, arn: str) -> None:
        self._front.forget(self._url(self._services[arn]))
        for records in (self._running, self._services, self._targets):
            records.pop(arn, None)

    def _service(self, body: _Body) -> _Record:
        return _found(self._services, body["ServiceArn"])

    def _check(self, service: _Record) -> None:
        """What a service is made of is there."""
        egress = service["NetworkConfiguration"].get("EgressConfiguration", {})
        tracing = service.get("ObservabilityConfiguration", {})
        for arn in (
            egress.get("VpcConnectorArn"),
            service.get("AutoScalingConfigurationArn"),
            tracing.get("ObservabilityConfigurationArn"),
        ):
            if arn is not None:
                _found(self._parts, arn)

    def _seen(self, service: _Record) -> _Record:
        """What `DescribeService` tells."""
        running = self._running[service["ServiceArn"]]
        deployment = running.primary
        states = {"IN_PROGRESS": "OPERATION_IN_PROGRESS", "COMPLETED": "RUNNING", "FAILED": "CREATE_FAILED"}
        status = "RUNNING" if self._around.stands(deployment.definition) else states[deployment.state]
        if running.ending:
            status = "OPERATION_IN_PROGRESS"
        scaling = service.get("AutoScalingConfigurationArn")
        url = {} if _private(service) else {"ServiceUrl": self._url(service)}
        return {
            **service,
            **url,
            "Status": status,
            "AutoScalingConfigurationSummary": {} if scaling is None else self._parts[scaling],
        }

    def _url(self, service: _Record) -> str:
        return f"{service['ServiceId'][:10]}.{self._account.connection.region}.awsapprunner.com"

    # The way in.

    def _create_ingress(self, body: _Body) -> _Body:
        _found(self._services, body["ServiceArn"])
        name, id = body["VpcIngressConnectionName"], uuid.uuid4().hex
        arn = self._account.arn("apprunner", f"vpcingressconnection/{name}/{id}")
        vpc = body["IngressVpcConfiguration"].get("VpcId", "")
        self._ingress[arn] = {
            **body,
            "VpcIngressConnectionArn": arn,
            "AccountId": self._account.connection.account,
            "CreatedAt": time.time(),
            "DomainName": f"{id[:10]}.{vpc}.{self._account.connection.region}.awsapprunner.com",
            "Status": "AVAILABLE",
        }
        self._front.serve(self._ingress[arn]["DomainName"], self._targets.get(body["ServiceArn"], ()))
        return {"VpcIngressConnection": self._ingress[arn]}

    def _update_ingress(self, body: _Body) -> _Body:
        ingress = _found(self._ingress, body["VpcIngressConnectionArn"])
        ingress.update(body)
        return {"VpcIngressConnection": ingress}

    def _delete_ingress(self, body: _Body) -> _Body:
        ingress = _found(self._ingress, body["VpcIngressConnectionArn"])
        del self._ingress[body["VpcIngressConnectionArn"]]
        self._front.forget(ingress["DomainName"])
        return {"VpcIngressConnection": {**ingress, "Status": "DELETED"}}

    def _serve(self, service: _Record, addresses: Collection[str], port: int) -> None:
        arn = service["ServiceArn"]
        self._targets[arn] = [(each, port) for each in addresses]
        hosts = [each["DomainName"] for each in self._ingress.values() if each["ServiceArn"] == arn]
        for host in [*hosts, *([] if _private(service) else [self._url(service)])]:
            self._front.serve(host, self._targets[arn])

    # What runs.

    def _revision(self, service: _Record) -> str:
        """What a service is now, as a task definition; gives its name."""
        source = service["SourceConfiguration"]
        image, code = source.get("ImageRepository"), source.get("CodeRepository")
        if image is not None:
            about, what = image.get("ImageConfiguration", {}), image["ImageIdentifier"]
        else:
            about = code.get("CodeConfiguration", {}).get("CodeConfigurationValues", {})
            what = code["RepositoryUrl"].removeprefix("https://")
        role = service["InstanceConfiguration"].get("InstanceRoleArn")
        group = f"/aws/apprunner/{service['ServiceName']}/{service['ServiceId']}/application"
        id = uuid.uuid4().hex
        self._revisions[id] = {
            "taskDefinitionArn": id,
            "containerDefinitions": [
                {
                    "name": "service",
                    "image": what,
                    "command": shlex.split(about.get("StartCommand", "")),
                    "portMappings": [{"containerPort": int(about.get("Port", 8080))}],
                    "environment": _pairs(about.get("RuntimeEnvironmentVariables", {}), "value"),
                    "secrets": _pairs(about.get("RuntimeEnvironmentSecrets", {}), "valueFrom"),
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {"awslogs-group": group, "awslogs-stream-prefix": "instance"},
                    },
                }
            ],
            **({"taskRoleArn": role, "executionRoleArn": role} if role else {}),
        }
        return id

    def _start(self, service: Service, revision: str, deployment: str) -> Task:
        record = {"clusterArn": service.arn, "startedBy": deployment}
        task = Task(
            self._account,
            record,
            self._revisions[revision],
            take_role=self._credentials,
            tell=lambda _: None,
            host=_HOST,
        )
        task.start()
        return task

    def _checks(self, running: Service) -> Sequence[Check]:
        service = self._services[running.arn]
        about = service.get("HealthCheckConfiguration", {})
        definition = self._revisions[running.record["taskDefinition"]]
        port = definition["containerDefinitions"][0]["portMappings"][0]["containerPort"]
        return [
            Check(
                running.arn,
                port=port,
                path=about.get("Path", "/") if about.get("Protocol") == "HTTP" else "",
                codes="200-399",
                tls=False,
                most=about.get("UnhealthyThreshold", 5),
                register=lambda addresses: self._serve(service, addresses, port),
            )
        ]

    def _tags(self, body: _Body) -> _Body:
        every: dict[str, _Record] = {**self._parts, **self._ingress, **self._services}
        return {"Tags": _found(every, body["ResourceArn"]).get("Tags", [])}


def _private(service: _Record) -> bool:
    ingress = service["NetworkConfiguration"].get("IngressConfiguration", {})
    return not ingress.get("IsPubliclyAccessible", True)


def _pairs(values: Mapping[str, str], key: str) -> list[dict[str, str]]:
    return [{"name": name, key: value} for name, value in values.items()]


def _found(records: Mapping[str, _Record], arn: str) -> _Record:
    if arn not in records:
        raise _refused(f"{arn} does not exist", "ResourceNotFoundException")
    return records[arn]


def _refused(message: str, code: str = "InvalidRequestException") -> ApiError:
    return ApiError(code, message)
