"""Rules about what is recorded of an account: CloudTrail, AWS Config and GuardDuty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import Final

from secure_containers.rules.engine import Controls, Observations, resource_rule, template_rule
from secure_containers.rules.intrinsics import Given
from secure_containers.rules.partitions import partition_of
from secure_containers.rules.template import (
    Resource,
    Template,
    Value,
    World,
    is_left_out,
    is_true,
    settled,
    surely,
)

_TRAIL: Final = "AWS::CloudTrail::Trail"
_BUCKET: Final = "AWS::S3::Bucket"
_RECORDER: Final = "AWS::Config::ConfigurationRecorder"
_DETECTOR: Final = "AWS::GuardDuty::Detector"
_CLOUDTRAIL_CONTROLS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudtrail-controls.html"

_WANTED_OF_TRAILS: Final = ("IsLogging", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation")
_SELECTORS: Final = ("EventSelectors", "AdvancedEventSelectors")
_WAYS: Final = {"ReadOnly": "true", "WriteOnly": "false"}
"""The two halves of management events, and what the field `readOnly` says of them."""

_PUBLIC_ACCESS: Final = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")

CONTAINER_TYPES: Final = (
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::EKS::Cluster",
    "AWS::Batch::JobQueue",
    "AWS::Batch::ComputeEnvironment",
)
"""What AWS Config can record of containers; it knows no job definitions."""

_AGENTS: Final = ("ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT")
_ONE_OF_A_KIND: Final = (
    _RECORDER,
    "AWS::Config::DeliveryChannel",
    _DETECTOR,
    "AWS::ECR::RegistryPolicy",
    "AWS::ECR::ReplicationConfiguration",
    "AWS::ECR::RegistryScanningConfiguration",
    "AWS::ECR::SigningConfiguration",
    "AWS::EC2::VPCBlockPublicAccessOptions",
)


@resource_rule(
    "SC-AUD-01",
    types=(_TRAIL,),
    guidelines=("cloudtrail",),
    controls=Controls(
        fsbp=("CloudTrail.1", "CloudTrail.4"),
        nist_800_53_r5=(
            "AC-2(4)",
            "AC-4(26)",
            "AC-6(9)",
            "AU-2",
            "AU-3",
            "AU-6(3)",
            "AU-6(4)",
            "AU-9",
            "AU-10",
            "AU-12",
            "AU-14(1)",
            "CA-7",
            "SA-8(22)",
            "SC-7(9)",
            "SI-3(8)",
            "SI-4",
            "SI-4(20)",
            "SI-7(1)",
            "SI-7(3)",
            "SI-7(7)",
            "SI-7(8)",
        ),
        cis=("v5.0.0/3.1", "v3.0.0/3.1", "v1.4.0/3.1", "v1.4.0/3.2", "v1.2.0/2.1", "v1.2.0/2.2"),
        source=_CLOUDTRAIL_CONTROLS,
    ),
)
def incomplete_trail(trail: Resource) -> Observations:
    """A trail does not record all that happens.

    ## Why
    An intruder works where nothing is written down: in a Region that nobody uses, through IAM, by reading, with the key
    service. Without validation the files can be changed afterwards, and nobody can show that they were not.

    ## Fix
    Set `IsLogging`, `IsMultiRegionTrail`, `IncludeGlobalServiceEvents` and `EnableLogFileValidation` to `true`, and let
    the selectors, if there are any, take every management event, reads and writes, of every service. A trail for data
    events alone carries a waiver for `SC-AUD-01[ManagementEvents]`.

    CloudTrail refuses a trail of all Regions without the events of global services, so do not leave them to a default.

    ## Bad
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
          EventSelectors:
            - ReadWriteType: WriteOnly
              ExcludeManagementEventSources: [kms.amazonaws.com]
    ```

    ## Good
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
          IsMultiRegionTrail: true
          IncludeGlobalServiceEvents: true
          EnableLogFileValidation: true
    ```
    """
    for name in _WANTED_OF_TRAILS:
        for value in trail.get(name):
            if not is_true(value.data):
                yield value.violates(f"{name} is {value.text or 'not set'}", about=name)
    for name in _SELECTORS:
        for selectors in trail.get(name):
            if not _takes_management_events(selectors):
                place = next(_unknown_selections(selectors), selectors)
                yield place.violates(f"{name} leave management events out", about="ManagementEvents")


@resource_rule(
    "SC-AUD-02",
    types=(_TRAIL,),
    guidelines=("cloudtrail", "encryption-at-rest"),
    controls=Controls(
        fsbp=("CloudTrail.2",),
        nist_800_53_r5=("AU-9", "CA-9(1)", "CM-3(6)", "SC-7(10)", "SC-13", "SC-28", "SC-28(1)", "SI-7(6)"),
        pci_dss_4=("10.3.2",),
        cis=("v3.0.0/3.5", "v1.4.0/3.7", "v1.2.0/2.7"),
        source=_CLOUDTRAIL_CONTROLS,
    ),
)
def unencrypted_trail(trail: Resource) -> Observations:
    """A trail is not encrypted with a key of yours.

    ## Why
    With a key of its own the trail can only be read by those who may use the key too, and every reading is itself an
    event. With S3's own key, whoever gets at the bucket reads who does what in the account.

    ## Fix
    Set `KMSKeyId` to a customer managed key whose policy lets `cloudtrail.amazonaws.com` use it. A parameter for the
    key needs an `AllowedPattern` that leaves no room for nothing, such as `arn:.+:key/.+`.

    ## Bad
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
    ```

    ## Good
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
          KMSKeyId: !GetAtt Key.Arn
      Key:
        Type: AWS::KMS::Key
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          EnableKeyRotation: true
    ```
    """
    for key in trail.get("KMSKeyId"):
        if is_left_out(key):
            yield key.violates("KMSKeyId is not set")


@resource_rule(
    "SC-AUD-03",
    types=(_TRAIL,),
    guidelines=("cloudtrail", "cloudwatch-logs-and-alarms"),
    controls=Controls(
        fsbp=("CloudTrail.5",),
        nist_800_53_r5=(
            "AC-2(4)",
            "AC-4(26)",
            "AC-6(9)",
            "AU-2",
            "AU-3",
            "AU-6(1)",
            "AU-6(3)",
            "AU-6(4)",
            "AU-6(5)",
            "AU-7(1)",
            "AU-10",
            "AU-12",
            "CA-7",
            "SC-7(9)",
            "SI-3(8)",
            "SI-4(5)",
            "SI-4(20)",
            "SI-7(8)",
            "SI-20",
        ),
        cis=("v1.4.0/3.4", "v1.2.0/2.4"),
        source=_CLOUDTRAIL_CONTROLS,
    ),
)
def unwatched_trail(trail: Resource) -> Observations:
    """A trail is written where no alarm can see it.

    ## Why
    Files in a bucket are read after the damage. Metric filters and alarms for denied calls, changed policies and the
    root user need the events in CloudWatch Logs.

    ## Fix
    Set `CloudWatchLogsLogGroupArn` and `CloudWatchLogsRoleArn`; in CDK, `send_to_cloud_watch_logs=True` with a
    `cloud_watch_log_group` that has a key (SC-LOG-02).

    ## Bad
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
    ```

    ## Good
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
          CloudWatchLogsLogGroupArn: !GetAtt Logs.Arn
          CloudWatchLogsRoleArn: !GetAtt Role.Arn
    ```
    """
    for group in trail.get("CloudWatchLogsLogGroupArn"):
        if is_left_out(group):
            yield group.violates("CloudWatchLogsLogGroupArn is not set")
            continue
        for role in group.beside("CloudWatchLogsRoleArn"):
            if is_left_out(role):
                yield role.violates("CloudWatchLogsRoleArn is not set")


@template_rule(
    "SC-AUD-04",
    types=(_BUCKET,),
    guidelines=("cloudtrail",),
    controls=Controls(security_hub=("CloudTrail.6",), cis=("v1.4.0/3.3", "v1.2.0/2.3"), source=_CLOUDTRAIL_CONTROLS),
)
def unprotected_trail_bucket(template: Template) -> Observations:
    """The bucket of a trail can lose its files, or show them to everybody.

    ## Why
    Whoever has something to hide deletes or overwrites the record of it first. What the record tells of an account,
    down to names and addresses, is a map for the next intruder.

    ## Fix
    Give the bucket versions and all four settings of `PublicAccessBlockConfiguration`; lock it (`ObjectLockEnabled`),
    which also brings versions, or set `DeletionPolicy` and `UpdateReplacePolicy` to `Retain`.

    ## Bad
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
      Bucket:
        Type: AWS::S3::Bucket
    ```

    ## Good
    ```yaml
    Resources:
      Trail:
        Type: AWS::CloudTrail::Trail
        Properties:
          S3BucketName: !Ref Bucket
          IsLogging: true
      Bucket:
        Type: AWS::S3::Bucket
        DeletionPolicy: Retain
        UpdateReplacePolicy: Retain
        Properties:
          VersioningConfiguration:
            Status: Enabled
          PublicAccessBlockConfiguration:
            BlockPublicAcls: true
            BlockPublicPolicy: true
            IgnorePublicAcls: true
            RestrictPublicBuckets: true
    ```
    """
    for bucket in template.of_type(_BUCKET):
        if bucket in template.world.once(_trail_buckets):
            yield from _unkept_versions(bucket)
            yield from _deleted_with_the_stack(bucket)
            yield from _open_to_the_public(bucket)


@resource_rule(
    "SC-AUD-05",
    types=(_RECORDER,),
    guidelines=("aws-config",),
    controls=Controls(
        fsbp=("Config.1",),
        nist_800_53_r5=("CM-3", "CM-6(1)", "CM-8", "CM-8(2)"),
        cis=("v5.0.0/3.3", "v3.0.0/3.3", "v1.4.0/3.5", "v1.2.0/2.5"),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/config-controls.html",
    ),
)
def unrecorded_containers(recorder: Resource) -> Observations:
    """AWS Config does not record container resources.

    ## Why
    What is not recorded is judged by no rule of AWS Config and has no history: nobody can tell since when a repository
    lets tags move, or what a task definition held on the day of the incident.

    ## Fix
    Set `RecordingGroup.AllSupported` to `true`; or name repositories, ECS clusters, services and task definitions, EKS
    clusters, job queues and compute environments in `ResourceTypes`, and none of them in `ExclusionByResourceTypes`.
    Leave `StartedOnCreate` out, for false means that somebody has to start the recorder by hand. What the account will
    never have is waived by its type: `SC-AUD-05[AWS::EKS::Cluster]`.

    ## Bad
    ```yaml
    Resources:
      Recorder:
        Type: AWS::Config::ConfigurationRecorder
        Properties:
          RoleARN: !GetAtt Role.Arn
          RecordingGroup:
            ResourceTypes: ['AWS::EC2::Instance', 'AWS::ECR::Repository']
    ```

    ## Good
    ```yaml
    Resources:
      Recorder:
        Type: AWS::Config::ConfigurationRecorder
        Properties:
          RoleARN: !GetAtt Role.Arn
          RecordingGroup:
            AllSupported: true
    ```
    """
    for started in recorder.get("StartedOnCreate"):
        if not started.absent and not is_true(started.data):
            yield started.violates(f"StartedOnCreate is {started.text}", about="StartedOnCreate")
    for group in recorder.get("RecordingGroup"):
        if group.unknown:
            yield group.violates("does it record containers?")
        elif not group.absent:
            for strategy, everything in product(group.get("RecordingStrategy", "UseOnly"), group.get("AllSupported")):
                if strategy.meets(everything):
                    yield from _unrecorded(group, strategy, everything)


@resource_rule(
    "SC-AUD-06",
    types=(_DETECTOR,),
    guidelines=("runtime-protection", "eks-guardduty"),
    controls=Controls(
        fsbp=("GuardDuty.1", "GuardDuty.5", "GuardDuty.7", "GuardDuty.11", "GuardDuty.12"),
        nist_800_53_r5=(
            "AC-2(12)",
            "AU-6(1)",
            "AU-6(5)",
            "CA-7",
            "CM-8(3)",
            "RA-3(4)",
            "SA-8(19)",
            "SA-8(21)",
            "SA-8(25)",
            "SA-11(1)",
            "SA-11(6)",
            "SA-15(2)",
            "SA-15(8)",
            "SC-5",
            "SC-5(1)",
            "SC-5(3)",
            "SI-3(8)",
            "SI-4",
            "SI-4(1)",
            "SI-4(2)",
            "SI-4(4)",
            "SI-4(5)",
            "SI-4(13)",
            "SI-4(22)",
            "SI-4(25)",
            "SI-20",
        ),
        pci_dss_4=("11.5.1",),
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/guardduty-controls.html",
    ),
)
def unwatched_runtime(detector: Resource) -> Observations:
    """GuardDuty does not watch containers while they run.

    ## Why
    A scan of the image sees what was in it, not what an intruder starts in it later. Only the agent of runtime
    monitoring sees the miner, the reverse shell and the stolen credentials, and only where GuardDuty may install it.

    ## Fix
    Set `Enable` to `true` and, in `Features`, `RUNTIME_MONITORING` to `ENABLED` with `ECS_FARGATE_AGENT_MANAGEMENT` and
    `EKS_ADDON_MANAGEMENT`; leave `EKS_AUDIT_LOGS` out or enabled, which is what GuardDuty takes it for. The older
    `EKS_RUNTIME_MONITORING` sees no ECS tasks and cannot stand beside `RUNTIME_MONITORING`, so replace it.

    GuardDuty has no runtime monitoring in China, so templates for its Regions are not asked for it.

    ## Bad
    ```yaml
    Resources:
      Detector:
        Type: AWS::GuardDuty::Detector
        Properties:
          Enable: true
    ```

    ## Good
    ```yaml
    Resources:
      Detector:
        Type: AWS::GuardDuty::Detector
        Properties:
          Enable: true
          Features:
            - Name: EKS_AUDIT_LOGS
              Status: ENABLED
            - Name: RUNTIME_MONITORING
              Status: ENABLED
              AdditionalConfiguration:
                - Name: ECS_FARGATE_AGENT_MANAGEMENT
                  Status: ENABLED
                - Name: EKS_ADDON_MANAGEMENT
                  Status: ENABLED
    ```
    """
    for enabled in detector.get("Enable"):
        if not is_true(enabled.data):
            yield enabled.violates(f"Enable is {enabled.text or 'not set'}", about="Enable")
    for status in _audit_log_settings(detector):
        if not (status.absent or status.text == "ENABLED" or is_true(status.data)):
            yield status.violates(f"EKS_AUDIT_LOGS is {status.text}", about="EKS_AUDIT_LOGS")
    if partition_of(detector.template.region or "") == "aws-cn":
        return
    for features in detector.get("Features"):
        yield from _unless_enabled("RUNTIME_MONITORING", features)
        for runtime in _named("RUNTIME_MONITORING", features):
            if any(status.text != "DISABLED" for status in runtime.get("Status")):
                for agents, agent in product(runtime.get("AdditionalConfiguration"), _AGENTS):
                    yield from _unless_enabled(agent, agents)


@template_rule("SC-AUD-07", types=_ONE_OF_A_KIND, guidelines=("deployable-templates", "aws-config"))
def second_of_its_kind(template: Template) -> Observations:
    """Two resources are declared of a kind that an account has once in a Region.

    ## Why
    AWS refuses the second one, and the deployment rolls back; or it takes it in the place of the first, and then each
    deployment undoes the other's settings.

    ## Fix
    Declare it once in an account and Region, in the stack that all others can count on. Where one stands already, made
    by Control Tower or by hand, declare none.

    Resources of two stacks count where a cloud assembly tells that both go to one account and Region, and those of
    nested stacks with their parent's.

    ## Bad
    ```yaml
    Resources:
      Detector:
        Type: AWS::GuardDuty::Detector
        Properties: {Enable: true}
      DetectorForContainers:
        Type: AWS::GuardDuty::Detector
        Properties: {Enable: true}
    ```

    ## Good
    ```yaml
    Resources:
      Detector:
        Type: AWS::GuardDuty::Detector
        Properties: {Enable: true}
    ```
    """
    for resource in template.of_type(*_ONE_OF_A_KIND):
        first = next((other for other in _before(resource) if _stand_together(other, resource)), None)
        if first is not None:
            where = "" if first.template is template else f" of {first.template.name}"
            yield resource.violates(f"{first.logical_id}{where} is the {resource.type} of the account and Region")


def _takes_management_events(selectors: Value) -> bool:
    """Whether a list of selectors, if it is one, takes both halves of all management events."""
    chosen = list(selectors.items())
    takes = _taken if selectors.path.endswith("AdvancedEventSelectors") else _taken_by_type
    return not chosen or all(
        selectors.resource.template.always([given for each in chosen for given in takes(each, way)], selectors.given)
        for way in _WAYS
    )


def _taken_by_type(selector: Value, way: str) -> Iterator[Given]:
    """Where an event selector takes all management events of one half."""
    told = (
        [(kind.absent or kind.text in ("All", way), kind) for kind in selector.get("ReadWriteType")],
        [(each.absent or is_true(each.data), each) for each in selector.get("IncludeManagementEvents")],
        [(not any(True for _ in each.items()), each) for each in selector.get("ExcludeManagementEventSources")],
    )
    for parts in product(*([value for holds, value in settled(verdicts) if holds] for verdicts in told)):
        if all(one.meets(other) for one, other in combinations(parts, 2)):
            yield frozenset().union(*(value.given for value in parts))


def _taken(selector: Value, way: str) -> Iterator[Given]:
    """Where an advanced event selector takes all management events of one half."""
    for fields in selector.get("FieldSelectors"):
        found = list(fields.items())
        kinds = [each for each in found if _words(each, "Field") == {"eventcategory"}]
        if kinds and all(_lets_through(each, way) for each in found):
            yield kinds[0].given


def _lets_through(field: Value, way: str) -> bool:
    """Whether a field selector takes all management events of one half."""
    match _words(field, "Field"):
        case names if names == {"eventcategory"}:
            return _words(field, "Equals") == {"management"}
        case names if names == {"readonly"}:
            return _words(field, "Equals") == {_WAYS[way]}
    return False


def _words(field: Value, key: str) -> set[str]:
    return {each.text.lower() for values in field.get(key) for each in values.items()}


def _unknown_selections(selectors: Value) -> Iterator[Value]:
    """The unknown values on which it rests whether management events are taken."""
    for selector in selectors.items():
        for name in ("ReadWriteType", "IncludeManagementEvents", "ExcludeManagementEventSources", "FieldSelectors"):
            yield from (value for value in selector.get(name) if value.unknown)
        for fields in selector.get("FieldSelectors"):
            for field in fields.items():
                yield from (value for value in field.get("Field") if value.unknown)
                if _words(field, "Field") <= {"eventcategory", "readonly"}:
                    yield from (each for values in field.get("Equals") for each in values.items() if each.unknown)


def _trail_buckets(world: World) -> frozenset[Resource]:
    """The buckets that trails write to, which name them by reference or by the name that they give themselves."""
    found: set[Resource] = set()
    for trail in world.of_type(_TRAIL):
        for name in trail.get("S3BucketName"):
            found |= {place for place in world.locate(name) if isinstance(place, Resource)}
            found |= {
                bucket
                for bucket in trail.template.of_type(_BUCKET)
                if name.text and any(own.text == name.text for own in bucket.get("BucketName"))
            }
    return frozenset(found)


def _unkept_versions(bucket: Resource) -> Observations:
    for status in bucket.get("VersioningConfiguration", "Status"):
        locks = status.beside("ObjectLockEnabled")
        if status.text != "Enabled" and not (status.absent and all(is_true(lock.data) for lock in locks)):
            yield status.violates(f"versioning is {status.text or 'not set'}", about="VersioningConfiguration")


def _deleted_with_the_stack(bucket: Resource) -> Observations:
    for name in ("DeletionPolicy", "UpdateReplacePolicy"):
        for policy in bucket.attribute(name):
            if policy.data in ("Retain", "RetainExceptOnCreate"):
                continue
            for lock in policy.beside("ObjectLockEnabled"):
                if not is_true(lock.data):
                    place = lock if lock.unknown else policy
                    message = f"{name} is {policy.text or 'not set, which means Delete'}, and the bucket is not locked"
                    yield place.violates(message, about=name)


def _open_to_the_public(bucket: Resource) -> Observations:
    about = "PublicAccessBlockConfiguration"
    for block in bucket.get(about):
        if block.absent or block.unknown:
            yield block.violates(f"{about} is not set", about=about)
            continue
        for name in _PUBLIC_ACCESS:
            for value in block.get(name):
                if not is_true(value.data):
                    yield value.violates(f"{name} is {value.text or 'not set'}", about=about)


def _unrecorded(group: Value, strategy: Value, everything: Value) -> Observations:
    """What a recording group leaves out, where it has this strategy and this setting of `AllSupported`."""
    unknown = next((value for value in (strategy, everything) if value.unknown), None)
    if unknown is not None:
        yield unknown.violates("does it record containers?")
    elif strategy.text == "EXCLUSION_BY_RESOURCE_TYPES":
        for types in group.get("ExclusionByResourceTypes", "ResourceTypes"):
            if types.meets(strategy) and types.meets(everything):
                yield from _excluded(types)
    elif strategy.text != "ALL_SUPPORTED_RESOURCE_TYPES" and not is_true(everything.data):
        for types in group.get("ResourceTypes"):
            if types.meets(strategy) and types.meets(everything):
                yield from _not_included(types)


def _excluded(types: Value) -> Observations:
    for each in types.items():
        if each.unknown or each.text in CONTAINER_TYPES:
            yield each.violates(f"{each.text} is excluded from recording", about=each.text)


def _not_included(types: Value) -> Observations:
    listed = list(types.items())
    missing = [
        wanted for wanted in CONTAINER_TYPES if not surely([(each.text == wanted, each) for each in listed], types)
    ]
    unknown = next((each for each in listed if each.unknown), None)
    if missing and unknown is not None:
        yield unknown.violates(f"is it one of {', '.join(missing)}?")
        return
    for wanted in missing:
        yield types.violates(f"{wanted} is not recorded", about=wanted)


def _audit_log_settings(detector: Resource) -> Iterator[Value]:
    """What the template says of the feature EKS_AUDIT_LOGS, in today's form and in the older one."""
    for features in detector.get("Features"):
        yield from (status for each in _named("EKS_AUDIT_LOGS", features) for status in each.get("Status"))
    yield from detector.get("DataSources", "Kubernetes", "AuditLogs", "Enable")


def _named(name: str, entries: Value) -> list[Value]:
    """The entries of a list of GuardDuty's features, or of a feature's agents, that have this name."""
    return [entry for entry in entries.items() if {each.text for each in entry.get("Name")} == {name}]


def _unless_enabled(name: str, entries: Value) -> Observations:
    statuses = [status for entry in _named(name, entries) for status in entry.get("Status")]
    if not surely([(status.text == "ENABLED", status) for status in statuses], entries):
        names: Iterable[Value] = (each for entry in entries.items() for each in entry.get("Name"))
        place = next((value for value in (*statuses, *names) if value.unknown), entries)
        yield place.violates(f"{name} is not enabled", about=name)


def _before(resource: Resource) -> Iterator[Resource]:
    """Those of its type that are judged before it."""
    for other in resource.template.world.of_type(resource.type):
        if other is resource:
            return
        yield other


def _stand_together(one: Resource, other: Resource) -> bool:
    """Whether two resources go to one account and Region, and no condition keeps them apart."""
    ours, theirs = _way_to(one), _way_to(other)
    return _share_an_environment(ours[-1].template, theirs[-1].template) and not any(
        mine.template is yours.template and _exclude_each_other(mine, yours) for mine, yours in product(ours, theirs)
    )


def _way_to(resource: Resource) -> Sequence[Resource]:
    """The resource and the nested stacks that it stands in, outermost last."""
    parent = resource.template.parent
    return [resource] if parent is None else [resource, *_way_to(parent)]


def _share_an_environment(one: Template, other: Template) -> bool:
    """Whether two stacks surely go to one account and Region; a folder of templates does not tell, so they do not."""
    told = None not in (one.stack, other.stack, one.account, one.region)
    return one is other or (told and (one.account, one.region) == (other.account, other.region))


def _exclude_each_other(one: Resource, other: Resource) -> bool:
    condition = one.template.condition
    return (
        condition(other.body.get("Condition"), one.given) is False
        or condition(one.body.get("Condition"), other.given) is False
    )
