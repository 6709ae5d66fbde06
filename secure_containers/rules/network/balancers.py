"""Load balancers and the services behind them: the way that has to be open, or no target ever gets healthy."""

from __future__ import annotations

from collections.abc import Iterator

from secure_containers.rules.ecs_model import awsvpc
from secure_containers.rules.network.databases import Neighbour
from secure_containers.rules.network.exposure import led_by_balancers
from secure_containers.rules.network.model import network
from secure_containers.rules.network.names import is_grouped, subnets_of
from secure_containers.rules.network.needs import Workload
from secure_containers.rules.network.workloads import SERVICE_TYPES, entries_of, fronts_of, groups_of
from secure_containers.rules.task_model import items
from secure_containers.rules.template import Place, Resource, World


def balancers(world: World) -> list[Workload]:
    """The load balancers with the services behind them, whose ports they have to reach; they need nothing else."""
    leading: dict[Place, list[Resource]] = {}
    for balancer, groups in world.once(led_by_balancers).items():
        if isinstance(balancer, Resource) and not _has_told_addresses(balancer):
            for group in groups:
                leading.setdefault(group, []).append(balancer)
    found: dict[Resource, Workload] = {}
    for service in world.of_type(*SERVICE_TYPES):
        for neighbour, fronts in _behind_balancers(world, service):
            for balancer in dict.fromkeys(each for front in fronts for each in leading.get(front, ())):
                workload = found.setdefault(balancer, _balancer(world, balancer))
                workload.neighbours.append(neighbour)
    return list(found.values())


def _has_told_addresses(balancer: Resource) -> bool:
    """Whether rules may name its few addresses instead of its subnets."""
    mappings = items(balancer, "SubnetMappings")
    return any(not address.absent for item in mappings for address in item.get("PrivateIPv4Address"))


def _balancer(world: World, balancer: Resource) -> Workload:
    return Workload(
        balancer,
        "the load balancer",
        subnets_of(world, balancer),
        groups_of(world, balancer.get("SecurityGroups")),
        grouped=is_grouped(balancer),
    )


def _behind_balancers(world: World, service: Resource) -> Iterator[tuple[Neighbour, list[Place]]]:
    """A service as its load balancers meet it, by each of its ports and that of the health check."""
    net = world.once(network)
    for configuration in awsvpc(service):
        if configuration.absent:
            continue  # its tasks have the addresses and groups of their instances
        subnets = world.lists(configuration, "Subnets")
        groups = world.lists(configuration, "SecurityGroups") or net.vpcs_of(subnets)
        for entry in entries_of(service):
            fronts = fronts_of(world, entry)
            checked = [port for front in fronts if isinstance(front, Resource) for port in front.get("HealthCheckPort")]
            ports = [port.text for port in (*entry.get("ContainerPort"), *checked) if port.text.isdecimal()]
            numbers = tuple(dict.fromkeys(map(int, ports)))
            yield Neighbour(service, service.logical_id, tuple(groups), tuple(subnets), numbers), fronts
