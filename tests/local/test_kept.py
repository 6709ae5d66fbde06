"""Properties that ministack drops are kept, changed and read back; what must not be deleted is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local.conftest import Cloud

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def name(cloud: Cloud, request: pytest.FixtureRequest) -> None:
    """A stack of its own for each test, so that one that fails spoils no other."""
    cloud.name = request.node.name.replace("_", "-")


def deploy(cloud: Cloud, type_: str, properties: dict[str, Any], **beside: Any) -> str:
    resources = {**beside, "Thing": {"Type": type_, "Properties": properties}}
    return cloud.deploy(cloud.name, resources, Ref={"Ref": "Thing"})["Ref"]


def test_bucket(cloud: Cloud) -> None:
    logs = {"Type": "AWS::S3::Bucket"}
    properties = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "BucketKeyEnabled": True,
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
                }
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "ExpirationInDays": "400",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "Status": "Enabled",
                    "Prefix": "a/",
                    "TagFilters": [{"Key": "a", "Value": "b"}],
                    "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}],
                }
            ]
        },
        "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "Thing/"},
        "ObjectLockEnabled": True,
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Days": 30, "Mode": "GOVERNANCE"}},
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "Tags": [{"Key": "a", "Value": "b"}],
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    name = deploy(cloud, "AWS::S3::Bucket", properties, Logs=logs)
    s3 = cloud.client("s3")
    (encryption,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["BucketKeyEnabled"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["Expiration"] == {"Days": 400}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert {"Prefix": "a/", "Tags": [{"Key": "a", "Value": "b"}]}.items() <= rule["Filter"]["And"].items()
    assert rule["Transitions"] == [{"Days": 90, "StorageClass": "STANDARD_IA"}]
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"] == {
        "TargetBucket": cloud.physical(cloud.name, "Logs"),
        "TargetPrefix": "Thing/",
    }
    lock = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    assert lock["Rule"] == {"DefaultRetention": {"Days": 30, "Mode": "GOVERNANCE"}}
    ownership = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
    assert ownership == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"

    less = {
        "VersioningConfiguration": {"Status": "Suspended"},
        "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 5}]},
    }
    assert deploy(cloud, "AWS::S3::Bucket", less, Logs=logs) == name
    assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]["Expiration"] == {"Days": 5}
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=name)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    cloud.delete(cloud.name)


def test_bucket_with_objects_is_not_deleted(cloud: Cloud) -> None:
    name = deploy(cloud, "AWS::S3::Bucket", {"VersioningConfiguration": {"Status": "Enabled"}})
    s3 = cloud.client("s3")
    s3.put_object(Bucket=name, Key="a", Body=b"b")
    cloudformation = cloud.client("cloudformation")
    with pytest.raises(AssertionError, match="not empty"):
        cloud.delete(cloud.name)
    s3.delete_object(Bucket=name, Key="a")  # its versions stay
    cloud.stacks.append(cloud.name)
    with pytest.raises(AssertionError, match="not empty"):
        cloud.delete(cloud.name)
    for kind in ("Versions", "DeleteMarkers"):
        for each in s3.list_object_versions(Bucket=name).get(kind, []):
            s3.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
    assert cloudformation.describe_stacks(StackName=cloud.name)["Stacks"][0]["StackStatus"] == "DELETE_FAILED"
    cloud.stacks.append(cloud.name)
    cloud.delete(cloud.name)


def test_table(cloud: Cloud) -> None:
    keys = {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    properties = {
        **keys,
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 20},
        "DeletionProtectionEnabled": True,
        "OnDemandThroughput": {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": "20"},
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "ContributorInsightsSpecification": {"Enabled": True},
    }
    name = deploy(cloud, "AWS::DynamoDB::Table", properties)
    dynamodb = cloud.client("dynamodb")
    described = dynamodb.describe_table(TableName=name)["Table"]
    assert (described["SSEDescription"]["Status"], described["SSEDescription"]["SSEType"]) == ("ENABLED", "KMS")
    assert described["SSEDescription"]["KMSMasterKeyArn"] == KEY
    assert described["DeletionProtectionEnabled"] is True
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert recovery["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 20
    assert described["OnDemandThroughput"] == {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20}
    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry == {"AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED"}
    insights = dynamodb.describe_contributor_insights(TableName=name)["ContributorInsightsStatus"]
    assert insights.startswith("ENABL")

    assert deploy(cloud, "AWS::DynamoDB::Table", {**keys, "DeletionProtectionEnabled": True}) == name
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    with pytest.raises(AssertionError, match="protected against deletion"):
        cloud.delete(cloud.name)
    cloud.stacks.append(cloud.name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    cloud.delete(cloud.name)


def of_functions() -> dict[str, Any]:
    trust = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
    }
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}


CODE = {"Runtime": "python3.13", "Handler": "index.handler", "Code": {"ZipFile": "def handler(event, context): ..."}}


def test_function(cloud: Cloud) -> None:
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "a", "VpcId": {"Ref": "Vpc"}}}
    beside = {"Role": of_functions(), "Vpc": vpc, "Subnet": subnet, "Group": group, "Dead": {"Type": "AWS::SQS::Queue"}}
    plain = {**CODE, "Role": {"Fn::GetAtt": ["Role", "Arn"]}}
    properties = {
        **plain,
        "DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
        "KmsKeyArn": KEY,
        "ReservedConcurrentExecutions": 5,
        "VpcConfig": {"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Ref": "Group"}]},
    }
    name = deploy(cloud, "AWS::Lambda::Function", properties, **beside)
    about = cloud.client("lambda").get_function(FunctionName=name)
    assert about["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    assert about["Configuration"]["KMSKeyArn"] == KEY
    assert about["Configuration"]["VpcConfig"]["SubnetIds"] == [cloud.physical(cloud.name, "Subnet")]
    assert about["Configuration"]["VpcConfig"]["SecurityGroupIds"] == [cloud.physical(cloud.name, "Group")]
    assert about["Configuration"]["DeadLetterConfig"]["TargetArn"].endswith(":" + dead_letters(cloud))

    assert deploy(cloud, "AWS::Lambda::Function", plain, **beside) == name
    about = cloud.client("lambda").get_function(FunctionName=name)
    assert not about.get("Concurrency")
    assert not about["Configuration"].get("DeadLetterConfig", {}).get("TargetArn")
    assert not about["Configuration"].get("VpcConfig", {}).get("SubnetIds")
    cloud.delete(cloud.name)


def dead_letters(cloud: Cloud) -> str:
    return cloud.physical(cloud.name, "Dead").rpartition("/")[2]


def test_event_source(cloud: Cloud) -> None:
    own = {"Type": "AWS::Lambda::Function", "Properties": {**CODE, "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}
    properties = {
        "EventSourceArn": {"Fn::GetAtt": ["Dead", "Arn"]},
        "FunctionName": {"Ref": "Function"},
        "BatchSize": 7,
        "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"source": ["aws.s3"]}}'}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 3},
    }
    beside = {"Role": of_functions(), "Function": own, "Dead": {"Type": "AWS::SQS::Queue"}}
    given = {**properties, "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]}
    id = deploy(cloud, "AWS::Lambda::EventSourceMapping", given, **beside)
    lambda_ = cloud.client("lambda")
    about = lambda_.get_event_source_mapping(UUID=id)
    assert (about["BatchSize"], about["ScalingConfig"]) == (7, {"MaximumConcurrency": 3})
    assert about["FilterCriteria"] == properties["FilterCriteria"]
    assert about["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert {"a": "b", "c": "d"}.items() <= lambda_.list_tags(Resource=about["EventSourceMappingArn"])["Tags"].items()

    given = {**properties, "Tags": [{"Key": "a", "Value": "e"}]}
    assert deploy(cloud, "AWS::Lambda::EventSourceMapping", given, **beside) == id
    assert lambda_.list_tags(Resource=about["EventSourceMappingArn"])["Tags"]["a"] == "e"
    assert "c" not in lambda_.list_tags(Resource=about["EventSourceMappingArn"])["Tags"]
    cloud.delete(cloud.name)


def test_topic(cloud: Cloud) -> None:
    name = deploy(cloud, "AWS::SNS::Topic", {"KmsMasterKeyId": KEY})
    sns = cloud.client("sns")
    assert sns.get_topic_attributes(TopicArn=name)["Attributes"]["KmsMasterKeyId"] == KEY
    assert deploy(cloud, "AWS::SNS::Topic", {"KmsMasterKeyId": f"{KEY}2"}) == name
    assert sns.get_topic_attributes(TopicArn=name)["Attributes"]["KmsMasterKeyId"] == f"{KEY}2"
    cloud.delete(cloud.name)


def test_queue_and_log_group(cloud: Cloud) -> None:
    """ministack keeps these by itself."""
    name = deploy(
        cloud,
        "AWS::SQS::Queue",
        {"KmsMasterKeyId": KEY},
        Logs={"Type": "AWS::Logs::LogGroup", "Properties": {"KmsKeyId": KEY, "RetentionInDays": 7}},
    )
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=name, AttributeNames=["All"])["Attributes"]
    assert attributes["KmsMasterKeyId"] == KEY
    prefix = cloud.physical(cloud.name, "Logs")
    (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    assert (group["kmsKeyId"], group["retentionInDays"]) == (KEY, 7)
    cloud.delete(cloud.name)


def test_secret(cloud: Cloud) -> None:
    generated = {
        "SecretStringTemplate": '{"user": "a"}',
        "GenerateStringKey": "password",
        "PasswordLength": 40,
        "ExcludePunctuation": True,
    }
    properties = {"KmsKeyId": KEY, "GenerateSecretString": generated}
    arn = deploy(cloud, "AWS::SecretsManager::Secret", properties)
    secrets = cloud.client("secretsmanager")
    assert secrets.describe_secret(SecretId=arn)["ARN"] == arn
    assert secrets.describe_secret(SecretId=arn)["KmsKeyId"] == KEY
    value = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    assert value["user"] == "a"
    assert len(value["password"]) == 40
    assert value["password"].isalnum()
    assert deploy(cloud, "AWS::SecretsManager::Secret", {**properties, "Description": "b"}) == arn
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == value
    cloud.delete(cloud.name)
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.describe_secret(SecretId=arn)


def test_cluster(cloud: Cloud) -> None:
    trust = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "eks.amazonaws.com"}}]
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    properties = {
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"], "EndpointPublicAccess": False},
        "EncryptionConfig": [{"Provider": {"KeyArn": KEY}, "Resources": ["secrets"]}],
    }
    name = deploy(cloud, "AWS::EKS::Cluster", properties, Role=role)
    cluster = cloud.client("eks").describe_cluster(name=name)["cluster"]
    assert cluster["encryptionConfig"] == [{"provider": {"keyArn": KEY}, "resources": ["secrets"]}]
    cloud.delete(cloud.name)


def test_repository(cloud: Cloud) -> None:
    prefix = "ImageTagMutabilityExclusionFilter"
    properties = {
        "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        f"{prefix}s": [{f"{prefix}Type": "WILDCARD", f"{prefix}Value": "dev-*"}],
        "ImageScanningConfiguration": {"ScanOnPush": True},
        "EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": KEY},
    }
    name = deploy(cloud, "AWS::ECR::Repository", properties)
    ecr = cloud.client("ecr")
    (repository,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert repository["imageTagMutabilityExclusionFilters"] == [{"filterType": "WILDCARD", "filter": "dev-*"}]
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": KEY}

    def push(tag: str, content: str) -> None:
        ecr.put_image(repositoryName=name, imageManifest=json.dumps({"schemaVersion": 2, "a": content}), imageTag=tag)

    push("v1", "a")
    push("dev-1", "a")
    push("dev-1", "b")
    with pytest.raises(ecr.exceptions.ImageTagAlreadyExistsException):
        push("v1", "b")
    images = [{"imageTag": "v1"}, {"imageTag": "dev-1"}]
    ecr.batch_delete_image(repositoryName=name, imageIds=images)
    cloud.delete(cloud.name)


def test_endpoint_and_flow_log(cloud: Cloud) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}],
    }
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "a", "VpcId": {"Ref": "Vpc"}}}
    flow_log = {
        "Type": "AWS::EC2::FlowLog",
        "Properties": {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogGroupName": "group",
            "DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/a",
            "MaxAggregationInterval": 60,
            "LogFormat": "${srcaddr} ${dstaddr}",
        },
    }
    properties = {
        "VpcId": {"Ref": "Vpc"},
        "ServiceName": "com.amazonaws.eu-central-1.logs",
        "VpcEndpointType": "Interface",
        "PrivateDnsEnabled": True,
        "SecurityGroupIds": [{"Ref": "Group"}],
        "PolicyDocument": policy,
    }
    id = deploy(cloud, "AWS::EC2::VPCEndpoint", properties, Vpc=vpc, Group=group, Flow=flow_log)
    ec2 = cloud.client("ec2")
    (endpoint,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"]
    assert endpoint["PrivateDnsEnabled"]
    assert json.loads(endpoint["PolicyDocument"]) == policy
    assert [each["GroupId"] for each in endpoint["Groups"]] == [cloud.physical(cloud.name, "Group")]
    (log,) = ec2.describe_flow_logs(FlowLogIds=[cloud.physical(cloud.name, "Flow")])["FlowLogs"]
    assert log["DeliverLogsPermissionArn"] == "arn:aws:iam::123456789012:role/a"
    assert (log["LogGroupName"], log["MaxAggregationInterval"]) == ("group", 60)
    assert log["LogFormat"] == "${srcaddr} ${dstaddr}"
    cloud.delete(cloud.name)


def test_trail_tells_its_log_group(cloud: Cloud) -> None:
    trust = {
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
        ]
    }
    properties = {
        "S3BucketName": "a",
        "IsLogging": True,
        "CloudWatchLogsLogGroupArn": {"Fn::GetAtt": ["Logs", "Arn"]},
        "CloudWatchLogsRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    name = deploy(
        cloud,
        "AWS::CloudTrail::Trail",
        properties,
        Logs={"Type": "AWS::Logs::LogGroup"},
        Role={"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
    )
    trail = cloud.client("cloudtrail").get_trail(Name=name)["Trail"]
    assert cloud.physical(cloud.name, "Logs") in trail["CloudWatchLogsLogGroupArn"]
    assert cloud.physical(cloud.name, "Role") in trail["CloudWatchLogsRoleArn"]
    cloud.delete(cloud.name)


def test_schedule(cloud: Cloud) -> None:
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:batch:submitJob", "RoleArn": "arn:aws:iam::123456789012:role/a"}
    properties = {
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    name = deploy(cloud, "AWS::Scheduler::Schedule", properties)
    found = cloud.client("scheduler").get_schedule(Name=name)
    assert (found["ScheduleExpressionTimezone"], found["ScheduleExpression"]) == ("Europe/Berlin", "cron(0 2 * * ? *)")
    cloud.delete(cloud.name)


def test_schedule_of_a_task(cloud: Cloud) -> None:
    network = {
        "AwsvpcConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "DISABLED"}
    }
    properties = {
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "KmsKeyArn": KEY,
        "Target": {
            "Arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/a",
            "RoleArn": "arn:aws:iam::123456789012:role/a",
            "EcsParameters": {
                "TaskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/a:1",
                "LaunchType": "FARGATE",
                "NetworkConfiguration": network,
            },
        },
    }
    name = deploy(cloud, "AWS::Scheduler::Schedule", properties)
    found = cloud.client("scheduler").get_schedule(Name=name)
    assert found["KmsKeyArn"] == KEY
    kept = found["Target"]["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
    assert kept == {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "DISABLED"}
    cloud.delete(cloud.name)


def test_load_balancer(cloud: Cloud) -> None:
    group = {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Port": 80, "Protocol": "HTTP", "ProtocolVersion": "HTTP2", "VpcId": {"Ref": "Vpc"}},
    }
    weighted = [{"TargetGroupArn": {"Ref": "Blue"}, "Weight": 1}, {"TargetGroupArn": {"Ref": "Green"}, "Weight": 0}]
    forward = [{"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": weighted}}]
    beside = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Blue": group,
        "Green": group,
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Thing"},
                "Port": 443,
                "Protocol": "HTTPS",
                "MutualAuthentication": {"Mode": "off"},
                "ListenerAttributes": [{"Key": "routing.http.response.server.enabled", "Value": "false"}],
                "DefaultActions": forward,
            },
        },
        "Rule": {
            "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
            "Properties": {
                "ListenerArn": {"Ref": "Listener"},
                "Priority": 1,
                "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}],
                "Tags": [{"Key": "a", "Value": "b"}],
                "Actions": forward,
            },
        },
    }
    protected = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    properties = {"Subnets": ["subnet-1", "subnet-2"], "LoadBalancerAttributes": protected}
    arn = deploy(cloud, "AWS::ElasticLoadBalancingV2::LoadBalancer", properties, **beside)
    elb = cloud.client("elbv2")
    ids = {name: cloud.physical(cloud.name, name) for name in beside}
    (listener,) = elb.describe_listeners(ListenerArns=[ids["Listener"]])["Listeners"]
    wanted = [{"TargetGroupArn": ids["Blue"], "Weight": 1}, {"TargetGroupArn": ids["Green"], "Weight": 0}]
    assert [each["ForwardConfig"]["TargetGroups"] for each in listener["DefaultActions"]] == [wanted]
    assert (listener["LoadBalancerArn"], listener["MutualAuthentication"]) == (arn, {"Mode": "off"})
    (rule,) = elb.describe_rules(RuleArns=[ids["Rule"]])["Rules"]
    assert [each["ForwardConfig"]["TargetGroups"] for each in rule["Actions"]] == [wanted]
    (tagged,) = elb.describe_tags(ResourceArns=[ids["Rule"]])["TagDescriptions"]
    assert tagged["Tags"] == [{"Key": "a", "Value": "b"}]
    attributes = elb.describe_listener_attributes(ListenerArn=ids["Listener"])["Attributes"]
    assert {"Key": "routing.http.response.server.enabled", "Value": "false"} in attributes
    (blue,) = elb.describe_target_groups(TargetGroupArns=[ids["Blue"]])["TargetGroups"]
    assert (blue["ProtocolVersion"], blue["Port"]) == ("HTTP2", 80)
    with pytest.raises(AssertionError, match="deletion protection is enabled"):
        cloud.delete(cloud.name)
    protected[0]["Value"] = "false"
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protected)
    cloud.stacks.append(cloud.name)
    cloud.delete(cloud.name)


def test_alarm_over_several_metrics(cloud: Cloud) -> None:
    metric = {"Metric": {"MetricName": "a", "Namespace": "b", "Dimensions": []}, "Period": "60", "Stat": "Sum"}
    metrics = [{"Id": "a", "MetricStat": metric, "ReturnData": "false"}, {"Id": "b", "Expression": "a / 2"}]
    properties = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "Metrics": metrics,
    }
    name = deploy(cloud, "AWS::CloudWatch::Alarm", properties)
    (alarm,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert [each["Id"] for each in alarm["Metrics"]] == ["a", "b"]
    assert (alarm["Metrics"][0]["ReturnData"], alarm["Metrics"][0]["MetricStat"]["Period"]) == (False, 60)
    assert "MetricName" not in alarm
    cloud.delete(cloud.name)


def test_certificate(cloud: Cloud) -> None:
    properties = {"DomainName": "a.example.com", "ValidationMethod": "DNS", "KeyAlgorithm": "EC_prime256v1"}
    arn = deploy(cloud, "AWS::CertificateManager::Certificate", properties)
    found = cloud.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    assert (found["KeyAlgorithm"], found["DomainName"]) == ("EC_prime256v1", "a.example.com")
    cloud.delete(cloud.name)


@pytest.mark.parametrize(
    "name",
    [
        "bottlerocket/aws-ecs-2/arm64/latest/image_id",
        "bottlerocket/aws-ecs-1/x86_64/latest/image_id",
        "ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
        "ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
    ],
)
def test_the_image_of_a_container_host_is_known(cloud: Cloud, name: str) -> None:
    found = cloud.client("ssm").get_parameter(Name=f"/aws/service/{name}")["Parameter"]
    assert found["Value"].startswith("ami-")


def test_launch_template_and_group(cloud: Cloud) -> None:
    volume = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": KEY}}
    template = {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {
            "LaunchTemplateData": {"BlockDeviceMappings": [volume], "MetadataOptions": {"HttpTokens": "required"}}
        },
    }
    properties = {
        "MinSize": "0",
        "MaxSize": "2",
        "MaxInstanceLifetime": 604800,
        "CapacityRebalance": True,
        "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"},
    }
    name = deploy(cloud, "AWS::AutoScaling::AutoScalingGroup", properties, Template=template)
    (group,) = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    assert (group["MaxInstanceLifetime"], group["CapacityRebalance"], group["MaxSize"]) == (604800, True, 2)
    id = cloud.physical(cloud.name, "Template")
    (version,) = cloud.client("ec2").describe_launch_template_versions(LaunchTemplateId=id)["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert [each["Ebs"] for each in data["BlockDeviceMappings"]] == [{"Encrypted": True, "KmsKeyId": KEY}]
    cloud.delete(cloud.name)


def test_what_cannot_be_kept_leaves_nothing_behind(cloud: Cloud) -> None:
    rule = {"Status": "Enabled", "ExpirationInDays": 1, "Surprise": True}
    before = cloud.client("s3").list_buckets()["Buckets"]
    with pytest.raises(AssertionError, match="does not know Surprise"):
        deploy(cloud, "AWS::S3::Bucket", {"LifecycleConfiguration": {"Rules": [rule]}})
    assert cloud.client("s3").list_buckets()["Buckets"] == before
    cloud.delete(cloud.name)
