"""The rules: pure functions over synthesized templates, ours or anybody's."""

from __future__ import annotations

from typing import Final

from secure_containers.rules.app_runner import (
    aws_owned_app_runner_encryption,
    public_app_runner_service,
    unbounded_app_runner_scaling,
    unchecked_app_runner_service,
    unrouted_app_runner_egress,
    unwatched_app_runner_service,
)
from secure_containers.rules.app_runner_deployment import movable_app_runner_image, undeployable_app_runner
from secure_containers.rules.app_runner_roles import broad_app_runner_role
from secure_containers.rules.audit import (
    incomplete_trail,
    second_of_its_kind,
    unencrypted_trail,
    unprotected_trail_bucket,
    unrecorded_containers,
    unwatched_runtime,
    unwatched_trail,
)
from secure_containers.rules.batch_capacity import (
    critical_on_spot,
    replacing_batch_tags,
    stuck_jobs,
    unhardened_hosts,
    unwatched_jobs,
)
from secure_containers.rules.batch_deployment import undeployable_batch
from secure_containers.rules.batch_jobs import (
    default_job_logs,
    endless_job,
    movable_image,
    privileged_job,
    root_user,
    shared_host,
    unretried_job,
    writable_root_filesystem,
)
from secure_containers.rules.batch_roles import broad_instance_role, confusable_job_role, shared_job_role
from secure_containers.rules.batch_storage import open_file_system
from secure_containers.rules.data_paths import data_over_the_internet
from secure_containers.rules.dynamodb import aws_owned_table_encryption, unbounded_throughput, unrecoverable_table
from secure_containers.rules.ecr import (
    aws_owned_image_encryption,
    invalid_lifecycle_policy,
    kept_untagged_images,
    missing_image_lifecycle,
    mutable_image_tags,
    public_repository,
    unbounded_images,
    unscanned_images,
    untagged_repository,
)
from secure_containers.rules.ecs_clusters import unaudited_exec, unwatched_cluster
from secure_containers.rules.ecs_deployment import undeployable_service
from secure_containers.rules.ecs_hosts import (
    instance_role_in_reach,
    tasks_ended_by_scaling,
    unhardened_container_hosts,
)
from secure_containers.rules.ecs_roles import shared_task_role
from secure_containers.rules.ecs_services import (
    fixed_task_count,
    pinned_platform,
    single_task,
    unbounded_tasks,
    unchecked_service,
    unguarded_deployment,
)
from secure_containers.rules.ecs_tasks import (
    kept_capabilities,
    movable_container_image,
    open_task_file_system,
    privileged_container,
    root_container,
    shared_host_namespace,
    unlogged_container,
    writable_container_root,
)
from secure_containers.rules.elb import (
    plaintext_targets,
    smuggled_requests,
    unchecked_targets,
    unlogged_requests,
    unprotected_load_balancer,
    weak_tls_policy,
)
from secure_containers.rules.engine import ENGINE_RULES, Controls, Finding, Kind, Report, Rule, Severity, evaluate
from secure_containers.rules.environment import secret_in_environment
from secure_containers.rules.event_sources import unbounded_concurrency, undeployable_event_source, unfiltered_uploads
from secure_containers.rules.events import forgotten_failures, undelivered_events, unwatched_dead_letters
from secure_containers.rules.function_roles import broad_function_role
from secure_containers.rules.iam import (
    long_lived_credentials,
    permissions_to_users,
    wildcard_actions,
    wildcard_principal,
    wildcard_resources,
)
from secure_containers.rules.keys_and_data import key_without_rotation, lost_with_the_stack
from secure_containers.rules.logs import endless_logs, silent_alarm, unencrypted_logs
from secure_containers.rules.networking import (
    open_default_security_group,
    open_egress,
    open_ingress,
    public_address,
    undeployable_endpoint,
    unlogged_traffic,
    unrestricted_endpoint,
)
from secure_containers.rules.reachability import (
    endpoint_outside_zone,
    internet_egress,
    internet_ingress,
    unproven_reachability,
    unreachable_service,
)
from secure_containers.rules.template import Resource, Template
from secure_containers.rules.template_hygiene import (
    embedded_credentials,
    hard_coded_account,
    hard_coded_partition,
    invalid_waiver,
    reference_cycle,
    replacement_blocking_name,
    sensitive_data,
    unreadable_template_part,
)
from secure_containers.rules.transport import plaintext_endpoint, plaintext_requests

RULES: Final[tuple[Rule, ...]] = (
    mutable_image_tags,
    unscanned_images,
    aws_owned_image_encryption,
    missing_image_lifecycle,
    kept_untagged_images,
    unbounded_images,
    invalid_lifecycle_policy,
    public_repository,
    untagged_repository,
    key_without_rotation,
    lost_with_the_stack,
    wildcard_actions,
    wildcard_resources,
    wildcard_principal,
    long_lived_credentials,
    permissions_to_users,
    plaintext_requests,
    plaintext_endpoint,
    weak_tls_policy,
    plaintext_targets,
    unlogged_requests,
    unprotected_load_balancer,
    smuggled_requests,
    unchecked_targets,
    unreachable_service,
    unproven_reachability,
    internet_egress,
    internet_ingress,
    endpoint_outside_zone,
    unrestricted_endpoint,
    open_ingress,
    open_egress,
    open_default_security_group,
    unlogged_traffic,
    public_address,
    undeployable_endpoint,
    data_over_the_internet,
    endless_logs,
    unencrypted_logs,
    silent_alarm,
    incomplete_trail,
    unencrypted_trail,
    unwatched_trail,
    unprotected_trail_bucket,
    unrecorded_containers,
    unwatched_runtime,
    second_of_its_kind,
    privileged_job,
    shared_host,
    root_user,
    writable_root_filesystem,
    movable_image,
    endless_job,
    unretried_job,
    shared_job_role,
    default_job_logs,
    stuck_jobs,
    critical_on_spot,
    unhardened_hosts,
    broad_instance_role,
    replacing_batch_tags,
    undeployable_batch,
    unwatched_jobs,
    confusable_job_role,
    open_file_system,
    privileged_container,
    shared_host_namespace,
    root_container,
    writable_container_root,
    movable_container_image,
    kept_capabilities,
    unlogged_container,
    shared_task_role,
    unchecked_service,
    unguarded_deployment,
    unaudited_exec,
    unwatched_cluster,
    single_task,
    unbounded_tasks,
    pinned_platform,
    unhardened_container_hosts,
    open_task_file_system,
    undeployable_service,
    fixed_task_count,
    tasks_ended_by_scaling,
    instance_role_in_reach,
    public_app_runner_service,
    unrouted_app_runner_egress,
    aws_owned_app_runner_encryption,
    unbounded_app_runner_scaling,
    unwatched_app_runner_service,
    unchecked_app_runner_service,
    broad_app_runner_role,
    movable_app_runner_image,
    undeployable_app_runner,
    undelivered_events,
    forgotten_failures,
    unwatched_dead_letters,
    unfiltered_uploads,
    unbounded_concurrency,
    undeployable_event_source,
    broad_function_role,
    unrecoverable_table,
    aws_owned_table_encryption,
    unbounded_throughput,
    sensitive_data,
    embedded_credentials,
    secret_in_environment,
    hard_coded_partition,
    hard_coded_account,
    reference_cycle,
    replacement_blocking_name,
    unreadable_template_part,
    invalid_waiver,
)
"""Every rule, in the order in which reports list them."""

__all__ = [
    "ENGINE_RULES",
    "RULES",
    "Controls",
    "Finding",
    "Kind",
    "Report",
    "Resource",
    "Rule",
    "Severity",
    "Template",
    "evaluate",
    "find_rule",
]


def find_rule(id_or_name: str) -> Rule | None:
    """The rule of that id (`SC-ECR-01`, any case) or name (`mutable_image_tags`)."""
    wanted = id_or_name.lower().replace("-", "_")
    return next(
        (rule for rule in (*RULES, *ENGINE_RULES) if wanted in (rule.id.lower().replace("-", "_"), rule.name)), None
    )
