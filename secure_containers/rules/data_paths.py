"""The rule about the way that data takes to S3 and DynamoDB."""

from __future__ import annotations

from secure_containers.rules.engine import Observations, template_rule
from secure_containers.rules.network.reach import judged_by_template
from secure_containers.rules.reachability import WORKLOADS, in_words
from secure_containers.rules.template import Template


@template_rule("SC-NET-13", types=WORKLOADS, guidelines=("private-registry-access", "event-driven-pipeline"))
def data_over_the_internet(template: Template) -> Observations:
    """Data goes to S3 or DynamoDB by the way to the internet.

    ## Why
    It arrives, so nobody notices: through a NAT gateway, which bills every gigabyte, or from a public address. No
    endpoint's policy says whose buckets and tables may be reached that way, so that stolen data can go to anybody's. A
    gateway endpoint costs nothing.

    What a workload needs is told as for SC-NET-01. The layers of images alone are no finding.

    ## Fix
    Add a gateway endpoint of `com.amazonaws.<region>.s3` or `.dynamodb` to the VPC, with all route tables of the
    workload's subnets in its `RouteTableIds`. `PrivateNetwork` has both.

    ## Bad
    ```yaml
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties: {CidrBlock: 10.0.0.0/16}
      Subnet:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}
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
      Public:
        Type: AWS::EC2::Subnet
        Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}
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
          Environment: {Variables: {RESULTS: !Ref Results}}
          VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
      Results:
        Type: AWS::S3::Bucket
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
      Table:
        Type: AWS::EC2::RouteTable
        Properties: {VpcId: !Ref Vpc}
      TableOfSubnet:
        Type: AWS::EC2::SubnetRouteTableAssociation
        Properties: {SubnetId: !Ref Subnet, RouteTableId: !Ref Table}
      ToS3:
        Type: AWS::EC2::VPCEndpoint
        Properties:
          VpcEndpointType: Gateway
          ServiceName: !Sub com.amazonaws.${AWS::Region}.s3
          VpcId: !Ref Vpc
          RouteTableIds: [!Ref Table]
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties: {GroupDescription: workers, VpcId: !Ref Vpc}
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          Environment: {Variables: {RESULTS: !Ref Results}}
          VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
      Results:
        Type: AWS::S3::Bucket
    ```
    """
    for each in template.world.once(judged_by_template).get(template, ()):
        for service, purposes in each.roundabout.items():
            message = f"{each.workload.name} goes over the internet to {in_words(purposes)}"
            yield each.workload.resource.violates(
                f"{message}: no gateway endpoint of {service} serves all of its subnets", about=service
            )
