"""Rules about what workloads reach, and who reaches them: the proof, told as findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from secure_containers.rules.engine import Controls, Observations, Severity, template_rule
from secure_containers.rules.network.model import Endpoint, Subnet, network
from secure_containers.rules.network.reach import Judged, Obstacle, Unseen, judged_by_template
from secure_containers.rules.network.workloads import unplaced_tasks, workloads
from secure_containers.rules.template import Place, Template, World

WORKLOADS: Final = (
    "AWS::ECS::Service",
    "AWS::ECS::TaskSet",
    "AWS::ECS::TaskDefinition",
    "AWS::ECS::ExpressGatewayService",
    "AWS::AppRunner::Service",
    "AWS::Events::Rule",
    "AWS::Scheduler::Schedule",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::ECS::CapacityProvider",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Lambda::Function",
    "AWS::Serverless::Function",
)
_CALLERS: Final = (*WORKLOADS, "AWS::ElasticLoadBalancingV2::LoadBalancer")
_NETWORK_CONTROLS: Final = ("AC-21", "AC-3", "AC-3(7)", "AC-4", "AC-4(21)", "AC-6", "SC-7", "SC-7(11)", "SC-7(16)")
_EC2_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html"


def _of(template: Template) -> Sequence[Judged]:
    """What the proof says about the workloads of this template, whose network may stand in another."""
    return template.world.once(judged_by_template).get(template, [])


@template_rule("SC-NET-01", types=_CALLERS, guidelines=("private-registry-access", "private-subnets"))
def unreachable_service(template: Template) -> Observations:
    """A workload cannot reach something that it needs.

    ## Why
    A task in a private network that cannot pull its image, write its logs or read its secrets does not fail: it hangs,
    PENDING or RUNNABLE, and its message seldom names the piece that is missing. One that its load balancer cannot reach
    never gets healthy, and is replaced for ever. All the pieces stand in the template: names, routes, endpoints and
    their policies, security groups both ways, network ACLs.

    What a workload needs is what it pulls, logs and reads before it starts, what its role may call and what its
    environment names; what App Runner itself pulls, logs and fetches does not go through the VPC. On instances of a
    cluster these pull, log and read for the tasks. The host of a URL is a load balancer of these templates if a record
    or the host header of a listener's rule says so: an internal one is reached inside, on the port of the URL.

    Judged are services, task sets and scheduled tasks of Amazon ECS, the instances of capacity providers and those that
    join a cluster by their user data, services of ECS Express Mode and of App Runner, Batch compute environments with
    the job definitions of their platform, and functions in a VPC. A load balancer has to reach the services in its
    target groups, on their ports and that of the health check.

    ## Fix
    Add the piece that the finding names; `PrivateNetwork.require` adds the endpoint, its policy and both sides of the
    security groups.

    ## Bad
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true, EnableDnsHostnames: true}
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: workers
          VpcId: !Ref Vpc
          SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/16}]
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          Environment: {Variables: {QUEUE: !Ref Queue}}
          VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
      Queue:
        Type: AWS::SQS::Queue
    ```

    ## Good
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true, EnableDnsHostnames: true}
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: workers
          VpcId: !Ref Vpc
          SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/16}]
      Endpoints:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: endpoints
          VpcId: !Ref Vpc
          SecurityGroupIngress:
            - {IpProtocol: tcp, FromPort: 443, ToPort: 443, SourceSecurityGroupId: !Ref Group}
      Sqs:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: !Sub com.amazonaws.${AWS::Region}.sqs
          VpcId: !Ref Vpc
          SubnetIds: [!Ref Subnet]
          SecurityGroupIds: [!Ref Endpoints]
          PrivateDnsEnabled: true
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          Environment: {Variables: {QUEUE: !Ref Queue}}
          VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
      Queue:
        Type: AWS::SQS::Queue
    ```
    """
    for each in _of(template):
        for finding in each.findings:
            if isinstance(finding.outcome, Obstacle):
                yield each.workload.resource.violates(
                    f"{each.workload.name} cannot {in_words(finding.purposes)}: {finding.outcome.problem}",
                    about=finding.service,
                    fix=finding.outcome.fix,
                )


@template_rule(
    "SC-NET-02",
    types=_CALLERS,
    guidelines=("private-registry-access",),
    severity=Severity.WARNING,
)
def unproven_reachability(template: Template) -> Observations:
    """Whether a workload reaches what it needs is not visible here.

    ## Why
    The subnets, endpoints or security groups of a network that was made elsewhere do not stand in the template, so
    nothing is proven about whoever runs there. That is said, and not taken for a pass.

    ## Fix
    Judge the templates together when the network is one of them (`secure-containers check` on the whole `cdk.out`);
    otherwise try it in the network itself, and waive the finding with what was tried.

    ## Bad
    ```yaml
    Resources:
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          Environment: {Variables: {QUEUE: !Ref Queue}}
          VpcConfig: {SubnetIds: [subnet-0a1b2c3d], SecurityGroupIds: [sg-0a1b2c3d]}
      Queue:
        Type: AWS::SQS::Queue
    ```

    ## Good
    ```yaml
    Resources:
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          Environment: {Variables: {QUEUE: !Ref Queue}}
      Queue:
        Type: AWS::SQS::Queue
    ```
    """
    for each in _of(template):
        for finding in each.findings:
            if isinstance(finding.outcome, Unseen):
                yield each.workload.resource.violates(
                    f"not visible here: {finding.outcome.what}; so it is not proven that {each.workload.name} can "
                    f"{in_words(finding.purposes) or 'do what needs it'}"
                )
    for definition in template.world.once(unplaced_tasks):
        if definition.template is template:
            yield definition.violates(
                "not visible here: where this task runs, since no service, rule or schedule in these templates does"
            )


@template_rule(
    "SC-NET-03",
    types=WORKLOADS,
    guidelines=("controlled-egress", "narrow-security-groups"),
    controls=Controls(nist_800_53_r5=_NETWORK_CONTROLS, source=_EC2_CONTROLS),
)
def internet_egress(template: Template) -> Observations:
    """A workload can reach the internet at large.

    ## Why
    Whoever gets hold of the workload can fetch tools and send data anywhere. Most workloads call nothing but AWS, for
    which endpoints serve.

    ## Fix
    Let its security group out to the endpoints' group and the prefix lists of S3 and DynamoDB only, or place it in
    isolated subnets. Where it needs the internet, waive this finding with the reason.

    ## Bad
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}
      Public:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}
      Table:
        Type: AWS::EC2::RouteTable
        Properties: {VpcId: !Ref Vpc}
      TableOfSubnet:
        Type: AWS::EC2::SubnetRouteTableAssociation
        Properties: {SubnetId: !Ref Subnet, RouteTableId: !Ref Table}
      Out:
        Type: AWS::EC2::Route
        Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Nat}
      Nat:
        Type: AWS::EC2::NatGateway
        Properties: {SubnetId: !Ref Public, AllocationId: eipalloc-0a1b2c3d}
      PublicTable:
        Type: AWS::EC2::RouteTable
        Properties: {VpcId: !Ref Vpc}
      TableOfPublic:
        Type: AWS::EC2::SubnetRouteTableAssociation
        Properties: {SubnetId: !Ref Public, RouteTableId: !Ref PublicTable}
      ToInternet:
        Type: AWS::EC2::Route
        Properties: {RouteTableId: !Ref PublicTable, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
      Gateway:
        Type: AWS::EC2::InternetGateway
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties: {GroupDescription: workers, VpcId: !Ref Vpc}
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
    ```

    ## Good
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties:
          GroupDescription: workers
          VpcId: !Ref Vpc
          SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/16}]
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
    ```
    """
    for each in _of(template):
        for way in each.leaves[:1]:
            yield each.workload.resource.violates(
                f"{each.workload.name} can reach the internet: {way}, and its security group lets it out there"
            )


@template_rule(
    "SC-NET-04",
    types=WORKLOADS,
    guidelines=("private-subnets", "narrow-security-groups"),
    controls=Controls(nist_800_53_r5=_NETWORK_CONTROLS, source=_EC2_CONTROLS),
)
def internet_ingress(template: Template) -> Observations:
    """A workload can be reached from the internet.

    ## Why
    Everybody can try the workload's every weakness, all day. That a service of App Runner is public is SC-APR-01.

    Ways in are a public address, an internet-facing load balancer, and what leads past an internal one: an origin of
    CloudFront in the VPC, and the VPC link of an API whose routes or methods ask for no authorization.

    ## Fix
    Place it in private subnets without a public address, behind an internal load balancer, with a security group that
    lets in its clients only; let an API in front of it ask who calls. Where it has to face the internet, waive this
    finding with the reason.

    ## Bad
    ```yaml
    Resources:
      Balancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties: {Scheme: internet-facing}
      Listener:
        Type: AWS::ElasticLoadBalancingV2::Listener
        Properties:
          LoadBalancerArn: !Ref Balancer
          DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
      Targets:
        Type: AWS::ElasticLoadBalancingV2::TargetGroup
      Service:
        Type: AWS::ECS::Service
        Properties:
          LaunchType: FARGATE
          LoadBalancers: [{TargetGroupArn: !Ref Targets, ContainerName: web, ContainerPort: 8443}]
          NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-0a1b2c3d]}}
    ```

    ## Good
    ```yaml
    Resources:
      Balancer:
        Type: AWS::ElasticLoadBalancingV2::LoadBalancer
        Properties: {Scheme: internal}
      Listener:
        Type: AWS::ElasticLoadBalancingV2::Listener
        Properties:
          LoadBalancerArn: !Ref Balancer
          DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
      Targets:
        Type: AWS::ElasticLoadBalancingV2::TargetGroup
      Service:
        Type: AWS::ECS::Service
        Properties:
          LaunchType: FARGATE
          LoadBalancers: [{TargetGroupArn: !Ref Targets, ContainerName: web, ContainerPort: 8443}]
          NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-0a1b2c3d]}}
    ```
    """
    for each in _of(template):
        for way in each.entered[:1]:
            yield each.workload.resource.violates(f"{each.workload.name} can be reached from the internet: {way}")


@template_rule(
    "SC-NET-05",
    types=("AWS::EC2::VPCEndpoint",),
    guidelines=("private-registry-access",),
    severity=Severity.WARNING,
)
def endpoint_outside_zone(template: Template) -> Observations:
    """An endpoint has no interface in a zone where workloads of its VPC run.

    ## Why
    Their calls go to another zone: they cost more, and when that zone fails, so do the workloads that were spread over
    zones in order not to.

    ## Fix
    Give the endpoint a subnet in each zone in which workloads run.

    ## Bad
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true}
      SubnetA:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: eu-central-1a}
      SubnetB:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: eu-central-1b}
      Logs:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: com.amazonaws.eu-central-1.logs
          VpcId: !Ref Vpc
          SubnetIds: [!Ref SubnetA]
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          VpcConfig: {SubnetIds: [!Ref SubnetA, !Ref SubnetB], SecurityGroupIds: [sg-0a1b2c3d]}
    ```

    ## Good
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true}
      SubnetA:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: eu-central-1a}
      SubnetB:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: eu-central-1b}
      Logs:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Interface
          ServiceName: com.amazonaws.eu-central-1.logs
          VpcId: !Ref Vpc
          SubnetIds: [!Ref SubnetA, !Ref SubnetB]
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          VpcConfig: {SubnetIds: [!Ref SubnetA, !Ref SubnetB], SecurityGroupIds: [sg-0a1b2c3d]}
    ```
    """
    net, used = template.world.once(network), template.world.once(_zones_in_use)
    for resource in template.of_type("AWS::EC2::VPCEndpoint"):
        for endpoint in net.endpoints_by_resource.get(resource, ()):
            zones = used.get(endpoint.vpc, {}) if not endpoint.gateway else {}
            for zone in sorted(zones.keys() - _zones(endpoint, net.subnets)):
                subnet = zones[zone].resource.logical_id
                yield resource.violates(
                    f"it has no interface in the zone of the subnet {subnet}, where workloads run",
                    at="Properties.SubnetIds",
                )


def _zones_in_use(world: World) -> Mapping[Place | None, Mapping[str, Subnet]]:
    """The zones of each VPC in which workloads run, and a subnet in each."""
    net = world.once(network)
    found: dict[Place | None, dict[str, Subnet]] = {}
    for workload in world.once(workloads):
        for place in workload.subnets:
            subnet = net.subnets.get(place)
            if subnet is not None:
                found.setdefault(subnet.vpc, {}).setdefault(subnet.zone, subnet)
    return found


def _zones(endpoint: Endpoint, subnets: Mapping[Place, Subnet]) -> set[str]:
    return {subnets[place].zone for place in endpoint.subnets if place in subnets}


def in_words(purposes: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(purposes[:-1]), *purposes[-1:]]))
