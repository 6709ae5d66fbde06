"""`AuditBaseline`: who did what, what changed, what is attacked, and who is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_config as config
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from secure_containers.alarms import Alarms, alarm_topic
from secure_containers.audit.configuration import Recorder, Rules
from secure_containers.audit.detection import detector, inspector_on
from secure_containers.audit.parts import AuditPart, VpcBlockMode, VpcExclusionMode
from secure_containers.audit.settings import (
    check_key,
    check_only_one,
    check_topic,
    check_trail,
    check_types,
    check_values,
    known_region,
    name_prefix,
    own_parts,
    remember,
)
from secure_containers.audit.trail import Trail
from secure_containers.audit.watched import FILTERS, Own, events
from secure_containers.buckets import access_log_bucket, log_by_bucket_policy
from secure_containers.ecr import ScanSeverity
from secure_containers.errors import check_type, invalid
from secure_containers.rules.partitions import partition_of
from secure_containers.waivers import DefaultsOff, Waiver

_TYPES: Final = (
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::Alarm",
    "AWS::Config::ConfigurationRecorder",
    "AWS::GuardDuty::Detector",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
)
"""What a waiver can be about."""
_LONGEST_PATTERN: Final = 1024


class AuditBaseline(Construct):
    """The audit of one account and Region: recorded, watched, told.

    Unasked:

    - CloudTrail records the management events of every Region, encrypted and validated, into a locked bucket from which
      nobody deletes, and into a log group; what reads that bucket is logged too;
    - AWS Config records every resource, and holds those of containers and of the audit itself to 23 rules;
    - GuardDuty watches API calls, audit logs of clusters, containers and machines at run time, functions and disks;
    - Amazon Inspector scans images, machines and functions;
    - one encrypted topic hears of denied calls, sign-ins without a second factor, use of the root user, changes of IAM
      policies, buckets, keys, repositories, trail, recorder and the audit itself, deleted images, pulls by strangers,
      and findings.
      **Nobody is subscribed to it**: do that next;
    - data, and the keys that read it, stay when the stack is deleted, and so does GuardDuty's detector, which holds its
      findings (`existing=[AuditPart.GUARDDUTY]` in the next stack). Recorder and trail go with the stack: kept, they
      would be in the way of the next one. Give the stack termination protection.

    Pushes and pulls of images are management events of CloudTrail: they are always recorded, and ECR has no data events
    that could be turned on. CloudTrail's events carry no organization: pulls by strangers are told by the caller's
    account.

    There is one recorder, one detector and one delivery channel to an account and Region. Where one exists already, say
    so by `existing`; it is not touched then.

    Args:
        scope: the parent.
        id: the construct id.
        organization_id: the AWS Organization outside of which nobody gets at buckets and topic. Left out, no such
            statement is written.
        trusted_accounts: account ids, besides this one, whose pulls are expected.
        existing: parts that exist already and are left alone. In a second Region of an account, give
            `[AuditPart.TRAIL_ELSEWHERE, AuditPart.CONFIG_GLOBAL]`: what the first one records of all Regions would be
            paid for again.
        trail_log_group: the log group of the trail that exists; alarms are made on it.
        topic: where alarms and findings go. The policies of an imported topic and of its key have to let CloudWatch and
            EventBridge in, EventBridge without a condition on its source. Left out, a topic with a key of its own is
            made.
        encryption_key: the key for log files, logs and configuration, of the same Region. The policy of an imported one
            has to let CloudTrail, AWS Config and CloudWatch Logs use it. Left out, one is made.
        severity: the least severity of findings of GuardDuty and Amazon Inspector that people hear of.
        log_retention: how long the trail's log group keeps events. Left out: a year.
        trail_retention_days: how long log files and recorded configuration are kept, and log files locked; 365 at
            least. Left out: 2557, seven years. Log files of 128 KB and more move to infrequent access after 90 days.
        conformance_pack: make the rules of AWS Config as one conformance pack. Left out, they are single rules.
        block_vpc_public_access: cut **every** VPC of the account and Region off from the internet, those of others too;
            `exclude_from_block` excepts some. Left out, nothing is cut off.
        waivers: defaults to turn off and findings to accept, each with its reason.

    Raises:
        ValueError: an argument is wrong or contradicts another, or the account and Region have a baseline in this app.

    Source: https://docs.aws.amazon.com/securityhub/latest/userguide/cloudtrail-controls.html
    """

    encryption_key: kms.IKey | None
    """The key that encrypts log files, logs and recorded configuration; None if everything exists already."""
    trail: cloudtrail.CfnTrail | None
    """The trail; None if it exists already."""
    trail_bucket: s3.Bucket | None
    """Where the trail's log files are."""
    log_group: logs.ILogGroup | None
    """Where the trail's events are; None if the trail belongs elsewhere."""
    recorder: config.CfnConfigurationRecorder | None
    """The recorder of AWS Config; None if it exists already."""
    config_bucket: s3.Bucket | None
    """Where recorded configuration is."""
    conformance_pack: config.CfnConformancePack | None
    """The rules as a pack, if that was asked for."""
    detector: guardduty.CfnDetector | None
    """GuardDuty's detector; None if it exists already."""
    topic: sns.ITopic
    """Where alarms and findings go."""
    dashboard: cloudwatch.Dashboard
    """The state of the alarms."""
    vpc_block: ec2.CfnVPCBlockPublicAccessOptions | None
    """The block of public access to VPCs, if that was asked for."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str | None = None,
        trusted_accounts: Sequence[str] = (),
        existing: Sequence[AuditPart] = (),
        trail_log_group: logs.ILogGroup | None = None,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        severity: ScanSeverity = ScanSeverity.HIGH,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        trail_retention_days: int = 2557,
        conformance_pack: bool = False,
        block_vpc_public_access: VpcBlockMode | None = None,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        path = f"{scope.node.path}/{id}".lstrip("/")
        stack = Stack.of(scope)
        check_types(
            path,
            organization_id=organization_id,
            trusted_accounts=trusted_accounts,
            existing=existing,
            trail_log_group=trail_log_group,
            topic=topic,
            encryption_key=encryption_key,
            severity=severity,
            log_retention=log_retention,
            trail_retention_days=trail_retention_days,
            conformance_pack=conformance_pack,
            block_vpc_public_access=block_vpc_public_access,
            waivers=waivers,
        )
        check_values(
            path,
            organization_id=organization_id,
            trusted_accounts=trusted_accounts,
            trail_retention_days=trail_retention_days,
        )
        check_trail(path, existing, trail_log_group)
        check_key(path, stack, encryption_key)
        check_topic(path, stack, topic)
        check_only_one(path, scope)
        super().__init__(scope, id)
        log_by_bucket_policy(self)
        self._path = path
        self._organization = organization_id
        self._days = trail_retention_days
        try:
            off = DefaultsOff(self, path, waivers, types=_TYPES)
            self._rotation = not off.waived("SC-KMS-01")
            kept = not off.waived("SC-DEL-01")
            # Like the buckets also when a creation fails: what is locked in them can be read by this key only.
            self._removal = RemovalPolicy.RETAIN if kept else RemovalPolicy.DESTROY
            own = own_parts(existing)
            self.encryption_key = encryption_key or self._key(own)
            global_types = AuditPart.CONFIG_GLOBAL not in existing
            self._record(own, trail_log_group, log_retention, as_pack=conformance_pack, global_types=global_types)
            self.detector = detector(self, "Detector") if AuditPart.GUARDDUTY in own else None
            if self.encryption_key is not None and AuditPart.INSPECTOR in own:
                inspector_on(self, "Inspector", key=self.encryption_key)
            self.topic = topic or alarm_topic(
                self,
                "Topic",
                display_name="Audit alarms",
                rotation=self._rotation,
                removal=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if kept else RemovalPolicy.DESTROY,
                organization_id=organization_id,
            )
            self._watch(trusted_accounts, severity)
            self._block_mode = block_vpc_public_access
            self.vpc_block = self._block(block_vpc_public_access)
            off.apply()
        except Exception:
            scope.node.try_remove_child(id)  # a wrong argument leaves nothing behind
            raise
        remember(path, scope)

    def add_alarm(self, id: str, *, pattern: str, description: str, threshold: int = 1) -> cloudwatch.Alarm:
        """An alarm of your own on the trail's events, which reaches the same topic.

        Args:
            id: the construct id of the alarm and the name of its metric.
            pattern: a filter pattern, such as `{($.eventName=CreateUser)}`; 1024 characters at most.
            description: what it means and what to do, for whoever gets the message.
            threshold: how many events in five minutes.

        Raises:
            ValueError: the baseline has no log group, or an argument is wrong.
        """
        path = f"{self.node.path}: add_alarm"
        if self.log_group is None:
            raise invalid(
                path,
                "existing",
                str(AuditPart.TRAIL_ELSEWHERE),
                allowed="alarms where the log group of the trail is",
                write="add_alarm on the baseline of that account and Region",
            )
        if not pattern.startswith("{") or len(pattern) > _LONGEST_PATTERN:
            allowed = f"a JSON filter pattern in braces, at most {_LONGEST_PATTERN} characters"
            raise invalid(path, "pattern", pattern, allowed=allowed, write='pattern="{($.eventName=CreateUser)}"')
        if not description:
            allowed = "what it means and what to do"
            raise invalid(path, "description", description, allowed=allowed, write='description="..."')
        check_type(path, "threshold", threshold, int, allowed="a number of events", write="threshold=1")
        return self._alarms.add_filter(
            id, log_group=self.log_group, pattern=pattern, description=description, threshold=threshold
        )

    def exclude_from_block(
        self, id: str, *, vpc: ec2.IVpc | None = None, subnet: ec2.ISubnet | None = None, mode: VpcExclusionMode
    ) -> ec2.CfnVPCBlockPublicAccessExclusion:
        """Except a VPC or a subnet from the block of public access.

        Args:
            id: the construct id.
            vpc: the VPC.
            subnet: a subnet, in place of a VPC.
            mode: what is let pass.

        Raises:
            ValueError: there is no block, the mode excepts nothing from it, or not one of VPC and subnet is given.
        """
        path = f"{self.node.path}: exclude_from_block"
        if self.vpc_block is None:
            raise invalid(
                path,
                "block_vpc_public_access",
                None,
                allowed="an exclusion from a block that there is",
                write="block_vpc_public_access=VpcBlockMode.INGRESS",
            )
        check_type(path, "mode", mode, VpcExclusionMode, allowed="a VpcExclusionMode", write="VpcExclusionMode.EGRESS")
        if mode is VpcExclusionMode.EGRESS and self._block_mode is VpcBlockMode.INGRESS:
            raise invalid(
                path,
                "mode",
                str(mode),
                allowed="VpcExclusionMode.BIDIRECTIONAL, since VpcBlockMode.INGRESS lets out anyway",
                write="mode=VpcExclusionMode.BIDIRECTIONAL, or leave the VPC in the block",
            )
        if (vpc is None) == (subnet is None):
            raise invalid(path, "vpc", vpc, allowed="a VPC or a subnet", write="vpc=..., or subnet=...")
        exclusion = ec2.CfnVPCBlockPublicAccessExclusion(
            self,
            id,
            internet_gateway_exclusion_mode=mode,
            vpc_id=vpc.vpc_id if vpc else None,
            subnet_id=subnet.subnet_id if subnet else None,
        )
        # Made before the block and deleted after it: in between, what is excepted would be cut off.
        self.vpc_block.node.add_dependency(exclusion)
        return exclusion

    def _key(self, own: frozenset[AuditPart]) -> kms.Key | None:
        """A key, if a part needs one."""
        if not own - {AuditPart.GUARDDUTY}:
            return None
        return kms.Key(
            self,
            "Key",
            description=f"Encrypts what {self._path} records",
            enable_key_rotation=self._rotation,
            removal_policy=self._removal,
        )

    def _block(self, mode: VpcBlockMode | None) -> ec2.CfnVPCBlockPublicAccessOptions | None:
        if mode is None:
            return None
        return ec2.CfnVPCBlockPublicAccessOptions(self, "VpcBlock", internet_gateway_block_mode=mode)

    def _record(
        self,
        own: frozenset[AuditPart],
        trail_log_group: logs.ILogGroup | None,
        log_retention: logs.RetentionDays,
        *,
        as_pack: bool,
        global_types: bool,
    ) -> None:
        self.trail, self.trail_bucket, self.log_group = None, None, trail_log_group
        self.recorder, self.config_bucket, recorder = None, None, None
        key = self.encryption_key
        access_logs = access_log_bucket(self, "AccessLogs") if own & {AuditPart.TRAIL, AuditPart.CONFIG} else None
        if AuditPart.TRAIL in own and access_logs and key:
            trail = Trail(
                self,
                "Trail",
                key=key,
                access_logs=access_logs,
                organization_id=self._organization,
                log_retention=log_retention,
                retention_days=self._days,
            )
            self.trail, self.trail_bucket, self.log_group = trail.trail, trail.bucket, trail.log_group
        if AuditPart.CONFIG in own and access_logs and key:
            recorder = Recorder(
                self,
                "Config",
                key=key,
                access_logs=access_logs,
                organization_id=self._organization,
                retention_days=self._days,
                global_types=global_types,
            )
            self.recorder, self.config_bucket = recorder.recorder, recorder.bucket
        self._buckets = [each for each in (access_logs, self.trail_bucket, self.config_bucket) if each is not None]
        self.conformance_pack = Rules(self, "Rules", recorder=recorder, as_pack=as_pack).pack

    def _watch(self, trusted_accounts: Sequence[str], severity: ScanSeverity) -> None:
        self._alarms = Alarms(
            self,
            "Alarms",
            topic=self.topic,
            namespace="SecureContainers/Audit",
            undelivered="Events did not reach the topic (unusual-access-alarms). Read them in the queue, and see "
            "whether the policies of the topic and its key let EventBridge in",
        )
        if self.log_group is None:
            elsewhere = ", ".join(watched.id for watched in FILTERS)
            Annotations.of(self).add_warning_v2(
                "secure-containers:AlarmsElsewhere",
                f"the trail is elsewhere, so these alarms are not made here: {elsewhere}. Make them on the log group "
                "of that trail",
            )
        else:
            self._watch_trail(self.log_group)
        own = Own(
            topic=self.topic.topic_arn,
            buckets=[each.bucket_name for each in self._buckets],
            log_groups=[self.log_group.log_group_name] if self.log_group is not None else [],
            prefix=name_prefix(self),
        )
        for event in events(Stack.of(self).account, trusted_accounts, severity, own):
            self._alarms.add_event(
                event.id,
                pattern=event.pattern,
                description=event.description,
                read_only_calls=event.read_only_calls,
            )
        self.dashboard = self._alarms.dashboard()

    def _watch_trail(self, log_group: logs.ILogGroup) -> None:
        region = known_region(self)
        for watched in FILTERS:
            if region is not None and partition_of(region) in watched.not_in:
                Annotations.of(self).add_info(f"{watched.id} cannot happen in {region}: no alarm")
                continue
            self._alarms.add_filter(
                watched.id,
                log_group=log_group,
                pattern=watched.pattern,
                description=watched.description,
                threshold=watched.threshold,
            )
