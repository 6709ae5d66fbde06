"""The IAM actions of a repository, named once, beside the pages that ask for them.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
"""

from __future__ import annotations

from typing import Final

LOGIN_ACTION: Final = "ecr:GetAuthorizationToken"
"""Signs a client in to the registry. It has no resource level: the token is for the whole registry, and opens no
repository."""

PULL_ACTIONS: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")

PUSH_ACTIONS: Final = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
"""`BatchGetImage` is on AWS's list: clients look for the manifest before they push it. Layers cannot be read without
`GetDownloadUrlForLayer`, so a publisher cannot pull;
a build that reads its cache from the registry needs the pull actions too."""

DELETE_ACTIONS: Final = ("ecr:BatchDeleteImage", "ecr:DescribeImages", "ecr:ListImages")
"""Deletion, and what it takes to find the images to delete."""

LOOSENING_ACTIONS: Final = (
    "ecr:BatchDeleteImage",
    "ecr:DeleteLifecyclePolicy",
    "ecr:DeleteRepository",
    "ecr:DeleteRepositoryPolicy",
    "ecr:PutImageScanningConfiguration",
    "ecr:PutImageTagMutability",
    "ecr:PutLifecyclePolicy",
    "ecr:SetRepositoryPolicy",
    "ecr:TagResource",
    "ecr:UntagResource",
    "ecr:UpdateImageStorageClass",
)
"""Calls that destroy images or put them out of reach, or that open the repository to others or to changes."""
