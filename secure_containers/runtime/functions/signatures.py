"""Lets a deployment of an Amazon ECS service go on if all its images were signed by a trusted profile of AWS Signer.

ECS calls it before it starts tasks of a new revision. Whatever is not a good signature stops the deployment.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html,
https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import urllib3
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnectedError

from secure_containers.runtime.functions.tools import client, logger, tracer
from secure_containers.runtime.signatures import RefusedError
from secure_containers.runtime.signatures.certificates import read_pem
from secure_containers.runtime.signatures.notation import LARGEST, PROFILE, Signature, Trust, verify
from secure_containers.runtime.signatures.roots import ROOTS

_ARTIFACT: Final = "application/vnd.cncf.notary.signature"
_ENVELOPE: Final = "application/jose+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_MOST_SIGNATURES: Final = 20
"""Of one image: whoever may push could put so many bad ones there that the good one is not reached in time."""
_TRIES: Final = 20
_WAIT: Final = 30
"""Seconds until ECS asks again: ten minutes for all."""

_TOO_MANY: Final = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "LimitExceeded")
"""How the codes of errors begin that only say to wait."""

_BY_DIGEST: Final = re.compile(r"(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})", re.ASCII)
_TAG: Final = re.compile(r":[\w.-]+$", re.ASCII)
_REGISTRY: Final = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com|on\.aws|amazonaws\.com\.cn"
    r"|on\.amazonwebservices\.com\.cn|amazonaws\.eu)/(?P<name>.+)",
    re.ASCII,
)


class NotYetError(Exception):
    """It cannot be told now; it is worth to ask again."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image of a private registry of this account or another one, in this Region."""

    account: str
    repository: str
    digest: str

    @property
    def asked(self) -> dict[str, str]:
        """How ECR's calls name the repository."""
        return {"registryId": self.account, "repositoryName": self.repository}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found out of an image."""

    result: str
    """verified, unsigned-allowed, refused or not-yet."""
    reason: str = ""
    words: str = ""
    more: dict[str, Any] = field(default_factory=dict)


class Verifier:
    """Judges the images of service revisions.

    Args:
        ecs: a client of Amazon ECS.
        ecr: one of Amazon ECR.
        signer: one of AWS Signer.
        download: gets what stands at an address, up to one byte more than the largest signature.
        trust: whose signatures count.
        unsigned: images that need no signature, by digest, or repositories of such images.
        region: where the images have to be.
        clock: tells the time.
    """

    def __init__(
        self,
        *,
        ecs: Any,
        ecr: Any,
        signer: Any,
        download: Callable[[str], bytes],
        trust: Trust,
        unsigned: frozenset[str],
        region: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ecs, self._ecr, self._signer, self._download = ecs, ecr, signer, download
        self._trust, self._unsigned, self._region, self._clock = trust, unsigned, region, clock

    def images(self, revision: str) -> list[str]:
        """The images of a service revision as its task definition names them, each once.

        Not those that ECS says it has found: before tasks start there are none, and of an image for several platforms
        it may be that for one.

        Raises:
            NotYetError: ECS does not know the revision yet.
        """
        with _asking():
            described = self._ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
            if not described:
                raise NotYetError(f"ECS does not know {revision}")
            definition = self._ecs.describe_task_definition(taskDefinition=described[0]["taskDefinition"])
        containers = definition["taskDefinition"]["containerDefinitions"]
        return list(dict.fromkeys(container["image"] for container in containers))

    def judge(self, reference: str) -> Verdict:
        """Whether an image may run, and why."""
        try:
            return self._judged(reference)
        except RefusedError as error:
            return Verdict(result="refused", reason=error.reason, words=error.words)
        except NotYetError as error:
            return Verdict(result="not-yet", reason="no-answer", words=str(error))
        except (BotoCoreError, ClientError) as error:
            return Verdict(result="refused", reason="unreadable", words=str(error))

    def _judged(self, reference: str) -> Verdict:
        repository, digest = _parts(reference)
        if {reference, repository, f"{repository}@{digest}"} & self._unsigned:
            return Verdict(result="unsigned-allowed")
        image = _image(repository, digest, self._region)
        refused = []
        for signature_digest in self._signatures(image):
            try:
                found = self._verified(image, signature_digest)
            except RefusedError as error:
                refused.append({"signature": signature_digest, "reason": error.reason, "words": error.words})
                continue
            told = {"profile": found.profile_version, "job": found.job, "signed_at": found.signed_at.isoformat()}
            return Verdict(result="verified", more={"signature": signature_digest, **told})
        if not refused:
            raise self._missing(image)
        more = {"signatures": refused}
        return Verdict(result="refused", reason="no-good-signature", words=f"{len(refused)} are not good", more=more)

    def _signatures(self, image: Image) -> Iterator[str]:
        asked = {
            **image.asked,
            "subjectId": {"imageDigest": image.digest},
            "filter": {"artifactTypes": [_ARTIFACT], "artifactStatus": "ACTIVE"},
        }
        count = 0
        while True:
            with _asking():
                page = self._ecr.list_image_referrers(**asked)
            for referrer in page.get("referrers", ()):
                count += 1
                if count > _MOST_SIGNATURES:
                    raise RefusedError("too-many-signatures", f"none of the first {_MOST_SIGNATURES} is good")
                yield referrer["digest"]
            if not page.get("nextToken"):
                return
            asked["nextToken"] = page["nextToken"]

    def _verified(self, image: Image, signature_digest: str) -> Signature:
        envelope = self._envelope(image, signature_digest)
        found = verify(envelope, digest=image.digest, trust=self._trust, now=self._clock())
        with _asking():
            revoked = self._signer.get_revocation_status(**found.revocation_question())["revokedEntities"]
        if revoked:
            raise RefusedError("revoked", ", ".join(revoked))
        return found

    def _envelope(self, image: Image, signature_digest: str) -> bytes:
        with _asking():
            answer = self._ecr.batch_get_image(
                **image.asked, imageIds=[{"imageDigest": signature_digest}], acceptedMediaTypes=[_MANIFEST]
            )
        if not answer.get("images"):
            raise RefusedError("unreadable", f"ECR does not give the signature: {answer.get('failures')}")
        layer = _layer(answer["images"][0]["imageManifest"])
        with _asking():
            at = self._ecr.get_download_url_for_layer(**image.asked, layerDigest=layer)["downloadUrl"]
        return self._download(at)

    def _missing(self, image: Image) -> Exception:
        """Why there is no signature: ECR may be about to make it, or could not."""
        with _asking():
            answer = self._ecr.describe_image_signing_status(**image.asked, imageId={"imageDigest": image.digest})
        told = answer.get("signingStatuses", ())
        if any(each["status"] == "IN_PROGRESS" for each in told):
            return NotYetError("ECR is signing it")
        why = ", ".join(f"{each.get('failureCode')}: {each.get('failureReason')}" for each in told)
        return RefusedError("no-signature", f"ECR could not sign it: {why}" if why else "nobody has signed it")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Answer ECS. What is raised stops the deployment too."""
    revision = event["executionDetails"]["targetServiceRevisionArn"]
    logger.append_keys(deployment=event.get("resourceArn"), revision=revision)
    verifier = _verifier()
    try:
        verdicts = {image: verifier.judge(image) for image in verifier.images(revision)}
    except NotYetError as error:
        return _again(event, str(error))
    for image, verdict in verdicts.items():
        line = {"image": image, "reason": verdict.reason, "words": verdict.words, **verdict.more}
        log = logger.error if verdict.result == "refused" else logger.info
        log(f"image {verdict.result}", extra={name: said for name, said in line.items() if said})
    results = {verdict.result for verdict in verdicts.values()}
    if not results or "refused" in results:
        return _answer("FAILED")
    if "not-yet" in results:
        return _again(event, "an image cannot be judged yet")
    return _answer("SUCCEEDED")


def _again(event: dict[str, Any], why: str) -> dict[str, Any]:
    details = event.get("hookDetails") or {}
    tries = int(details.get("tries", 0)) + 1
    logger.warning("not yet: %s", why, tries=tries)
    if tries >= _TRIES:
        return _answer("FAILED")
    return _answer("IN_PROGRESS", callBackDelay=_WAIT, hookDetails={**details, "tries": tries})


def _answer(status: str, **more: Any) -> dict[str, Any]:
    logger.info("deployment %s", status)
    return {"hookStatus": status, **more}


@cache
def _verifier() -> Verifier:
    return Verifier(
        ecs=client("ecs"),
        ecr=client("ecr"),
        signer=client("signer"),
        download=download,
        trust=trust(_listed("TRUSTED_PROFILES"), os.environ.get("TRUST_ANCHORS", "")),
        unsigned=frozenset(_listed("UNSIGNED_ALLOWED")),
        region=os.environ["AWS_REGION"],
    )


def _listed(name: str) -> list[str]:
    return [each for each in os.environ.get(name, "").split(",") if each]


def trust(profiles: list[str], anchors: str) -> Trust:
    """Whose signatures count.

    Args:
        profiles: ARNs of signing profiles, or of versions of them.
        anchors: root certificates as PEM; AWS's own of the profiles' partition if it is empty.

    Raises:
        ValueError: There is no profile, something is no profile, or AWS's root for it is not known here.
    """
    for profile in profiles or [""]:
        if not PROFILE.fullmatch(profile):
            raise ValueError(f"TRUSTED_PROFILES: {profile!r} is not the ARN of a signing profile")
    partitions = {profile.split(":")[1] for profile in profiles}
    unknown = sorted(partitions - set(ROOTS))
    if unknown and not anchors:
        raise ValueError(f"TRUST_ANCHORS: it has to be given, since no root of {', '.join(unknown)} is known")
    return Trust(
        profiles=tuple(profiles), roots=read_pem(anchors or "".join(ROOTS[each] for each in sorted(partitions)))
    )


def download(address: str) -> bytes:
    """What ECR has put into S3, up to one byte more than the largest signature.

    Raises:
        NotYetError: S3 does not answer.
        RefusedError: S3 does not give it.
    """
    timeout = urllib3.Timeout(connect=3, read=10)
    try:
        with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
            answer = pool.request("GET", address, redirect=False, preload_content=False)
            content = bytes(answer.read(LARGEST + 1))
            answer.close()
    except urllib3.exceptions.HTTPError as error:
        # Not its text, which has the address: for some minutes whoever has that reads the signature.
        raise NotYetError(f"S3 does not answer: {type(error).__name__}") from error
    if answer.status >= 500:
        raise NotYetError(f"S3 answers {answer.status}")
    if answer.status != 200:
        raise RefusedError("unreadable", f"S3 answers {answer.status}")
    return content


@contextmanager
def _asking() -> Iterator[None]:
    """Around calls of AWS: what may pass by itself is `NotYetError`."""
    try:
        yield
    except (NotConnectedError, HTTPClientError) as error:
        raise NotYetError(str(error)) from error
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500 or status == 429 or code.startswith(_TOO_MANY):
            raise NotYetError(str(error)) from error
        raise


def _parts(reference: str) -> tuple[str, str]:
    """The repository, without a tag, and the digest."""
    found = _BY_DIGEST.fullmatch(reference)
    if not found:
        raise RefusedError("not-by-digest", "a tag may name another image when a task starts")
    return _TAG.sub("", found["repository"]), found["digest"]


def _image(repository: str, digest: str, region: str) -> Image:
    found = _REGISTRY.fullmatch(repository)
    if not found:
        raise RefusedError("not-ecr", "it is not in a private registry of Amazon ECR")
    if found["region"] != region:
        raise RefusedError("not-ecr", f"it is in {found['region']}; replicate it to {region} with its signature")
    return Image(account=found["account"], repository=found["name"], digest=digest)


def _layer(manifest: str) -> str:
    """The digest of the signature's envelope."""
    try:
        (layer,) = json.loads(manifest)["layers"]
        if layer["mediaType"] == _ENVELOPE:
            return str(layer["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError("malformed", "its manifest has not one layer") from error
    raise RefusedError("unsupported", f"its envelope is {layer['mediaType']!r}; AWS Signer's is {_ENVELOPE}")
