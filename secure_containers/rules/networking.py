"""Rules about networks themselves: security groups, endpoints, addresses, flow logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from secure_containers.rules.ecs_model import awsvpc
from secure_containers.rules.engine import Controls, Observations, resource_rule, template_rule
from secure_containers.rules.event_model import ecs_targets
from secure_containers.rules.network.model import Endpoint, Peer, network, rules_in
from secure_containers.rules.network.services import FIPS_REGIONS, SERVICES
from secure_containers.rules.policies import Statement, Unreadable
from secure_containers.rules.template import Observation, Place, Resource, Template, Value, is_true

_EC2: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html"
_NARROW: Final = (
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourceaccount",
    "s3:resourceaccount",
    "kms:calleraccount",
)


@template_rule("SC-NET-06", types=("AWS::EC2::VPCEndpoint",), guidelines=("endpoint-policies",))
def unrestricted_endpoint(template: Template) -> Observations:
    """An endpoint lets every caller through to every resource.

    ## Why
    Without a policy an endpoint lets through whoever has credentials of any account, to the resources of any account:
    stolen data leaves by a bucket of the thief's, through the private network and unseen by any firewall.

    ## Fix
    Give the endpoint a policy whose statements name resources, or have a condition on the caller's or the resource's
    account or organization. S3 needs a statement without such conditions for ECR's bucket of layers.
    `PrivateNetwork` writes them. Services whose endpoints take no policy are not judged.

    ## Bad
    ```yaml
    Resources:
      Secrets:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: !Sub com.amazonaws.${AWS::Region}.secretsmanager
          VpcId: vpc-0a1b2c3d
    ```

    ## Good
    ```yaml
    Resources:
      Secrets:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: !Sub com.amazonaws.${AWS::Region}.secretsmanager
          VpcId: vpc-0a1b2c3d
          PolicyDocument:
            Statement:
              - Effect: Allow
                Principal: '*'
                Action: secretsmanager:*
                Resource: '*'
                Condition: {StringEquals: {aws:PrincipalAccount: !Ref AWS::AccountId}}
    ```
    """
    for endpoint in _endpoints(template):
        service = SERVICES.get((endpoint.service or "").removesuffix("-fips"))
        if service is None or not service.policy:
            continue
        policies = endpoint.resource.get("PolicyDocument")
        if any(policy.absent for policy in policies):
            yield endpoint.resource.violates(
                f"the endpoint of {service.name} has no policy, which means every caller and every resource",
                at="Properties.PolicyDocument",
            )
        guarded = any(isinstance(each, Statement) and _keeps_out(each) for each in endpoint.policy)
        for statement in endpoint.policy:
            if isinstance(statement, Unreadable):
                yield statement.observation
            elif statement.allows and not guarded and _is_open(statement):
                yield statement.violates(f"the policy of the endpoint of {service.name} lets everybody through")


def _is_open(statement: Statement) -> bool:
    everything = any(resource.text in ("*", "arn:*") for resource in statement.resources)
    everybody = any(principal.text == "*" for _, principal in statement.principals)
    return (
        (everything or bool(statement.excluded_resources))
        and (everybody or bool(statement.excluded_principals))
        and not any(_narrows(*condition, negated=False) for condition in statement.conditions())
    )


def _keeps_out(statement: Statement) -> bool:
    """A Deny for everybody whose account or organization is another one, as AWS's pages have it."""
    everything = any(action.text == "*" for action in statement.actions)
    return (
        statement.denies
        and everything
        and any(resource.text == "*" for resource in statement.resources)
        and any(_narrows(*condition, negated=True) for condition in statement.conditions())
    )


def _narrows(operator: str, key: str, values: list[Value], *, negated: bool) -> bool:
    """Whether a condition names somebody or some resources; services of AWS count, as data perimeters have them."""
    if key == "aws:principalisawsservice":
        return not negated
    named = key in _NARROW or key.startswith("aws:principaltag")
    return named and ("not" in operator.lower()) is negated and not any(value.text in ("*", "") for value in values)


@template_rule(
    "SC-NET-07",
    types=("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"),
    guidelines=("narrow-security-groups",),
    controls=Controls(
        fsbp=("EC2.18", "EC2.19"),
        cis=("v5.0.0/5.3", "v5.0.0/5.4", "v3.0.0/5.2", "v3.0.0/5.3"),
        pci_dss_4=("1.3.1",),
        nist_800_53_r5=("AC-4", "AC-4(21)", "SC-7", "SC-7(11)", "SC-7(16)", "SC-7(21)", "SC-7(4)", "SC-7(5)"),
        source=_EC2,
    ),
)
def open_ingress(template: Template) -> Observations:
    """A security group lets in everybody.

    ## Why
    A port that is open to every address is found within minutes, and whatever listens there is tried.

    ## Fix
    Name the peers: the security group of the clients or of the load balancer, or their networks.

    ## Bad
    ```yaml
    Resources:
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: web
          SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}]
    ```

    ## Good
    ```yaml
    Resources:
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: web
          SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, SourceSecurityGroupId: sg-0a1b2c3d}]
    ```
    """
    yield from _open_rules(rules_in(template, outwards=False), "in")


@template_rule(
    "SC-NET-08",
    types=("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress"),
    guidelines=("narrow-security-groups",),
)
def open_egress(template: Template) -> Observations:
    """A security group lets out everything, to anywhere.

    ## Why
    What breaks into a workload calls home, and carries data out, through exactly this. It is CloudFormation's default
    and the CDK's.

    ## Fix
    Let out what is needed: in CDK `allow_all_outbound=False`, and then rules for the ports and peers. In a
    `PrivateNetwork`, `require` opens the way to endpoints.

    ## Bad
    ```yaml
    Resources:
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: workers
    ```

    ## Good
    ```yaml
    Resources:
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: workers
          SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/16}]
    ```
    """
    for group in template.world.once(network).groups.values():
        if group.open_by_default and group.resource.template is template:
            yield group.resource.violates(
                "SecurityGroupEgress is not set, which means everything to anywhere",
                at="Properties.SecurityGroupEgress",
            )
    everything = [
        rule
        for rule in rules_in(template, outwards=True)
        if rule.protocol in ("-1", "all") or (rule.ports[0] <= 1 and rule.ports[1] == _LAST_PORT)
    ]
    yield from _open_rules(everything, "out")


_LAST_PORT: Final = 65535
_WIDEST: Final = 1
"""The prefix of half of all addresses: two such rules are one for all."""


def _open_rules(rules: Iterable[Peer], way: str) -> Iterator[Observation]:
    for rule in rules:
        if rule.cidr is not None and rule.cidr.prefixlen <= _WIDEST:
            first, last = rule.ports
            ports = (
                "ports that the template does not tell"
                if rule.unknown
                else "every port"
                if first <= 1 and last == _LAST_PORT
                else f"port {first}" + (f"-{last}" if last > first else "")
            )
            yield rule.value.violates(f"it lets {rule.cidr} {way} on {ports}")


@template_rule(
    "SC-NET-09",
    types=("AWS::EC2::VPC",),
    guidelines=("narrow-security-groups",),
    controls=Controls(
        fsbp=("EC2.2",),
        cis=("v5.0.0/5.5", "v3.0.0/5.4", "v1.4.0/5.3", "v1.2.0/4.3"),
        pci_dss_4=("1.3.3",),
        nist_800_53_r5=("AC-4", "AC-4(21)", "SC-7", "SC-7(11)", "SC-7(16)", "SC-7(21)", "SC-7(4)", "SC-7(5)"),
        source=_EC2,
    ),
)
def open_default_security_group(template: Template) -> Observations:
    """The default security group of a VPC keeps its open rules.

    ## Why
    Whatever is started without a security group gets the default one, which lets its members talk to each other and out
    to anywhere. Nobody decided that.

    ## Fix
    CloudFormation cannot take the rules out, so a custom resource has to: `PrivateNetwork` has one, and the CDK's own
    VPC with `restrict_default_security_group=True`.

    ## Bad
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
    ```

    ## Good
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
      Closed:
        Type: Custom::ClosedDefaultSecurityGroup
        Properties: {ServiceToken: 'arn:aws:lambda:eu-central-1:111122223333:function:network', VpcId: !Ref Vpc}
    ```
    """
    closed = template.world.once(network).closed_vpcs
    for vpc in template.of_type("AWS::EC2::VPC"):
        if vpc not in closed:
            yield vpc.violates("nothing takes the open rules out of the VPC's default security group")


@template_rule(
    "SC-NET-10",
    types=("AWS::EC2::VPC",),
    guidelines=("cloudwatch-logs-and-alarms",),
    controls=Controls(
        fsbp=("EC2.6",),
        cis=("v5.0.0/3.7", "v3.0.0/3.7", "v1.4.0/3.9", "v1.2.0/2.9"),
        nist_800_53_r5=("AC-4(26)", "AU-12", "AU-2", "AU-3", "AU-6(3)", "AU-6(4)", "CA-7", "SI-7(8)"),
        source=_EC2,
    ),
)
def unlogged_traffic(template: Template) -> Observations:
    """A VPC has no flow logs.

    ## Why
    Who talked to whom is the first question after an intrusion, and only flow logs answer it. They cannot be had
    afterwards.

    ## Fix
    Add an `AWS::EC2::FlowLog` for the VPC with traffic type `ALL` or `REJECT`.

    ## Bad
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
    ```

    ## Good
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
      Flows:
        Type: AWS::EC2::FlowLog
        Properties: {ResourceType: VPC, ResourceId: !Ref Vpc, TrafficType: ALL}
    ```
    """
    logged: dict[object, list[Resource]] = {}
    for log in template.world.of_type("AWS::EC2::FlowLog"):
        if all(kind.text in ("ALL", "REJECT") or kind.unknown for kind in log.get("TrafficType")):
            for place in template.world.places(log, "ResourceId"):
                logged.setdefault(place, []).append(log)
    for vpc in template.of_type("AWS::EC2::VPC"):
        if not vpc.always([log.given for log in logged.get(vpc, ())]):
            yield vpc.violates("no flow log of these templates takes what the VPC accepts or rejects")


@resource_rule(
    "SC-NET-11",
    types=(
        "AWS::EC2::Subnet",
        "AWS::ECS::Service",
        "AWS::ECS::TaskSet",
        "AWS::Events::Rule",
        "AWS::Scheduler::Schedule",
        "AWS::Batch::JobDefinition",
    ),
    guidelines=("private-subnets",),
    controls=Controls(
        fsbp=("EC2.15", "ECS.2", "ECS.16"),
        pci_dss_4=("1.4.4",),
        nist_800_53_r5=("AC-21", "AC-3", "AC-3(7)", "AC-4", "AC-4(21)", "AC-6", "SC-7", "SC-7(11)", "SC-7(16)"),
        source=_EC2,
    ),
)
def public_address(resource: Resource) -> Observations:
    """A subnet gives out public addresses, or a task asks for one.

    ## Why
    A public address makes a workload a part of the internet, from which only its security group keeps it apart. Tasks
    in public subnets need one to pull their image at all, so that is what tutorials say; endpoints or a NAT gateway do
    without.

    ## Fix
    Set `MapPublicIpOnLaunch` to false and `AssignPublicIp` to `DISABLED`, and place workloads in private subnets.

    ## Bad
    ```yaml
    Resources:
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: vpc-0a1b2c3d, CidrBlock: 10.0.0.0/24, MapPublicIpOnLaunch: true}
    ```

    ## Good
    ```yaml
    Resources:
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: vpc-0a1b2c3d, CidrBlock: 10.0.0.0/24}
    ```
    """
    for value in resource.get("MapPublicIpOnLaunch"):
        if value.unknown or is_true(value.data):
            yield value.violates("the subnet gives a public address to whatever starts in it")
    starters: tuple[Resource | Value, ...] = (resource, *(parameters for _, parameters in ecs_targets(resource)))
    places = [address for each in starters for place in awsvpc(each) for address in place.get("AssignPublicIp")]
    places += resource.get("ContainerProperties", "NetworkConfiguration", "AssignPublicIp")
    for tasks in resource.get("EcsProperties", "TaskProperties"):
        for task in tasks.items():
            places += task.get("NetworkConfiguration", "AssignPublicIp")
    for value in places:
        if value.unknown or value.text == "ENABLED":
            yield value.violates("the task gets a public address")


@template_rule(
    "SC-NET-12",
    types=("AWS::EC2::VPCEndpoint",),
    guidelines=("deployable-templates",),
)
def undeployable_endpoint(template: Template) -> Observations:
    """An endpoint will not deploy, or will do nothing.

    ## Why
    CloudFormation finds out after minutes and rolls the whole stack back: two endpoints that claim the same host names,
    a policy on a service that takes none, an interface without a subnet, private DNS where the service or the VPC has
    none, FIPS where there is none. A gateway endpoint without a route table deploys, and no traffic goes there.

    ## Fix
    Mend what the finding names.

    ## Bad
    ```yaml
    Resources:
      Requests:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: com.amazonaws.eu-central-1.apprunner.requests
          VpcId: vpc-0a1b2c3d
          SubnetIds: [subnet-0a1b2c3d]
          PrivateDnsEnabled: true
    ```

    ## Good
    ```yaml
    Resources:
      Requests:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: com.amazonaws.eu-central-1.apprunner.requests
          VpcId: vpc-0a1b2c3d
          SubnetIds: [subnet-0a1b2c3d]
          PrivateDnsEnabled: false
    ```
    """
    net = template.world.once(network)
    for (vpc, _), endpoints in net.endpoints.items():
        named = [endpoint for endpoint in endpoints if endpoint.private_dns or endpoint.gateway]
        for endpoint in endpoints:
            if endpoint.resource.template is not template:
                continue
            yield from _own_mistakes(endpoint)
            twins = [
                other
                for other in named
                if other is not endpoint
                and endpoint in named
                and endpoint.service is not None
                and vpc is not None
                and _can_stand_together(endpoint, other)
                and (not endpoint.gateway or _tables(endpoint) & _tables(other))
            ]
            if twins:
                yield endpoint.resource.violates(
                    f"{twins[0].resource.logical_id} is an endpoint of {endpoint.service} for the same "
                    + ("route table" if endpoint.gateway else "VPC and host names")
                )
            house = net.vpcs.get(vpc) if vpc is not None else None
            if endpoint.private_dns and house is not None and not house.keeps_names:
                yield endpoint.resource.violates(
                    f"private DNS is on, and the VPC {house.resource.logical_id} has not both DNS settings on",
                    at="Properties.PrivateDnsEnabled",
                )


def _own_mistakes(endpoint: Endpoint) -> Iterator[Observation]:
    resource, name = endpoint.resource, endpoint.service
    if endpoint.gateway and not endpoint.tables:
        yield resource.violates("the gateway endpoint is in no route table", at="Properties.RouteTableIds")
    if not endpoint.gateway and not endpoint.subnets:
        yield resource.violates("the interface endpoint is in no subnet", at="Properties.SubnetIds")
    service = SERVICES.get((name or "").removesuffix("-fips"))
    if service is None or name is None:
        return
    if service.policy is False and any(not policy.absent for policy in resource.get("PolicyDocument")):
        yield resource.violates(f"endpoints of {service.name} take no policy", at="Properties.PolicyDocument")
    if endpoint.private_dns and not service.private_dns:
        yield resource.violates(
            f"{service.name} has no host names that private DNS could lead here", at="Properties.PrivateDnsEnabled"
        )
    region = resource.template.region
    if name.endswith("-fips") and (not service.fips or (region is not None and not FIPS_REGIONS.fullmatch(region))):
        yield resource.violates(
            f"there is no FIPS endpoint of {service.name}" + (f" in {region}" if region else ""),
            at="Properties.ServiceName",
        )


def _tables(endpoint: Endpoint) -> set[Place]:
    return {table for table, _ in endpoint.tables}


def _can_stand_together(one: Endpoint, other: Endpoint) -> bool:
    (here, given), (there, others) = one.holding, other.holding
    return here is not there or not any((what, not holds) in others for what, holds in given)


def _endpoints(template: Template) -> Iterator[Endpoint]:
    for endpoints in template.world.once(network).endpoints.values():
        yield from (endpoint for endpoint in endpoints if endpoint.resource.template is template)
