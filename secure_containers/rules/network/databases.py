"""Databases, file systems and private services as neighbours in a network: where they name their groups, subnets and
port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from secure_containers.rules.template import Place, Resource, World


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Something with security groups in the network, which a workload names."""

    resource: Resource
    service: str
    """What a waiver names: the file system's service, or the neighbour itself."""
    groups: tuple[Place, ...]
    subnets: tuple[Place, ...]
    ports: tuple[int, ...]
    grouped: bool = True
    """It has security groups, whether or not they are told."""
    host: str = ""
    """The name by which the workload calls it, if others may have the same one in other networks."""


@dataclass(frozen=True, slots=True)
class _Kind:
    groups: str
    port: str
    default: int = 0
    subnets: str = "DBSubnetGroupName"


_KINDS: Final[Mapping[str, _Kind]] = {
    "AWS::RDS::DBInstance": _Kind("VPCSecurityGroups", "Port"),
    "AWS::RDS::DBCluster": _Kind("VpcSecurityGroupIds", "Port"),
    "AWS::ElastiCache::ReplicationGroup": _Kind("SecurityGroupIds", "Port", 6379, "CacheSubnetGroupName"),
    "AWS::ElastiCache::CacheCluster": _Kind("VpcSecurityGroupIds", "Port", 6379, "CacheSubnetGroupName"),
    "AWS::ElastiCache::ServerlessCache": _Kind("SecurityGroupIds", "Port", 6379, "SubnetIds"),
    "AWS::DocDB::DBCluster": _Kind("VpcSecurityGroupIds", "Port", 27017),
    "AWS::Neptune::DBCluster": _Kind("VpcSecurityGroupIds", "DBPort", 8182),
    "AWS::Redshift::Cluster": _Kind("VpcSecurityGroupIds", "Port", 5439, "ClusterSubnetGroupName"),
    "AWS::MemoryDB::Cluster": _Kind("SecurityGroupIds", "Port", 6379, "SubnetGroupName"),
}
_ENGINE_PORTS: Final = (
    ("postgres", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("sqlserver", 1433),
    ("oracle", 1521),
)
_NFS: Final = 2049
_HTTPS: Final = 443
_INGRESS: Final = "AWS::AppRunner::VpcIngressConnection"


def is_address(resource: Resource, attribute: str) -> bool:
    """Whether an attribute of a resource is the address of a neighbour."""
    if resource.type == _INGRESS:
        return attribute == "DomainName"
    return resource.type in _KINDS and "endpoint" in attribute.lower() and not attribute.endswith("Port")


def neighbour(world: World, resource: Resource) -> Neighbour:
    """What answers at an address."""
    return _private_service(world, resource) if resource.type == _INGRESS else _database(world, resource)


def _private_service(world: World, ingress: Resource) -> Neighbour:
    """A private service of App Runner, which answers at the interface endpoint of its ingress connection."""
    endpoints = [
        place
        for place in world.places(ingress, "IngressVpcConfiguration", "VpcEndpointId")
        if isinstance(place, Resource)
    ]
    return Neighbour(
        ingress,
        ingress.logical_id,
        tuple(
            place
            for each in endpoints
            for place in world.lists(each, "SecurityGroupIds") or world.places(each, "VpcId")
        ),
        tuple(place for each in endpoints for place in world.lists(each, "SubnetIds")),
        (_HTTPS,),
    )


def ports_of(resource: Resource) -> list[int]:
    """The ports on which a database answers; none if that is not told, or the resource is none."""
    kind = _KINDS.get(resource.type)
    if kind is None:
        return []
    values = resource.get(kind.port)
    ports = [int(value.text) for value in values if value.text.isdecimal()]
    if ports or any(value.unknown for value in values):
        return ports
    engine = " ".join(value.text for value in resource.get("Engine"))
    port = next((number for name, number in _ENGINE_PORTS if name in engine), kind.default)
    return [port] if port else []


def _database(world: World, resource: Resource) -> Neighbour:
    """A database as its neighbours meet it; an instance of a cluster has the cluster's groups."""
    for cluster in world.places(resource, "DBClusterIdentifier"):
        if isinstance(cluster, Resource) and cluster.type in _KINDS:
            return _database(world, cluster)
    kind = _KINDS[resource.type]
    places = world.lists(resource, kind.subnets)
    subnets = [
        subnet
        for place in places
        for subnet in (world.lists(place, "SubnetIds") if isinstance(place, Resource) else [])
    ]
    return Neighbour(
        resource,
        resource.logical_id,
        tuple(world.lists(resource, kind.groups)),
        tuple(subnets or (places if kind.subnets == "SubnetIds" else [])),
        tuple(ports_of(resource)),
    )


def file_system(world: World, resource: Resource) -> Neighbour:
    """A file system of EFS, which answers at its mount targets."""
    targets = [
        target for target in world.of_type("AWS::EFS::MountTarget") if resource in world.places(target, "FileSystemId")
    ]
    groups = [place for target in targets for place in world.lists(target, "SecurityGroups")]
    subnets = [place for target in targets for place in world.places(target, "SubnetId")]
    return Neighbour(
        resource, "elasticfilesystem", tuple(dict.fromkeys(groups)), tuple(dict.fromkeys(subnets)), (_NFS,)
    )
