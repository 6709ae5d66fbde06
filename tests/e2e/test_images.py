"""Who may do what with images, tried with the roles that the stack has made."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.deployment import Deployed, Deployment

LAYER = b"a layer"
DIGEST = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"


def manifest(comment: str) -> str:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(LAYER), "digest": DIGEST}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [{**config, "mediaType": "application/vnd.oci.image.layer.v1.tar"}],
            "annotations": {"comment": comment},
        }
    )


def push(ecr: Any, repository: str, tag: str, comment: str = "") -> str:
    """What `docker push` does."""
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    ecr.upload_layer_part(
        repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=len(LAYER) - 1, layerPartBlob=LAYER
    )
    with contextlib.suppress(ecr.exceptions.LayerAlreadyExistsException):
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[DIGEST])
    image = ecr.put_image(repositoryName=repository, imageManifest=manifest(comment), imageTag=tag)["image"]
    return str(image["imageId"]["imageDigest"])


def pull(ecr: Any, repository: str, tag: str) -> str:
    answer = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])
    (image,) = answer["images"]
    return str(image["imageId"]["imageDigest"])


def denied(call: Any, **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"].startswith("AccessDenied"), caught.value


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Deployed:
    return deployment.stack("ImageRepositories")


@pytest.fixture(scope="module")
def application(stack: Deployed) -> str:
    return stack.the("AWS::ECR::Repository", "Application").physical


@pytest.fixture(scope="module")
def base(stack: Deployed) -> str:
    return stack.the("AWS::ECR::Repository", "BaseImages").physical


@pytest.fixture(scope="module")
def publisher(deployment: Deployment, stack: Deployed) -> Any:
    return deployment.as_role(stack.the("AWS::IAM::Role", "Publisher").physical, "ecr")


@pytest.fixture(scope="module")
def reader(deployment: Deployment, stack: Deployed) -> Any:
    return deployment.as_role(stack.the("AWS::IAM::Role", "Reader").physical, "ecr")


@pytest.fixture(scope="module")
def released(publisher: Any, application: str) -> str:
    return push(publisher, application, "frontend-prod-1.0.0", "released")


def test_the_publisher_pushes_and_the_reader_pulls(reader: Any, application: str, released: str) -> None:
    assert pull(reader, application, "frontend-prod-1.0.0") == released
    assert reader.get_authorization_token()["authorizationData"]


@pytest.mark.usefixtures("released")
def test_a_tag_is_not_pushed_twice(publisher: Any, application: str) -> None:
    with pytest.raises(publisher.exceptions.ImageTagAlreadyExistsException):
        push(publisher, application, "frontend-prod-1.0.0", "another one")


def test_a_signature_is_found_by_its_image(publisher: Any, reader: Any, application: str, released: str) -> None:
    type_, media = "application/vnd.cncf.notary.signature", "application/vnd.oci.image.manifest.v1+json"
    subject = {"mediaType": media, "digest": released, "size": 1}
    text = json.dumps({**json.loads(manifest("signature")), "artifactType": type_, "subject": subject})
    made = publisher.put_image(repositoryName=application, imageManifest=text, imageManifestMediaType=media)["image"]
    asked = {"repositoryName": application, "subjectId": {"imageDigest": released}}
    (found,) = reader.list_image_referrers(**asked, filter={"artifactTypes": [type_]})["referrers"]
    assert (found["digest"], found["artifactType"]) == (made["imageId"]["imageDigest"], type_)
    assert not reader.list_image_referrers(**asked, filter={"artifactTypes": ["another"]})["referrers"]


def test_a_tag_that_may_move_moves(publisher: Any, reader: Any, application: str) -> None:
    first = push(publisher, application, "dev-frontend", "first")
    second = push(publisher, application, "dev-frontend", "second")
    assert first != second
    assert pull(reader, application, "dev-frontend") == second


@pytest.mark.usefixtures("released")
def test_the_publisher_deletes_nothing(publisher: Any, application: str) -> None:
    ids = [{"imageTag": "frontend-prod-1.0.0"}]
    denied(publisher.batch_delete_image, repositoryName=application, imageIds=ids)
    denied(publisher.delete_repository, repositoryName=application, force=True)


def test_the_publisher_changes_no_settings(publisher: Any, application: str) -> None:
    denied(publisher.put_image_tag_mutability, repositoryName=application, imageTagMutability="MUTABLE")
    denied(publisher.delete_lifecycle_policy, repositoryName=application)
    denied(publisher.set_repository_policy, repositoryName=application, policyText='{"Statement": []}')


def test_the_publisher_does_not_push_base_images(publisher: Any, base: str) -> None:
    denied(publisher.put_image, repositoryName=base, imageManifest=manifest(""), imageTag="stable-1")


@pytest.mark.usefixtures("released")
def test_the_reader_does_not_push(reader: Any, application: str) -> None:
    denied(reader.put_image, repositoryName=application, imageManifest=manifest("x"), imageTag="test-1")
    denied(reader.initiate_layer_upload, repositoryName=application)


def test_the_reader_does_not_read_base_images(reader: Any, base: str) -> None:
    denied(reader.batch_get_image, repositoryName=base, imageIds=[{"imageTag": "stable-1"}])
