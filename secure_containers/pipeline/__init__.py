"""From an upload to a result: S3, EventBridge, SQS, Lambda, Batch on Fargate, DynamoDB."""

from __future__ import annotations

from secure_containers.pipeline.parts import Accept, PipelineLimits
from secure_containers.pipeline.pipeline import S3BatchPipeline

__all__ = ["Accept", "PipelineLimits", "S3BatchPipeline"]
