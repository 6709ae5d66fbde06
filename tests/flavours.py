"""Every way in which the constructs are built by the tests that go over all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_cdk import App, Aws, Duration, Environment, NestedStack, Size, Stack, Stage, Tags
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from app import build as build_reference
from secure_containers import (
    IMAGE_PULL,
    Accept,
    AuditBaseline,
    AuditPart,
    CpuArchitecture,
    Ec2,
    Egress,
    Eks,
    EnvironmentTags,
    Fleet,
    LeastPrivilegeBatchEnv,
    LifecycleRule,
    PipelineLimits,
    PrivateNetwork,
    QueueLimits,
    Retries,
    S3BatchPipeline,
    ScanSeverity,
    SecretField,
    SecureEcrRepository,
    Share,
    TagScheme,
    VpcBlockMode,
    VpcExclusionMode,
    Waiver,
)
from secure_containers.rules.network.services import SERVICES
from stacks.options import Options
from tests.service_flavours import SERVICE_BUILDERS
from tests.support import ACCOUNT, DIGEST, ORGANIZATION, OTHER_ACCOUNT, REGION

GOVCLOUD = "us-gov-west-1"
_REASON = "preview images are rebuilt under one tag and never leave the development account"
_SOMEWHERE = Environment(account=ACCOUNT, region=REGION)


def defaults(app: App) -> None:
    SecureEcrRepository(Stack(app, "Defaults"), "Images")


def two_in_one_stack(app: App) -> None:
    stack = Stack(app, "Two")
    SecureEcrRepository(stack, "One")
    SecureEcrRepository(
        stack,
        "Two",
        tag_scheme=TagScheme(
            environments=[EnvironmentTags(name="dev", mutable=True), "prod"], functions=["web", "api"]
        ),
    )


def everything_asked_for(app: App) -> None:
    stack = Stack(app, "Everything", env=_SOMEWHERE)
    images = SecureEcrRepository(
        stack,
        "Images",
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        lifecycle_rules=[
            LifecycleRule(untagged=True, days_since_pushed=7),
            LifecycleRule(tag_prefixes=["release"], days_since_pulled=90, archive=True),
            LifecycleRule(tag_patterns=["release*"], days_since_archived=365),
            LifecycleRule(more_than_images=100),
        ],
        mutable_tag_patterns=["dev-*"],
        organization_id=ORGANIZATION,
        require_mfa=True,
        mfa_exempt_roles=["release-bot"],
    )
    images.allow_pull_from(
        accounts=[OTHER_ACCOUNT],
        organizations=["o-zzzzzzzzzz"],
        roles=[
            iam.Role.from_role_arn(
                stack, "Partner", f"arn:{Aws.PARTITION}:iam::{OTHER_ACCOUNT}:role/partner", mutable=False
            )
        ],
        lambda_functions=[f"arn:{Aws.PARTITION}:lambda:{REGION}:{OTHER_ACCOUNT}:function:*"],
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    images.grant_pull(role)
    images.grant_push(role)
    images.grant_delete(role)
    queue = events_queue(stack)
    images.on_image_pushed("Pushed", target=queue, tag_prefixes=["prod-"])
    images.on_scan_completed("Scanned", target=queue, severity=ScanSeverity.MEDIUM)


def everything_waived(app: App) -> None:
    stack = Stack(app, "Waived")
    SecureEcrRepository(
        stack,
        "Mutable",
        waivers=[
            Waiver(rule, reason=_REASON) for rule in ("SC-ECR-01", "SC-ECR-02", "SC-ECR-04", "SC-DEL-01", "SC-KMS-01")
        ],
    )
    SecureEcrRepository(
        stack, "Unencrypted", waivers=[Waiver(rule, reason=_REASON) for rule in ("SC-ECR-03", "SC-ECR-05")]
    )


def across_stacks(app: App) -> None:
    key = kms.Key(Stack(app, "Keys"), "Key", enable_key_rotation=True)
    images = SecureEcrRepository(Stack(app, "Images"), "Images", encryption_key=key)
    images.grant_pull(
        iam.Role(Stack(app, "Consumer"), "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    )


def across_accounts(app: App) -> None:
    images = SecureEcrRepository(
        Stack(app, "Home", env=_SOMEWHERE), "Images", repository_name="images", organization_id=ORGANIZATION
    )
    away = Stack(app, "Away", env=Environment(account=OTHER_ACCOUNT, region="us-east-1"))
    images.grant_pull(iam.Role(away, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))


def stage_and_nested_stack(app: App) -> None:
    stack = Stack(Stage(app, "Prod", env=_SOMEWHERE), "Outer")
    SecureEcrRepository(NestedStack(stack, "Inner"), "Images")


def govcloud(app: App) -> None:
    stack = Stack(app, "GovCloud", env=Environment(account=ACCOUNT, region=GOVCLOUD))
    SecureEcrRepository(
        stack, "Images", encryption=ecr.RepositoryEncryption.KMS_DSSE, organization_id=ORGANIZATION, require_mfa=True
    )


def china(app: App) -> None:
    stack = Stack(app, "China", env=Environment(account=ACCOUNT, region="cn-north-1"))
    SecureEcrRepository(stack, "Images", organization_id=ORGANIZATION, require_mfa=True)


def networks(app: App) -> None:
    stack = Stack(app, "Networks")
    for id, way in (("Isolated", None), ("One", Egress.one_nat_gateway()), ("Each", Egress.nat_gateway_per_zone())):
        network = PrivateNetwork(stack, id, egress=way, organization_id=ORGANIZATION if way else None)
        network.require(network.add_security_group("Workers", description="workers"), *IMAGE_PULL, "logs", "ssm")


def network_of_every_service(app: App) -> None:
    network = PrivateNetwork(Stack(app, "Services", env=_SOMEWHERE), "Network", zones=2, dual_stack=True)
    network.require(network.add_security_group("Workers", description="workers"), *SERVICES)


def network_waived(app: App) -> None:
    reason = "the account's landing zone does this for every VPC already"
    waivers = [Waiver(rule, reason=reason) for rule in ("SC-NET-06", "SC-NET-09", "SC-NET-10")]
    PrivateNetwork(Stack(app, "Waived"), "Network", waivers=waivers)


def network_shared_over_stacks(app: App) -> None:
    network = PrivateNetwork(Stack(app, "Home"), "Network")
    for id in ("Orders", "Payments"):
        stack = Stack(app, id)
        group = ec2.SecurityGroup(
            stack, "Workers", vpc=network.vpc, description="workers of the stack", allow_all_outbound=False
        )
        network.require(group, *IMAGE_PULL, "dynamodb", "logs")


def network_in_an_imported_vpc(app: App) -> None:
    stack = Stack(app, "Imported", env=_SOMEWHERE)
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0a1b2c3d",
        availability_zones=[f"{REGION}a", f"{REGION}b"],
        isolated_subnet_ids=["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
        isolated_subnet_route_table_ids=["rtb-0a1b2c3d", "rtb-1a1b2c3d"],
    )
    network = PrivateNetwork(stack, "Network", vpc=vpc)
    network.require(network.add_security_group("Workers", description="workers"), *IMAGE_PULL, "logs")


def network_in_govcloud(app: App) -> None:
    stack = Stack(app, "GovNetwork", env=Environment(account=ACCOUNT, region=GOVCLOUD))
    network = PrivateNetwork(stack, "Network", fips=True)
    network.require(network.add_security_group("Workers", description="workers"), *IMAGE_PULL, "logs", "kms", "sqs")


def network_in_china(app: App) -> None:
    network = PrivateNetwork(
        Stack(app, "ChinaNetwork", env=Environment(account=ACCOUNT, region="cn-north-1")), "Network"
    )
    network.require(network.add_security_group("Workers", description="workers"), *IMAGE_PULL, "logs", "sqs")


def audit_defaults(app: App) -> None:
    AuditBaseline(Stack(app, "Audit"), "Audit")


def audit_with_everything_asked_for(app: App) -> None:
    stack = Stack(app, "AuditOfAll", env=_SOMEWHERE)
    audit = AuditBaseline(
        stack,
        "Audit",
        organization_id=ORGANIZATION,
        trusted_accounts=[OTHER_ACCOUNT],
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        severity=ScanSeverity.LOW,
        trail_retention_days=400,
        conformance_pack=True,
        block_vpc_public_access=VpcBlockMode.BIDIRECTIONAL,
    )
    audit.add_alarm("NewUsers", pattern="{($.eventName=CreateUser)}", description="A user was made. Ask who needs it")
    network = PrivateNetwork(stack, "Network")
    audit.exclude_from_block("Network", vpc=network.vpc, mode=VpcExclusionMode.EGRESS)


def audit_of_what_exists(app: App) -> None:
    stack = Stack(app, "AuditOfExisting")
    AuditBaseline(
        stack,
        "Audit",
        existing=[AuditPart.TRAIL, AuditPart.CONFIG, AuditPart.GUARDDUTY, AuditPart.INSPECTOR],
        trail_log_group=logs.LogGroup.from_log_group_name(stack, "TrailLogs", "trail"),
    )


def audit_in_two_regions(app: App) -> None:
    AuditBaseline(Stack(app, "First", env=_SOMEWHERE), "Audit")
    AuditBaseline(
        Stack(app, "Second", env=Environment(account=ACCOUNT, region="eu-west-1")),
        "Audit",
        existing=[AuditPart.TRAIL_ELSEWHERE, AuditPart.CONFIG_GLOBAL],
    )


def audit_waived(app: App) -> None:
    reason = "the development account keeps nothing that anybody would audit"
    waivers = [Waiver(rule, reason=reason) for rule in ("SC-DEL-01", "SC-KMS-01")]
    AuditBaseline(Stack(app, "AuditWaived"), "Audit", waivers=waivers)


def audit_in_govcloud(app: App) -> None:
    stack = Stack(app, "GovAudit", env=Environment(account=ACCOUNT, region=GOVCLOUD))
    AuditBaseline(stack, "Audit", conformance_pack=True)


def audit_in_china(app: App) -> None:
    AuditBaseline(Stack(app, "ChinaAudit", env=Environment(account=ACCOUNT, region="cn-north-1")), "Audit")


def _jobs(stack: Stack, network: PrivateNetwork | None = None, **arguments: Any) -> LeastPrivilegeBatchEnv:
    network = network or PrivateNetwork(stack, "Network")
    return LeastPrivilegeBatchEnv(stack, "Jobs", network=network, **arguments)


def batch_defaults(app: App) -> None:
    stack = Stack(app, "Batch")
    _jobs(stack).add_job("Render", image=SecureEcrRepository(stack, "Images").image(digest=DIGEST))


def batch_with_everything_asked_for(app: App) -> None:
    stack = Stack(app, "BatchOfAll", env=_SOMEWHERE)
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    limits = QueueLimits(jobs=100, age=Duration.hours(1), cancel_after=Duration.hours(12))
    shares = [Share(identifier="research", weight=0.5), Share(identifier="team*")]
    jobs = _jobs(stack, encryption_key=key, queue_limits=limits, shares=shares, fleet=Fleet(critical=8, spot=16))
    jobs.add_output_bucket(expiration=Duration.days(400))
    images = SecureEcrRepository(stack, "Images")
    role = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    secret = secretsmanager.Secret(stack, "Secret", encryption_key=key)
    for name, critical in (("One", True), ("Two", False)):
        job = jobs.add_job(
            name,
            image=images.image(digest=DIGEST),
            critical=critical,
            environment={"LEVEL": "info"},
            secrets={"PASSWORD": secret, "USER_NAME": SecretField(secret=secret, field="user")},
            services=["dynamodb", "sqs"],
            scratch=["/scratch"],
            ephemeral_storage=Size.gibibytes(50),
            retries=Retries(attempts=5, exit_codes=[75]),
            error_patterns={"DiskFull": '"No space left on device"'},
        )
        job.grant_submit(role, share="research")
        job.grant_terminate(role)
        job.grant_describe(role)
        job.on_state_change("Failures", target=events_queue(stack))
        schedule = scheduler.ScheduleExpression.rate(Duration.days(1))
        job.add_schedule("Daily", schedule=schedule, array_size=10, share="teamblue")


def events_queue(stack: Stack) -> targets.SqsQueue:
    """One queue for the events of a stack, with dead letters of which an alarm tells."""
    found = stack.node.try_find_child("Events"), stack.node.try_find_child("Undelivered")
    if isinstance(found[0], sqs.Queue) and isinstance(found[1], sqs.Queue):
        return targets.SqsQueue(found[0], dead_letter_queue=found[1])
    queue, dead = (sqs.Queue(stack, id, enforce_ssl=True) for id in ("Events", "Undelivered"))
    metric = dead.metric_approximate_number_of_messages_visible()
    alarm = cloudwatch.Alarm(stack, "UndeliveredAlarm", metric=metric, threshold=1, evaluation_periods=1)
    topic = sns.Topic.from_topic_arn(stack, "People", stack.format_arn(service="sns", resource="people"))
    alarm.add_alarm_action(actions.SnsAction(topic))
    return targets.SqsQueue(queue, dead_letter_queue=dead)


def batch_on_instances(app: App) -> None:
    stack = Stack(app, "BatchOnInstances")
    image = SecureEcrRepository(stack, "Images").image(digest=DIGEST)
    network = PrivateNetwork(stack, "Network")
    jobs = _jobs(stack, network, platform=Ec2(session_manager=True))
    jobs.add_job("Simulate", image=image, critical=True, nodes=4, vcpus=8)
    graphics = Ec2(gpu=True, instance_types=["g5"])
    trained = LeastPrivilegeBatchEnv(stack, "Training", network=network, platform=graphics)
    trained.add_job("Train", image=image, gpus=1, scratch=["/scratch"])


def batch_in_a_cluster(app: App) -> None:
    stack = Stack(app, "BatchInCluster")
    platform = Eks(
        cluster_arn=stack.format_arn(service="eks", resource="cluster", resource_name="jobs"),
        namespace="batch",
        node_role=iam.Role.from_role_name(stack, "Nodes", "nodes"),
        cluster_security_group=ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0a1b2c3d"),
        cpu_architecture=CpuArchitecture.ARM64,
    )
    _jobs(stack, platform=platform).add_job("Render", image=SecureEcrRepository(stack, "Images").image(digest=DIGEST))


def batch_over_stacks(app: App) -> None:
    network = PrivateNetwork(Stack(app, "Network"), "Network")
    images = SecureEcrRepository(Stack(app, "Images"), "Images")
    jobs = _jobs(Stack(app, "Batch"), network)
    jobs.add_output_bucket()
    for id in ("Orders", "Payments"):
        stack = Stack(app, id)
        secret = secretsmanager.Secret(stack, "Secret")
        job = jobs.add_job(f"Close{id}", image=images.image(digest=DIGEST), secrets={"PASSWORD": secret}, scope=stack)
        job.add_schedule("Nightly", schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"))


def batch_waived(app: App) -> None:
    reason = "a study of ours that nobody relies on, and that is gone next week"
    stack = Stack(app, "BatchWaived")
    rules = ("SC-BAT-10", "SC-BAT-11", "SC-DEL-01", "SC-KMS-01")
    jobs = _jobs(stack, fleet=Fleet(fallback=0), waivers=[Waiver(rule, reason=reason) for rule in rules])
    jobs.add_output_bucket()
    jobs.add_job(
        "Render",
        image=SecureEcrRepository(stack, "Images").image(digest=DIGEST),
        user="root",
        timeout=None,
        retries=None,
        waivers=[Waiver(f"SC-BAT-0{number}", reason=reason) for number in (3, 4, 6, 7)],
    )


def batch_in_govcloud(app: App) -> None:
    stack = Stack(app, "GovBatch", env=Environment(account=ACCOUNT, region=GOVCLOUD))
    jobs = _jobs(stack, PrivateNetwork(stack, "Network", fips=True), platform=Ec2())
    jobs.add_output_bucket()
    jobs.add_job("Render", image=SecureEcrRepository(stack, "Images").image(digest=DIGEST))


def batch_in_china(app: App) -> None:
    stack = Stack(app, "ChinaBatch", env=Environment(account=ACCOUNT, region="cn-north-1"))
    jobs = _jobs(stack)
    job = jobs.add_job("Render", image=SecureEcrRepository(stack, "Images").image(digest=DIGEST), critical=True)
    job.add_schedule("Daily", schedule=scheduler.ScheduleExpression.rate(Duration.days(1)))


def _pipeline(stack: Stack, **arguments: Any) -> S3BatchPipeline:
    image = SecureEcrRepository(stack, "Images").image(digest=DIGEST)
    return S3BatchPipeline(stack, "Scans", network=PrivateNetwork(stack, "Network"), image=image, **arguments)


def pipeline_defaults(app: App) -> None:
    _pipeline(Stack(app, "Pipeline"))


def pipeline_with_everything_asked_for(app: App) -> None:
    stack = Stack(app, "PipelineOfAll", env=_SOMEWHERE)
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    topic = sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True)
    secret = secretsmanager.Secret(stack, "Secret", encryption_key=key)
    pipeline = _pipeline(
        stack,
        accept=Accept(prefix="scans/in/", suffixes=(".csv", ".json"), max_size=Size.gibibytes(1)),
        critical=True,
        command=["transform"],
        vcpus=2,
        memory=Size.gibibytes(8),
        timeout=Duration.hours(2),
        retries=Retries(attempts=5, exit_codes=[75]),
        lease=Duration.hours(3),
        environment={"LEVEL": "info"},
        secrets={"PASSWORD": secret},
        services=["sqs"],
        scratch=["/scratch"],
        ephemeral_storage=Size.gibibytes(50),
        malware_scan=True,
        max_concurrency=10,
        keep=Duration.days(400),
        limits=PipelineLimits(refused=10, duplicates=500, age=Duration.hours(12)),
        topic=topic,
        encryption_key=key,
        log_retention=logs.RetentionDays.FIVE_YEARS,
    )
    for told in (topic, sns.Topic(stack, "Other", master_key=key, enforce_ssl=True)):
        pipeline.on_failure(told)
    role = iam.Role(stack, "Partner", assumed_by=iam.ServicePrincipal("transfer.amazonaws.com"))
    pipeline.grant_upload(role)
    pipeline.grant_upload(role, prefix="scans/in/partner/")
    pipeline.grant_upload(iam.Role.from_role_arn(stack, "There", f"arn:{Aws.PARTITION}:iam::{OTHER_ACCOUNT}:role/them"))
    pipeline.grant_read_results(role)


def pipelines_on_one_bucket(app: App) -> None:
    stack = Stack(app, "Pipelines")
    network, image = PrivateNetwork(stack, "Network"), SecureEcrRepository(stack, "Images").image(digest=DIGEST)
    jobs = LeastPrivilegeBatchEnv(stack, "Jobs", network=network, shares=[Share(identifier="scans")])
    jobs.add_output_bucket()
    made: list[S3BatchPipeline] = []
    for id in ("First", "Second"):
        accept = Accept(prefix=f"{id.lower()}/")
        bucket = made[0].input_bucket if made else None
        arguments: dict[str, Any] = {"network": network, "image": image, "jobs": jobs, "share": "scans"}
        made.append(S3BatchPipeline(stack, id, accept=accept, input_bucket=bucket, **arguments))


def pipeline_over_stacks(app: App) -> None:
    network = PrivateNetwork(Stack(app, "Network"), "Network")
    images = SecureEcrRepository(Stack(app, "Images"), "Images")
    jobs = _jobs(Stack(app, "Batch"), network)
    jobs.add_output_bucket()
    for id in ("Orders", "Payments"):
        image = images.image(digest=DIGEST)
        pipeline = S3BatchPipeline(Stack(app, id), f"{id}Files", network=network, image=image, jobs=jobs)
        pipeline.on_failure(pipeline.topic)


def pipeline_waived(app: App) -> None:
    reason = "a study of ours that nobody relies on, and that is gone next week"
    waivers = [Waiver(rule, reason=reason) for rule in ("SC-DEL-01", "SC-KMS-01")]
    _pipeline(Stack(app, "PipelineWaived"), waivers=waivers)


def pipeline_in_govcloud(app: App) -> None:
    stack = Stack(app, "GovPipeline", env=Environment(account=ACCOUNT, region=GOVCLOUD))
    pipeline = _pipeline(stack, malware_scan=True)
    pipeline.on_failure(pipeline.topic)


def pipeline_in_china(app: App) -> None:
    stack = Stack(app, "ChinaPipeline", env=Environment(account=ACCOUNT, region="cn-north-1"))
    pipeline = _pipeline(stack)
    pipeline.on_failure(pipeline.topic)


def reference_stacks(app: App) -> None:
    build_reference(app, Options())


def reference_stacks_in_an_organization(app: App) -> None:
    build_reference(
        app, Options(account=ACCOUNT, region=GOVCLOUD, organization=ORGANIZATION, severity=ScanSeverity.LOW)
    )


_BUILDERS: tuple[Callable[[App], None], ...] = (
    defaults,
    two_in_one_stack,
    everything_asked_for,
    everything_waived,
    across_stacks,
    across_accounts,
    stage_and_nested_stack,
    govcloud,
    china,
    networks,
    network_of_every_service,
    network_waived,
    network_shared_over_stacks,
    network_in_an_imported_vpc,
    network_in_govcloud,
    network_in_china,
    audit_defaults,
    audit_with_everything_asked_for,
    audit_of_what_exists,
    audit_in_two_regions,
    audit_waived,
    audit_in_govcloud,
    audit_in_china,
    batch_defaults,
    batch_with_everything_asked_for,
    batch_on_instances,
    batch_in_a_cluster,
    batch_over_stacks,
    batch_waived,
    batch_in_govcloud,
    batch_in_china,
    pipeline_defaults,
    pipeline_with_everything_asked_for,
    pipelines_on_one_bucket,
    pipeline_over_stacks,
    pipeline_waived,
    pipeline_in_govcloud,
    pipeline_in_china,
    *SERVICE_BUILDERS,
    reference_stacks,
    reference_stacks_in_an_organization,
)
FLAVOURS = {builder.__name__: builder for builder in _BUILDERS}


def build(app: App, flavour: str) -> None:
    """Build a flavour, tagged as an app's owner would."""
    FLAVOURS[flavour](app)
    Tags.of(app).add("owner", "payments")
