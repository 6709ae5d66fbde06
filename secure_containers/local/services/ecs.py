"""Amazon ECS: clusters, capacity providers, task definitions, tasks and services. `tasks` runs the tasks.

All that a call says is kept and told again. ministack's own ECS asks Docker for everything and drops much of it.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from secure_containers.local.account import Account
from secure_containers.local.front import Front
from secure_containers.local.services.api import ApiError, Request
from secure_containers.local.tasks.health import Check
from secure_containers.local.tasks.hooks import invoke
from secure_containers.local.tasks.service import Service, Surroundings, watch
from secure_containers.local.tasks.task import Task, has_program

_Body = Mapping[str, Any]
_Record = dict[str, Any]
_LOOK: Final = 0.2
"""Seconds between two looks at the services."""
_KEPT: Final = 200
"""Tasks that have ended and are still told of."""
_AWS: Final = ("FARGATE", "FARGATE_SPOT")
_PLATFORM: Final = "1.4.0"
"""What LATEST means on Fargate."""
_MAIN: Final = "Main"
"""The container of Express Mode that gets the calls."""
_MOST: Final = 2
"""Failures in a row that Express Mode lets pass."""
_CONFIGURED: Final = (
    "cpu",
    "executionRoleArn",
    "healthCheckPath",
    "memory",
    "networkConfiguration",
    "primaryContainer",
    "scalingTarget",
    "taskDefinitionArn",
    "taskRoleArn",
)


class Ecs:
    """The service in one account and Region.

    Args:
        account: where it is.
        front: passes calls on to tasks by their host names.
        publish: takes the events, each with its kind and the ARN that it is about; called by one thread.
        credentials: gives those of a role to a service that the role trusts.
    """

    def __init__(
        self,
        account: Account,
        front: Front,
        *,
        publish: Callable[[str, str, _Body], None],
        credentials: Callable[..., dict[str, str]],
    ) -> None:
        self._account = account
        self._front = front
        self._credentials = credentials
        self._lock = threading.RLock()
        self._clusters: dict[str, _Record] = {}
        self._providers: dict[str, _Record] = {}
        self._definitions: dict[str, list[_Record]] = {}
        self._services: dict[str, Service] = {}
        self._tasks: dict[str, Task] = {}
        self._express: dict[str, _Record] = {}
        self._registered: dict[str, set[str]] = {}
        self._managed: dict[str, _Record] = {}
        self._events: queue.SimpleQueue[tuple[str, str, _Body]] = queue.SimpleQueue()
        self._around = Surroundings(
            start=self._start_for,
            stands=self._stands,
            checks=self._checks,
            publish=self._publish,
            forget=self._forget,
            ask=self._ask,
        )
        self._closed = threading.Event()
        self._operations: dict[str, Callable[[_Body], _Body]] = {
            "CreateCapacityProvider": self._create_provider,
            "CreateCluster": self._create_cluster,
            "CreateExpressGatewayService": self._create_express,
            "CreateService": self._create_service,
            "DeleteCapacityProvider": self._delete_provider,
            "DeleteCluster": self._delete_cluster,
            "DeleteExpressGatewayService": self._delete_express,
            "DeleteService": self._delete_service,
            "DeregisterTaskDefinition": self._deregister,
            "DescribeCapacityProviders": self._describe_providers,
            "DescribeClusters": self._describe_clusters,
            "DescribeExpressGatewayService": self._describe_express,
            "DescribeServiceRevisions": self._describe_revisions,
            "DescribeServices": self._describe_services,
            "DescribeTaskDefinition": self._describe_definition,
            "DescribeTasks": self._describe_tasks,
            "ListClusters": lambda _: {"clusterArns": [each["clusterArn"] for each in self._clusters.values()]},
            "ListServices": self._list_services,
            "ListTagsForResource": lambda body: {"tags": self._tags(body["resourceArn"])},
            "ListTaskDefinitions": self._list_definitions,
            "ListTasks": self._list_tasks,
            "PutClusterCapacityProviders": self._put_providers,
            "RegisterTaskDefinition": self._register,
            "RunTask": self._run_task,
            "StopTask": self._stop_task,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "UpdateCapacityProvider": self._update_provider,
            "UpdateCluster": self._update_cluster,
            "UpdateExpressGatewayService": self._update_express,
            "UpdateService": self._update_service,
        }
        threading.Thread(target=self._deliver, args=(publish,), name="ecs-events", daemon=True).start()
        watched = (self._services.values, self._lock, self._closed)
        threading.Thread(target=watch, args=watched, name="ecs-services", daemon=True).start()

    def __call__(self, request: Request) -> _Body:
        operation = self._operations.get(request.operation)
        if operation is None:
            raise _refused(f"the emulator does not know {request.operation}")
        with self._lock:
            return operation(request.body)

    def close(self) -> None:
        """End all tasks and what they have started."""
        self._closed.set()
        tasks = [task for task in self._tasks.values() if task.status != "STOPPED"]
        for task in tasks:
            task.stop("the emulator ends")
        until = time.monotonic() + 3
        while time.monotonic() < until and any(task.status != "STOPPED" for task in tasks):
            time.sleep(_LOOK)

    # What IAM asks for.

    def resource(self, body: _Body) -> str | None:
        """The ARN that a call is authorized on. Not under the lock, as the server waits for this, and whoever has the
        lock may wait for the server.

        Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
        """
        cluster = _short(body.get("cluster", "default"))
        if "taskDefinition" in body and "serviceName" not in body and "service" not in body:
            asked = _short(body["taskDefinition"])
            found = self._find_definition(asked)
            return self._arn("task-definition", _short(found["taskDefinitionArn"]) if found else asked)
        if body.get("serviceRevisionArns"):
            return str(body["serviceRevisionArns"][0])
        for name in ("serviceArn", "resourceArn"):
            if name in body:
                return str(body[name])
        for name in ("serviceName", "service"):
            if name in body:
                return self._arn("service", f"{cluster}/{_short(body[name])}")
        if "task" in body:
            return self._arn("task", f"{cluster}/{_short(body['task'])}")
        if "family" in body:
            return self._arn("task-definition", f"{body['family']}:*")
        return None

    def conditions(self, body: _Body) -> Mapping[str, str]:
        """The condition keys of a call that are ECS's own."""
        return {"ecs:cluster": self._arn("cluster", _short(body["cluster"]))} if body.get("cluster") else {}

    # Clusters and capacity providers.

    def _create_cluster(self, body: _Body) -> _Body:
        name = body.get("clusterName", "default")
        if name not in self._clusters:
            self._clusters[name] = {
                "settings": [{"name": "containerInsights", "value": "disabled"}],
                "capacityProviders": [],
                "defaultCapacityProviderStrategy": [],
                "tags": [],
                **body,
                "clusterName": name,
                "clusterArn": self._arn("cluster", name),
                "status": "ACTIVE",
            }
        return {"cluster": self._clusters[name]}

    def _update_cluster(self, body: _Body) -> _Body:
        cluster = self._cluster(body)
        cluster.update({name: value for name, value in body.items() if name != "cluster"})
        return {"cluster": cluster}

    def _put_providers(self, body: _Body) -> _Body:
        for name in body["capacityProviders"]:
            if name not in _AWS and name not in self._providers:
                raise _refused(f"The specified capacity provider {name} was not found.", "InvalidParameterException")
        return self._update_cluster(body)

    def _delete_cluster(self, body: _Body) -> _Body:
        cluster = self._cluster(body)
        if self._services_of(cluster):
            raise _refused(
                "The Cluster cannot be deleted while Services are active.", "ClusterContainsServicesException"
            )
        if any(task.status != "STOPPED" for task in self._tasks_of(cluster)):
            raise _refused("The Cluster cannot be deleted while Tasks are active.", "ClusterContainsTasksException")
        del self._clusters[cluster["clusterName"]]
        return {"cluster": {**cluster, "status": "INACTIVE"}}

    def _describe_clusters(self, body: _Body) -> _Body:
        asked = [_short(each) for each in body.get("clusters", ["default"])]
        found = [self._counted(self._clusters[name]) for name in asked if name in self._clusters]
        missing = [self._arn("cluster", name) for name in asked if name not in self._clusters]
        return {"clusters": found, "failures": [{"arn": arn, "reason": "MISSING"} for arn in missing]}

    def _counted(self, cluster: _Record) -> _Record:
        statuses = [task.status for task in self._tasks_of(cluster)]
        return {
            **cluster,
            "activeServicesCount": len(self._services_of(cluster)),
            "runningTasksCount": statuses.count("RUNNING"),
            "pendingTasksCount": len([each for each in statuses if each in ("PROVISIONING", "PENDING")]),
            "registeredContainerInstancesCount": 0,
        }

    def _cluster(self, body: _Body) -> _Record:
        name = _short(body.get("cluster") or "default")
        if name not in self._clusters:
            raise _refused(f"Cluster not found: {name}", "ClusterNotFoundException")
        return self._clusters[name]

    def _create_provider(self, body: _Body) -> _Body:
        name = body["name"]
        if name in self._providers:
            raise _refused(f"The specified capacity provider name {name} is already in use.")
        arn = self._arn("capacity-provider", name)
        self._providers[name] = {"tags": [], **body, "capacityProviderArn": arn, "status": "ACTIVE"}
        return {"capacityProvider": self._providers[name]}

    def _update_provider(self, body: _Body) -> _Body:
        provider = self._provider(body["name"])
        for name in ("autoScalingGroupProvider", "managedInstancesProvider"):
            if name in body:
                provider[name] = {**provider.get(name, {}), **body[name]}
        return {"capacityProvider": provider}

    def _delete_provider(self, body: _Body) -> _Body:
        provider = self._provider(body["capacityProvider"])
        if any(provider["name"] in each["capacityProviders"] for each in self._clusters.values()):
            raise _refused("The capacity provider is in use by a cluster.", "ResourceInUseException")
        return {"capacityProvider": self._providers.pop(provider["name"])}

    def _describe_providers(self, body: _Body) -> _Body:
        asked = {_short(each) for each in body.get("capacityProviders", [*_AWS, *self._providers])}
        of_aws = [
            {"name": name, "capacityProviderArn": self._arn("capacity-provider", name), "status": "ACTIVE"}
            for name in _AWS
        ]
        found = [each for each in (*of_aws, *self._providers.values()) if each["name"] in asked]
        return {"capacityProviders": found}

    def _provider(self, asked: str) -> _Record:
        if _short(asked) not in self._providers:
            raise _refused(f"The specified capacity provider {asked} was not found.")
        return self._providers[_short(asked)]

    # Task definitions.

    def _register(self, body: _Body) -> _Body:
        revisions = self._definitions.setdefault(body["family"], [])
        number = len(revisions) + 1
        record = {
            "networkMode": "bridge",
            "volumes": [],
            "placementConstraints": [],
            **body,
            "taskDefinitionArn": self._arn("task-definition", f"{body['family']}:{number}"),
            "revision": number,
            "status": "ACTIVE",
            "compatibilities": ["EC2", "FARGATE"] if "FARGATE" in body.get("requiresCompatibilities", []) else ["EC2"],
            "registeredAt": time.time(),
        }
        revisions.append(record)
        return _definition(record)

    def _deregister(self, body: _Body) -> _Body:
        record = self._definition(body["taskDefinition"])
        record["status"] = "INACTIVE"
        return _definition(record)

    def _describe_definition(self, body: _Body) -> _Body:
        return _definition(self._definition(body["taskDefinition"]))

    def _list_definitions(self, body: _Body) -> _Body:
        prefix, status = body.get("familyPrefix"), body.get("status", "ACTIVE")
        every = [each for family in self._definitions.values() for each in family]
        found = [each for each in every if prefix in (None, each["family"]) and each["status"] == status]
        return {"taskDefinitionArns": [each["taskDefinitionArn"] for each in found]}

    def _definition(self, asked: str) -> _Record:
        found = self._find_definition(asked)
        if found is None:
            raise _refused(f"Unable to describe task definition: {asked}.")
        return found

    def _find_definition(self, asked: str) -> _Record | None:
        """The revision that is named, or the last active one of a family."""
        family, _, revision = _short(asked).partition(":")
        every = self._definitions.get(family, [])
        found = [
            each for each in every if str(each["revision"]) == revision or (not revision and each["status"] == "ACTIVE")
        ]
        return found[-1] if found else None

    # Tasks.

    def _run_task(self, body: _Body) -> _Body:
        cluster, definition = self._cluster(body), self._definition(body["taskDefinition"])
        if definition["status"] != "ACTIVE":
            raise _refused("TaskDefinition is inactive")
        tags = list(body.get("tags", []))
        if body.get("propagateTags") == "TASK_DEFINITION":
            tags = [*definition.get("tags", []), *tags]
        told = {
            "group": f"family:{definition['family']}",
            **_without(body, "taskDefinition", "count", "cluster"),
            "tags": tags,
        }
        tasks = [self._start(cluster, definition, told) for _ in range(int(body.get("count", 1)))]
        return {"tasks": [task.seen() for task in tasks], "failures": []}

    def _start(self, cluster: _Record, definition: _Record, told: _Body) -> Task:
        record = {
            "launchType": "FARGATE" if "FARGATE" in definition.get("requiresCompatibilities", []) else "EC2",
            "overrides": {},
            **_without(told, "networkConfiguration", "clientToken", "placementConstraints", "placementStrategy"),
            "clusterArn": cluster["clusterArn"],
            "platformFamily": "Linux",
            "platformVersion": _PLATFORM,
        }
        task = Task(self._account, record, definition, take_role=self._credentials, tell=self._task_moved)
        subnets = told.get("networkConfiguration", {}).get("awsvpcConfiguration", {}).get("subnets", [])
        task.record["attachments"][0]["details"] += [{"name": "subnetId", "value": each} for each in subnets[:1]]
        self._tasks[task.arn] = task
        ended = [arn for arn, each in self._tasks.items() if each.status == "STOPPED"]
        for arn in ended[:-_KEPT]:
            del self._tasks[arn]
        task.start()
        return task

    def _stop_task(self, body: _Body) -> _Body:
        task = self._task(body)
        reason = body.get("reason", "Task stopped by user")
        for service in self._services.values():
            service.stop(task, reason, "UserInitiated")
        task.stop(reason)
        return {"task": task.seen()}

    def _describe_tasks(self, body: _Body) -> _Body:
        found, failures = [], []
        for each in body["tasks"]:
            try:
                found.append(self._task({**body, "task": each}).seen())
            except ApiError:
                failures.append({"arn": each, "reason": "MISSING"})
        return {"tasks": found, "failures": failures}

    def _list_tasks(self, body: _Body) -> _Body:
        wanted = body.get("desiredStatus", "RUNNING")
        tests: dict[str, Callable[[Task], bool]] = {
            "family": lambda task: task.definition["family"] == body["family"],
            "serviceName": lambda task: task.record["group"] == f"service:{_short(body['serviceName'])}",
            "startedBy": lambda task: task.record.get("startedBy") == body["startedBy"],
            "launchType": lambda task: task.record["launchType"] == body["launchType"],
        }
        found = [task for task in self._tasks_of(self._cluster(body)) if task.record["desiredStatus"] == wanted]
        arns = [task.arn for task in found if all(test(task) for name, test in tests.items() if name in body)]
        return {"taskArns": arns}

    def _task(self, body: _Body) -> Task:
        cluster = self._cluster(body)["clusterName"]
        arn = self._arn("task", f"{cluster}/{_short(body['task'])}")
        if arn not in self._tasks:
            raise _refused("The referenced task was not found.", "InvalidParameterException")
        return self._tasks[arn]

    def _tasks_of(self, cluster: _Record) -> list[Task]:
        return [task for task in self._tasks.values() if task.record["clusterArn"] == cluster["clusterArn"]]

    # Services.

    def _create_service(self, body: _Body) -> _Body:
        cluster, name = self._cluster(body), body["serviceName"]
        arn = self._arn("service", f"{cluster['clusterName']}/{name}")
        if arn in self._services:
            raise _refused("Creation of service was not idempotent.", "InvalidParameterException")
        definition = self._definition(body["taskDefinition"])
        record = {
            "deploymentController": {"type": "ECS"},
            "desiredCount": 1,
            "enableECSManagedTags": False,
            "enableExecuteCommand": False,
            "launchType": "EC2",
            "loadBalancers": [],
            "propagateTags": "NONE",
            "schedulingStrategy": "REPLICA",
            "serviceRegistries": [],
            "tags": [],
            **_without(body, "clientToken", "role"),
            "clusterArn": cluster["clusterArn"],
            "createdAt": time.time(),
            "serviceArn": arn,
            "status": "ACTIVE",
            "taskDefinition": definition["taskDefinitionArn"],
        }
        if "capacityProviderStrategy" in body:
            del record["launchType"]
        service = Service(record, self._around)
        service.deploy()
        self._services[arn] = service
        return {"service": service.seen()}

    def _update_service(self, body: _Body) -> _Body:
        service = self._service(body)
        changes = _without(body, "service", "cluster", "forceNewDeployment")
        if "taskDefinition" in changes:
            changes["taskDefinition"] = self._definition(changes["taskDefinition"])["taskDefinitionArn"]
        service.update(changes, force=bool(body.get("forceNewDeployment")))
        return {"service": service.seen()}

    def _delete_service(self, body: _Body) -> _Body:
        service = self._service(body)
        if service.record["desiredCount"] and not body.get("force"):
            message = "The service cannot be stopped while it is scaled above 0."
            raise _refused(message, "InvalidParameterException")
        service.end()
        return {"service": service.seen()}

    def _describe_services(self, body: _Body) -> _Body:
        cluster = self._cluster(body)["clusterName"]
        arns = [self._arn("service", f"{cluster}/{_short(each)}") for each in body["services"]]
        missing = [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in self._services]
        return {"services": [self._services[arn].seen() for arn in arns if arn in self._services], "failures": missing}

    def _describe_revisions(self, body: _Body) -> _Body:
        revisions = {
            _revision(service, each.id): (service, each)
            for service in self._services.values()
            for each in service.deployments
        }
        found = [
            {
                "serviceRevisionArn": arn,
                "serviceArn": revisions[arn][0].arn,
                "clusterArn": revisions[arn][0].record["clusterArn"],
                "taskDefinition": revisions[arn][1].definition,
                "createdAt": revisions[arn][1].created,
                **({"ecsManagedResources": managed} if (managed := self._managed.get(revisions[arn][0].arn)) else {}),
                "containerImages": [
                    _image(each) for each in self._definition(revisions[arn][1].definition)["containerDefinitions"]
                ],
            }
            for arn in body["serviceRevisionArns"]
            if arn in revisions
        ]
        missing = [arn for arn in body["serviceRevisionArns"] if arn not in revisions]
        return {"serviceRevisions": found, "failures": [{"arn": arn, "reason": "MISSING"} for arn in missing]}

    def _list_services(self, body: _Body) -> _Body:
        return {"serviceArns": [each.arn for each in self._services_of(self._cluster(body))]}

    def _services_of(self, cluster: _Record) -> list[Service]:
        return [each for each in self._services.values() if each.record["clusterArn"] == cluster["clusterArn"]]

    def _service(self, body: _Body) -> Service:
        cluster = self._cluster(body)["clusterName"]
        arn = self._arn("service", f"{cluster}/{_short(body['service'])}")
        if arn not in self._services:
            raise _refused("Service not found.", "ServiceNotFoundException")
        return self._services[arn]

    def target_health(self, request: Request) -> _Body | None:
        """What `DescribeTargetHealth` tells of a target group of ours; ministack finds every target healthy."""
        if request.form.get("Action") != "DescribeTargetHealth":
            return None
        asked = request.form.get("TargetGroupArn")
        with self._lock:
            checks = [check for service in self._services.values() for check in service.checks if check.name == asked]
            if not checks:
                return None
            return {
                "DescribeTargetHealthResult": {
                    "TargetHealthDescriptions": [each for check in checks for each in check.seen()]
                }
            }

    # What a service needs.

    def _start_for(self, service: Service, definition: str, deployment: str) -> Task:
        cluster = next(each for each in self._clusters.values() if each["clusterArn"] == service.record["clusterArn"])
        record = service.record
        from_ = {"SERVICE": record["tags"], "TASK_DEFINITION": self._definition(definition).get("tags", [])}
        names = ("launchType", "networkConfiguration", "enableExecuteCommand")
        told = {
            **{name: record[name] for name in names if name in record},
            "group": f"service:{record['serviceName']}",
            "startedBy": deployment,
            "tags": from_.get(record["propagateTags"], []),
        }
        return self._start(cluster, self._definition(definition), told)

    def _forget(self, service: Service) -> None:
        del self._services[service.arn]
        if self._express.pop(service.arn, None) is not None:
            for path in self._managed.pop(service.arn, {}).get("ingressPaths", []):
                for group in path["loadBalancerSecurityGroups"]:
                    self._account.client("ec2").delete_security_group(GroupId=_short(group["arn"]))
            for check in service.checks:
                self._front.forget(check.name)

    def _ask(self, service: Service, deployment: str, hook: _Body, stage: str, details: _Body) -> Mapping[str, Any]:
        revision = _revision(service, deployment)
        event = {
            "lifecycleStage": stage,
            "resourceArn": revision.replace(":service-revision/", ":service-deployment/"),
            "executionDetails": {
                "serviceArn": service.arn,
                "targetServiceRevisionArn": revision,
                "testTrafficWeights": {},
                "productionTrafficWeights": {},
            },
            "hookDetails": details,
        }
        return invoke(self._account, self._credentials, hook, event)

    def _stands(self, definition: str) -> str:
        return str(has_program(self._account, self._definition(definition)) or "")

    def _checks(self, service: Service) -> Sequence[Check]:
        express = self._express.get(service.arn)
        if express is not None:
            return [self._front_check(express)]
        found = [self._registry_check(service, each) for each in service.record["serviceRegistries"]]
        asked = [each for each in service.record["loadBalancers"] if "targetGroupArn" in each]
        if asked:
            arns = [each["targetGroupArn"] for each in asked]
            told = self._account.client("elbv2").describe_target_groups(TargetGroupArns=arns)["TargetGroups"]
            groups = {group["TargetGroupArn"]: group for group in told}
            found += [self._group_check(groups[each["targetGroupArn"]], int(each["containerPort"])) for each in asked]
        return found

    def _group_check(self, group: _Body, port: int) -> Check:
        """A load balancer of ministack's takes every target for healthy, so it gets to know the healthy ones."""
        arn, elb = group["TargetGroupArn"], self._account.client("elbv2")

        def targets(addresses: Collection[str]) -> _Record:
            return {"TargetGroupArn": arn, "Targets": [{"Id": each, "Port": port} for each in addresses]}

        return Check(
            arn,
            port=port,
            path=group.get("HealthCheckPath", ""),
            codes=group.get("Matcher", {}).get("HttpCode", "200"),
            tls=group["HealthCheckProtocol"] == "HTTPS",
            most=group["UnhealthyThresholdCount"],
            register=self._registering(
                arn,
                lambda added: elb.register_targets(**targets(added)),
                lambda removed: elb.deregister_targets(**targets(removed)),
            ),
        )

    def _registry_check(self, service: Service, registry: _Body) -> Check:
        """Cloud Map tells of those tasks that listen."""
        arn, discovery = registry["registryArn"], self._account.client("servicediscovery")
        containers = self._definition(service.record["taskDefinition"])["containerDefinitions"]
        ports = [each["containerPort"] for one in containers for each in one.get("portMappings", [])]
        port = int(registry.get("containerPort") or registry.get("port") or ports[0])

        def add(addresses: Collection[str]) -> None:
            for each in addresses:
                attributes = {"AWS_INSTANCE_IPV4": each, "AWS_INSTANCE_PORT": str(port)}
                discovery.register_instance(ServiceId=_short(arn), InstanceId=each, Attributes=attributes)

        def remove(addresses: Collection[str]) -> None:
            for each in addresses:
                discovery.deregister_instance(ServiceId=_short(arn), InstanceId=each)

        register = self._registering(arn, add, remove)
        return Check(arn, port=port, path="", codes="", tls=False, most=_MOST, register=register)

    def _registering(
        self, arn: str, add: Callable[[Collection[str]], Any], remove: Callable[[Collection[str]], Any]
    ) -> Callable[[Collection[str]], None]:
        """Tells what changes of the addresses that are to be known somewhere."""
        registered = self._registered.setdefault(arn, set())

        def register(addresses: Collection[str]) -> None:
            if new := {*addresses} - registered:
                add(new)
            if old := registered - {*addresses}:
                remove(old)
            registered.clear()
            registered.update(addresses)

        return register

    def _front_check(self, express: _Body) -> Check:
        configuration = express["activeConfigurations"][0]
        host = configuration["ingressPaths"][0]["endpoint"].removeprefix("https://")
        definition = self._definition(configuration["taskDefinitionArn"])
        main = next(each for each in definition["containerDefinitions"] if each["name"] == _MAIN)
        port = int(main["portMappings"][0]["containerPort"])
        return Check(
            host,
            port=port,
            path=configuration["healthCheckPath"],
            codes="200",
            tls=False,
            most=_MOST,
            register=lambda addresses: self._front.serve(host, [(each, port) for each in addresses]),
        )

    # Services of ECS Express Mode.

    def _create_express(self, body: _Body) -> _Body:
        cluster = _short(body.get("cluster") or "default")
        if cluster == "default":
            self._create_cluster({})
        name = body.get("serviceName") or f"express-{uuid.uuid4().hex[:8]}"
        arn = self._arn("service", f"{self._cluster(body)['clusterName']}/{name}")
        if arn in self._services:
            raise _refused("Creation of service was not idempotent.", "InvalidParameterException")
        moment = time.time()
        self._express[arn] = {
            "tags": [],
            **{each: body[each] for each in ("infrastructureRoleArn", "tags") if each in body},
            "cluster": self._cluster(body)["clusterName"],
            "serviceName": name,
            "serviceArn": arn,
            "status": {"statusCode": "ACTIVE"},
            "createdAt": moment,
            "updatedAt": moment,
        }
        try:
            configuration = self._configured(self._express[arn], body)
            self._create_service(
                {
                    "cluster": cluster,
                    "serviceName": name,
                    "taskDefinition": configuration["taskDefinitionArn"],
                    "desiredCount": configuration["scalingTarget"]["minTaskCount"],
                    "launchType": "FARGATE",
                    "networkConfiguration": {"awsvpcConfiguration": configuration["networkConfiguration"]},
                    "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
                }
            )
        except BaseException:
            del self._express[arn]
            raise
        self._manage(self._express[arn])
        return {"service": self._express[arn]}

    def _update_express(self, body: _Body) -> _Body:
        express = self._express_of(body)
        configuration = self._configured(express, body)
        express["updatedAt"] = time.time()
        changes = {
            "taskDefinition": configuration["taskDefinitionArn"],
            "desiredCount": configuration["scalingTarget"]["minTaskCount"],
            "networkConfiguration": {"awsvpcConfiguration": configuration["networkConfiguration"]},
        }
        self._services[express["serviceArn"]].update(changes, force=True)
        return {"service": {**express, "targetConfiguration": configuration}}

    def _delete_express(self, body: _Body) -> _Body:
        express = self._express_of(body)
        self._services[express["serviceArn"]].end()
        express["status"] = {"statusCode": "DRAINING"}
        return {"service": express}

    def _describe_express(self, body: _Body) -> _Body:
        express = self._express_of(body)
        service = self._services[express["serviceArn"]]
        revision = _revision(service, service.primary.id)
        configurations = [{**each, "serviceRevisionArn": revision} for each in express["activeConfigurations"]]
        return {"service": {**express, "activeConfigurations": configurations}}

    def _manage(self, express: _Record) -> None:
        """What Express Mode makes for a service. Of all that only the group of the load balancer is there."""
        configuration, ec2 = express["activeConfigurations"][0], self._account.client("ec2")
        subnets = configuration["networkConfiguration"].get("subnets", [])
        found = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": subnets}])["Subnets"] if subnets else []
        network = {"VpcId": found[0]["VpcId"]} if found else {}
        name, id = f"ecs-express-gateway-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex[:16]
        group = ec2.create_security_group(GroupName=name, Description="The way in", **network)["GroupId"]

        def arn(kind: str) -> dict[str, Any]:
            return {
                "arn": self._account.arn("elasticloadbalancing", kind),
                "status": "ACTIVE",
                "updatedAt": time.time(),
            }

        self._managed[express["serviceArn"]] = {
            "ingressPaths": [
                {
                    **configuration["ingressPaths"][0],
                    "loadBalancer": arn(f"loadbalancer/app/{name}/{id}"),
                    "loadBalancerSecurityGroups": [
                        {**arn(""), "arn": self._account.arn("ec2", f"security-group/{group}")},
                    ],
                    "listener": arn(f"listener/app/{name}/{id}/{id}"),
                    "rule": arn(f"listener-rule/app/{name}/{id}/{id}/{id}"),
                    "targetGroups": [arn(f"targetgroup/{name}-{number}/{id}") for number in (1, 2)],
                }
            ]
        }

    def _express_of(self, body: _Body) -> _Record:
        if body["serviceArn"] not in self._express:
            raise _refused("Service not found.", "ServiceNotFoundException")
        return self._express[body["serviceArn"]]

    def _configured(self, express: _Record, body: _Body) -> _Record:
        """Make what a call says the configuration of a service.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateExpressGatewayService.html
        """
        before = express.get("activeConfigurations", [{}])[0]
        given = {**{name: before[name] for name in _CONFIGURED if name in before}, **_named(body, _CONFIGURED)}
        if "taskDefinitionArn" in body:
            refused = sorted({"primaryContainer", "executionRoleArn", "taskRoleArn", "cpu", "memory"} & body.keys())
            if refused:
                message = f"With a taskDefinitionArn there is no {', '.join(refused)}"
                raise _refused(message, "InvalidParameterException")
            _check_express(self._definition(body["taskDefinitionArn"]))
        elif "primaryContainer" in given:
            given["taskDefinitionArn"] = self._register_main(express["serviceName"], given)
        else:
            raise _refused("A primaryContainer or a taskDefinitionArn is needed", "InvalidParameterException")
        id = f"{express['serviceName'][:2]}-{uuid.uuid5(uuid.NAMESPACE_URL, express['serviceArn']).hex}"
        host = f"{id}.ecs.{self._account.connection.region}.on.aws"
        private = "subnets" in given.get("networkConfiguration", {})
        configuration = {
            "healthCheckPath": "/ping",
            "networkConfiguration": {},
            **given,
            "scalingTarget": {"minTaskCount": 1, "maxTaskCount": 20, **given.get("scalingTarget", {})},
            "ingressPaths": [{"accessType": "PRIVATE" if private else "PUBLIC", "endpoint": f"https://{host}"}],
            "createdAt": time.time(),
        }
        express["activeConfigurations"] = [configuration]
        return configuration

    def _register_main(self, family: str, given: _Body) -> str:
        """The task definition of a primary container."""
        main = given["primaryContainer"]
        logs = main.get("awsLogsConfiguration")
        options = (
            {}
            if logs is None
            else {"awslogs-group": logs["logGroup"], "awslogs-stream-prefix": logs["logStreamPrefix"]}
        )
        definition = {
            "family": family,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": given.get("cpu", "1024"),
            "memory": given.get("memory", "2048"),
            **_named(given, ("executionRoleArn", "taskRoleArn")),
            "containerDefinitions": [
                {
                    **_named(main, ("image", "command", "environment", "secrets", "repositoryCredentials")),
                    "name": _MAIN,
                    "essential": True,
                    "portMappings": [{"name": "main", "containerPort": main.get("containerPort", 80)}],
                    **({"logConfiguration": {"logDriver": "awslogs", "options": options}} if options else {}),
                }
            ],
        }
        return str(self._register(definition)["taskDefinition"]["taskDefinitionArn"])

    # Tags.

    def tagged(self) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Everything with its tags, for policies that ask for them; not under the lock, for the same reason."""
        return [
            (arn, {each["key"]: each["value"] for each in record.get("tags", [])}) for arn, record in self._taggable()
        ]

    def _tags(self, arn: str) -> list[dict[str, str]]:
        record = dict(self._taggable()).get(arn)
        if record is None:
            raise _refused("The specified resource was not found.", "InvalidParameterException")
        tags: list[dict[str, str]] = record.setdefault("tags", [])
        return tags

    def _tag(self, body: _Body) -> _Body:
        self._untag({**body, "tagKeys": [each["key"] for each in body["tags"]]})
        self._tags(body["resourceArn"]).extend(body["tags"])
        return {}

    def _untag(self, body: _Body) -> _Body:
        tags = self._tags(body["resourceArn"])
        tags[:] = [each for each in tags if each["key"] not in body["tagKeys"]]
        return {}

    def _taggable(self) -> Iterator[tuple[str, _Record]]:
        """Of lists, as what they are made from may change meanwhile."""
        yield from [(each["clusterArn"], each) for each in list(self._clusters.values())]
        yield from [(each["capacityProviderArn"], each) for each in list(self._providers.values())]
        for every in list(self._definitions.values()):
            yield from [(each["taskDefinitionArn"], each) for each in every]
        yield from [(arn, each.record) for arn, each in list(self._tasks.items())]
        yield from [(arn, each.record) for arn, each in list(self._services.items())]
        yield from list(self._express.items())

    # What goes on.

    def _task_moved(self, task: Task) -> None:
        self._events.put(("ECS Task State Change", task.arn, task.seen()))

    def _publish(self, service: Service, deployment: str, name: str, reason: str) -> None:
        detail = {
            "eventType": "ERROR" if name.endswith("FAILED") else "INFO",
            "eventName": name,
            "clusterArn": service.record["clusterArn"],
            "deploymentId": deployment,
            "updatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "reason": reason,
        }
        self._events.put(("ECS Deployment State Change", service.arn, detail))

    def _deliver(self, publish: Callable[[str, str, _Body], None]) -> None:
        while True:
            publish(*self._events.get())

    def _arn(self, kind: str, name: str) -> str:
        return self._account.arn("ecs", f"{kind}/{name}")


def _refused(message: str, code: str = "ClientException") -> ApiError:
    return ApiError(code, message)


def _short(reference: str) -> str:
    """The last part of an ARN, or the name itself."""
    return reference.rpartition("/")[2]


def _named(body: _Body, names: Iterable[str]) -> _Record:
    return {name: body[name] for name in names if name in body}


def _without(body: _Body, *names: str) -> _Record:
    return {name: value for name, value in body.items() if name not in names}


def _revision(service: Service, deployment: str) -> str:
    """The ARN of what a deployment deploys."""
    return f"{service.arn.replace(':service/', ':service-revision/')}/{_short(deployment)}"


def _image(container: _Body) -> _Body:
    digest = container["image"].partition("@")[2]
    return {
        "containerName": container["name"],
        "image": container["image"],
        **({"imageDigest": digest} if digest else {}),
    }


def _definition(record: _Record) -> _Body:
    return {"taskDefinition": _without(record, "tags"), "tags": record.get("tags", [])}


def _check_express(definition: _Body) -> None:
    """Whether a task definition fits Express Mode."""
    main = [each for each in definition["containerDefinitions"] if each["name"] == _MAIN]
    ports = [port for each in main for port in each.get("portMappings", [])]
    if len(ports) != 1 or not ports[0].get("name") or "FARGATE" not in definition.get("requiresCompatibilities", []):
        raise _refused(
            f"The task definition has to be for FARGATE, with a container {_MAIN} that has one named port",
            "InvalidParameterException",
        )
