"""The function lets a deployment go on only if every image has a good signature; it never does after an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from secure_containers.runtime.functions import signatures
from secure_containers.runtime.functions.signatures import Verifier, download, handler, trust
from secure_containers.runtime.signatures import RefusedError
from secure_containers.runtime.signatures.notation import LARGEST, verify
from tests.runtime.signature_support import CHAIN, DIGEST, NOW, PROFILE, TRUST, VERSION, envelope, parts, payload

REGION = "eu-central-1"
REPOSITORY = f"111122223333.dkr.ecr.{REGION}.amazonaws.com/team/app"
IMAGE = f"{REPOSITORY}@{DIGEST}"
OTHER_DIGEST = "sha256:" + "2" * 64
REVISION = f"arn:aws:ecs:{REGION}:111122223333:service-revision/cluster/app/9313423515462893900"
DEFINITION = f"arn:aws:ecs:{REGION}:111122223333:task-definition/app:7"
DEPLOYMENT = f"arn:aws:ecs:{REGION}:111122223333:service-deployment/cluster/app/EZe5RNVLH6PPzHXINuP28"
NOTATION = "application/vnd.cncf.notary.signature"
EVENT = {
    "executionId": "e8d5a28f-eb01-4f3c-9454-a30ba6dc54bc",
    "lifecycleStage": "PRE_SCALE_UP",
    "resourceArn": DEPLOYMENT,
    "executionDetails": {
        "serviceArn": f"arn:aws:ecs:{REGION}:111122223333:service/cluster/app",
        "targetServiceRevisionArn": REVISION,
        "testTrafficWeights": {},
        "productionTrafficWeights": {},
    },
}
CONTEXT = SimpleNamespace(
    function_name="signatures",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:x",
    aws_request_id="request",
)


class World:
    """AWS, which expects calls in an order and holds them to botocore's models."""

    def __init__(self) -> None:
        self.clients = {name: boto3.client(name, region_name=REGION) for name in ("ecs", "ecr", "signer")}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        self.envelopes: dict[str, bytes] = {}
        for stub in self.stubs.values():
            stub.activate()

    def verifier(self, unsigned: frozenset[str] = frozenset()) -> Verifier:
        return Verifier(
            **self.clients,
            download=lambda address: self.envelopes[address],
            trust=TRUST,
            unsigned=unsigned,
            region=REGION,
            clock=lambda: NOW,
        )

    def runs(self, *images: str) -> None:
        described = {"serviceRevisions": [{"serviceRevisionArn": REVISION, "taskDefinition": DEFINITION}]}
        self.stubs["ecs"].add_response("describe_service_revisions", described, {"serviceRevisionArns": [REVISION]})
        definition = {"taskDefinition": {"containerDefinitions": [{"name": "x", "image": image} for image in images]}}
        self.stubs["ecs"].add_response("describe_task_definition", definition, {"taskDefinition": DEFINITION})

    def referrers(self, *digests: str, page: str = "", then: str = "") -> None:
        asked = {
            "registryId": "111122223333",
            "repositoryName": "team/app",
            "subjectId": {"imageDigest": DIGEST},
            "filter": {"artifactTypes": [NOTATION], "artifactStatus": "ACTIVE"},
        }
        media = "application/vnd.oci.image.manifest.v1+json"
        found = [{"digest": each, "mediaType": media, "artifactType": NOTATION, "size": 700} for each in digests]
        answer = {"referrers": found} | ({"nextToken": then} if then else {})
        self.stubs["ecr"].add_response("list_image_referrers", answer, asked | ({"nextToken": page} if page else {}))

    def signature(self, digest: str, made: bytes, manifest: str = "") -> None:
        """What ECR has of a signature, and S3."""
        layer = {"mediaType": "application/jose+json", "digest": f"sha256:{digest}layer", "size": len(made)}
        manifest = manifest or json.dumps({"layers": [layer]})
        home = {"registryId": "111122223333", "repositoryName": "team/app"}
        self.stubs["ecr"].add_response(
            "batch_get_image",
            {"images": [{"imageManifest": manifest}]},
            {
                **home,
                "imageIds": [{"imageDigest": digest}],
                "acceptedMediaTypes": ["application/vnd.oci.image.manifest.v1+json"],
            },
        )
        address = f"https://layers.example/{digest}"
        self.envelopes[address] = made
        self.stubs["ecr"].add_response(
            "get_download_url_for_layer", {"downloadUrl": address}, {**home, "layerDigest": layer["digest"]}
        )

    def revocation(self, *revoked: str) -> None:
        asked = verify(envelope(), digest=DIGEST, trust=TRUST, now=NOW).revocation_question()
        self.stubs["signer"].add_response("get_revocation_status", {"revokedEntities": list(revoked)}, asked)

    def signing(self, *statuses: dict[str, str]) -> None:
        asked = {"registryId": "111122223333", "repositoryName": "team/app", "imageId": {"imageDigest": DIGEST}}
        told = [{"signingProfileArn": PROFILE, **each} for each in statuses]
        self.stubs["ecr"].add_response("describe_image_signing_status", {"signingStatuses": told}, asked)

    def signed(self, made: bytes | None = None) -> None:
        """An image with one signature; a good one is not revoked."""
        self.referrers("sha256:a")
        self.signature("sha256:a", made or envelope())
        if made is None:
            self.revocation()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    monkeypatch.setattr(signatures, "_verifier", world.verifier)
    yield world
    for stub in world.stubs.values():
        stub.assert_no_pending_responses()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_image_with_a_good_signature_may_run(world: World, lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.runs(IMAGE)
    world.signed()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "SUCCEEDED"}
    image, deployment = lines()
    assert image["message"] == "image verified"
    assert (image["image"], image["profile"], image["signature"]) == (IMAGE, VERSION, "sha256:a")
    assert (image["deployment"], image["revision"]) == (DEPLOYMENT, REVISION)
    assert deployment["message"] == "deployment SUCCEEDED"


def test_one_good_signature_among_others_is_enough(world: World) -> None:
    world.runs(IMAGE)
    world.referrers("sha256:a", then="more")
    world.signature("sha256:a", envelope(alg="none"))
    world.referrers("sha256:b", page="more")
    world.signature("sha256:b", envelope())
    world.revocation()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "SUCCEEDED"}


def test_containers_of_one_image_are_judged_once(world: World) -> None:
    world.runs(IMAGE, IMAGE)
    world.signed()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "SUCCEEDED"}


@pytest.mark.parametrize(
    "repository",
    [
        f"111122223333.dkr-ecr.{REGION}.on.aws/team/app",
        f"111122223333.dkr.ecr-fips.{REGION}.amazonaws.com/team/app",
        f"{REPOSITORY}:1.2.3",
    ],
)
def test_a_registry_has_several_names_and_a_tag_beside_a_digest_means_nothing(world: World, repository: str) -> None:
    world.runs(f"{repository}@{DIGEST}")
    world.signed()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "SUCCEEDED"}


def refusal(lines: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    image, deployment = lines()
    assert (image["level"], image["message"]) == ("ERROR", "image refused")
    assert deployment["message"] == "deployment FAILED"
    return image


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (f"{REPOSITORY}:latest", "not-by-digest"),
        (REPOSITORY, "not-by-digest"),
        (f"{REPOSITORY}@sha256:{'1' * 63}", "not-by-digest"),
        (f"{REPOSITORY}@sha256:{'A' * 64}", "not-by-digest"),
        (f"{IMAGE}\n", "not-by-digest"),
        (f"nginx@{DIGEST}", "not-ecr"),
        (f"public.ecr.aws/nginx/nginx@{DIGEST}", "not-ecr"),
        (f"111122223333.dkr.ecr.{REGION}.amazonaws.com.example.org/app@{DIGEST}", "not-ecr"),
        (f"example.org/111122223333.dkr.ecr.{REGION}.amazonaws.com/app@{DIGEST}", "not-ecr"),
        (f"111122223333.dkr.ecr.us-east-1.amazonaws.com/app@{DIGEST}", "not-ecr"),
    ],
)
def test_an_image_that_cannot_have_a_signature_is_refused(
    world: World, lines: Callable[[], list[dict[str, Any]]], image: str, reason: str
) -> None:
    world.runs(image)
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    found = refusal(lines)
    assert (found["image"], found["reason"]) == (image, reason)


def test_one_refused_image_among_good_ones_stops_all(world: World, lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.runs(f"nginx@{DIGEST}", IMAGE)
    world.signed()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    assert [line["message"] for line in lines()] == ["image refused", "image verified", "deployment FAILED"]


def test_no_images_are_not_good_images(world: World) -> None:
    world.runs()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}


BAD = {
    "other-image": envelope(said=payload(OTHER_DIGEST)),
    "unsupported": envelope(alg="none"),
    "untrusted-chain": envelope(chain=CHAIN[:2]),
    "bad-signature": envelope(lambda found: found.update(payload=parts(said=payload(OTHER_DIGEST))["payload"])),
    "untrusted-profile": envelope(
        **{"com.amazonaws.signer.signingProfileVersion": VERSION.replace("111122223333", "999988887777")}
    ),
    "expired": envelope(expiry="2026-05-05T00:00:00Z"),
    "malformed": b"no envelope",
}
GOOD = envelope()


@pytest.mark.parametrize("reason", BAD)
def test_an_image_whose_signature_is_not_good_is_refused(
    world: World, lines: Callable[[], list[dict[str, Any]]], reason: str
) -> None:
    world.runs(IMAGE)
    world.signed(BAD[reason])
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    found = refusal(lines)
    assert found["reason"] == "no-good-signature"
    (signature,) = found["signatures"]
    assert (signature["signature"], signature["reason"]) == ("sha256:a", reason)


@pytest.mark.parametrize("revoked", [PROFILE, "0a1b2c"])
def test_an_image_whose_signature_was_revoked_is_refused(
    world: World, lines: Callable[[], list[dict[str, Any]]], revoked: str
) -> None:
    world.runs(IMAGE)
    world.referrers("sha256:a")
    world.signature("sha256:a", envelope())
    world.revocation(revoked)
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    (signature,) = refusal(lines)["signatures"]
    assert (signature["reason"], signature["words"]) == ("revoked", revoked)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("{", "malformed"),
        ("[]", "malformed"),
        ('{"layers": []}', "malformed"),
        ('{"layers": [{"mediaType": "application/jose+json"}]}', "malformed"),
        ('{"layers": [{"mediaType": "application/cose", "digest": "sha256:b"}]}', "unsupported"),
    ],
)
def test_a_signature_of_another_form_is_refused(
    world: World, lines: Callable[[], list[dict[str, Any]]], manifest: str, reason: str
) -> None:
    world.runs(IMAGE)
    world.referrers("sha256:a")
    world.stubs["ecr"].add_response("batch_get_image", {"images": [{"imageManifest": manifest}]})
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    assert refusal(lines)["signatures"][0]["reason"] == reason


def test_a_signature_that_ecr_does_not_give_is_refused(world: World, lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.runs(IMAGE)
    world.referrers("sha256:a")
    world.stubs["ecr"].add_response("batch_get_image", {"images": [], "failures": [{"failureCode": "ImageNotFound"}]})
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    assert "ImageNotFound" in refusal(lines)["signatures"][0]["words"]


def test_many_bad_signatures_do_not_keep_it_busy(world: World, lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.runs(IMAGE)
    bad = [f"sha256:{number}" for number in range(21)]
    world.referrers(*bad)
    for each in bad[:20]:
        world.signature(each, b"")
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    assert refusal(lines)["reason"] == "too-many-signatures"


@given(made=st.binary() | st.builds(lambda at, to: GOOD[:at] + GOOD[to:], *2 * [st.integers(0, len(GOOD))]))
def test_no_other_bytes_let_an_image_run(made: bytes) -> None:
    layer = '{"layers": [{"mediaType": "application/jose+json", "digest": "sha256:b"}]}'
    ecr = SimpleNamespace(
        list_image_referrers=lambda **_: {"referrers": [{"digest": "sha256:a"}]},
        batch_get_image=lambda **_: {"images": [{"imageManifest": layer}]},
        get_download_url_for_layer=lambda **_: {"downloadUrl": ""},
    )
    signer = SimpleNamespace(get_revocation_status=lambda **_: {"revokedEntities": []})
    verifier = Verifier(
        ecs=None,
        ecr=ecr,
        signer=signer,
        download=lambda _: made,
        trust=TRUST,
        unsigned=frozenset(),
        region=REGION,
        clock=lambda: NOW,
    )
    assert verifier.judge(IMAGE).result == ("verified" if made == GOOD else "refused")


# No signature.


def test_an_image_that_nobody_has_signed_is_refused(world: World, lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.runs(IMAGE)
    world.referrers()
    world.signing()
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    found = refusal(lines)
    assert (found["reason"], found["words"]) == ("no-signature", "nobody has signed it")


def test_the_reason_is_told_why_ecr_could_not_sign(world: World, lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.runs(IMAGE)
    world.referrers()
    world.signing({"status": "FAILED", "failureCode": "AccessDenied", "failureReason": "the pusher may not sign"})
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    assert refusal(lines)["words"] == "ECR could not sign it: AccessDenied: the pusher may not sign"


def test_a_signature_that_ecr_is_making_is_waited_for(world: World) -> None:
    world.runs(IMAGE)
    world.referrers()
    world.signing({"status": "IN_PROGRESS"})
    assert handler(EVENT, CONTEXT) == {"hookStatus": "IN_PROGRESS", "callBackDelay": 30, "hookDetails": {"tries": 1}}


# Images that need none.


@pytest.mark.parametrize("allowed", [IMAGE, REPOSITORY])
@pytest.mark.parametrize("image", [IMAGE, f"{REPOSITORY}:1.2@{DIGEST}"])
def test_an_image_that_needs_no_signature_is_named_in_the_log(
    world: World, lines: Callable[[], list[dict[str, Any]]], allowed: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "_verifier", lambda: world.verifier(frozenset({allowed})))
    world.runs(image)
    assert handler(EVENT, CONTEXT) == {"hookStatus": "SUCCEEDED"}
    assert lines()[0]["message"] == "image unsigned-allowed"


@pytest.mark.parametrize(
    ("allowed", "image", "reason"),
    [
        (REPOSITORY, f"{REPOSITORY}:latest", "not-by-digest"),
        (f"nginx@{OTHER_DIGEST}", f"nginx@{DIGEST}", "not-ecr"),
        ("nginx", f"nginx-of-somebody@{DIGEST}", "not-ecr"),
    ],
)
def test_nothing_else_is_let_through_with_them(
    world: World,
    lines: Callable[[], list[dict[str, Any]]],
    allowed: str,
    image: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signatures, "_verifier", lambda: world.verifier(frozenset({allowed})))
    world.runs(image)
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    assert refusal(lines)["reason"] == reason


# Faults.

PASSING = [("ThrottlingException", 400), ("TooManyRequestsException", 429), ("ServerException", 500), ("Any", 503)]
LASTING = [("AccessDeniedException", 400), ("RepositoryNotFoundException", 400), ("ValidationException", 400)]


def fails_at(world: World, call: str, code: str, status: int) -> None:
    """Everything answers, until one call does not."""
    world.runs(IMAGE)
    if call in ("describe_service_revisions", "describe_task_definition"):
        world.stubs["ecs"]._queue.clear()
        if call == "describe_task_definition":
            described = {"serviceRevisions": [{"taskDefinition": DEFINITION}]}
            world.stubs["ecs"].add_response("describe_service_revisions", described)
        world.stubs["ecs"].add_client_error(call, code, http_status_code=status)
        return
    if call != "list_image_referrers":
        world.referrers(*(["sha256:a"] if call != "describe_image_signing_status" else []))
    if call in ("get_download_url_for_layer", "get_revocation_status"):
        world.signature("sha256:a", envelope())
    if call == "get_download_url_for_layer":
        world.stubs["ecr"]._queue.pop()
    service = "signer" if call == "get_revocation_status" else "ecr"
    world.stubs[service].add_client_error(call, code, http_status_code=status)


OF_AN_IMAGE = (
    "list_image_referrers",
    "batch_get_image",
    "get_download_url_for_layer",
    "get_revocation_status",
    "describe_image_signing_status",
)
OF_ALL = ("describe_service_revisions", "describe_task_definition")


@pytest.mark.parametrize(("code", "status"), PASSING)
@pytest.mark.parametrize("call", OF_ALL + OF_AN_IMAGE)
def test_a_fault_that_may_pass_is_waited_for(world: World, call: str, code: str, status: int) -> None:
    fails_at(world, call, code, status)
    assert handler(EVENT, CONTEXT)["hookStatus"] == "IN_PROGRESS"


@pytest.mark.parametrize(("code", "status"), LASTING)
@pytest.mark.parametrize("call", OF_AN_IMAGE)
def test_a_fault_that_lasts_refuses_the_image(
    world: World, lines: Callable[[], list[dict[str, Any]]], call: str, code: str, status: int
) -> None:
    fails_at(world, call, code, status)
    assert handler(EVENT, CONTEXT) == {"hookStatus": "FAILED"}
    found = refusal(lines)
    assert (found["reason"], code in found["words"]) == ("unreadable", True)


@pytest.mark.parametrize("call", OF_ALL)
def test_images_that_cannot_be_found_are_an_error(world: World, call: str) -> None:
    fails_at(world, call, "AccessDeniedException", 400)
    with pytest.raises(ClientError, match="AccessDenied"):
        handler(EVENT, CONTEXT)


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="https://x"), ConnectTimeoutError(endpoint_url="https://x")]
)
def test_no_connection_is_waited_for(world: World, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: Any) -> None:
        raise error

    world.runs(IMAGE)
    monkeypatch.setattr(world.clients["ecr"], "list_image_referrers", unreachable)
    assert handler(EVENT, CONTEXT)["hookStatus"] == "IN_PROGRESS"


def test_a_revision_that_ecs_does_not_know_yet_is_waited_for(world: World) -> None:
    missing = {"serviceRevisions": [], "failures": [{"arn": REVISION, "reason": "MISSING"}]}
    world.stubs["ecs"].add_response("describe_service_revisions", missing)
    assert handler(EVENT, CONTEXT)["hookStatus"] == "IN_PROGRESS"


def test_it_waits_twenty_times_and_keeps_what_the_service_says(world: World) -> None:
    event: dict[str, Any] = {**EVENT, "hookDetails": {"of": "the service"}}
    answers = []
    for _ in range(20):
        world.runs(IMAGE)
        world.referrers()
        world.signing({"status": "IN_PROGRESS"})
        answers.append(handler(event, CONTEXT))
        event["hookDetails"] = answers[-1].get("hookDetails")
    assert [each["hookStatus"] for each in answers] == 19 * ["IN_PROGRESS"] + ["FAILED"]
    assert answers[18]["hookDetails"] == {"of": "the service", "tries": 19}


@pytest.mark.parametrize("event", [{}, {"executionDetails": {}}, {"executionDetails": None}])
def test_an_event_of_another_form_is_an_error(world: World, event: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        handler(event, CONTEXT)


# Configuration.


@pytest.mark.parametrize("profiles", [[], [""], ["release"], [PROFILE, "*"], [f"{PROFILE}/*"], [f"{VERSION}/x"]])
def test_what_is_no_profile_is_told(profiles: list[str]) -> None:
    with pytest.raises(ValueError, match=r"TRUSTED_PROFILES: '.*' is not the ARN of a signing profile"):
        trust(profiles, "")


def test_the_root_is_that_of_the_profiles_partition() -> None:
    assert [root.fingerprint[:8] for root in trust([PROFILE, VERSION], "").roots] == ["90a87d05"]
    with pytest.raises(ValueError, match="TRUST_ANCHORS: it has to be given, since no root of aws-us-gov is known"):
        trust([PROFILE, PROFILE.replace("arn:aws:", "arn:aws-us-gov:")], "")


def test_given_roots_take_the_place_of_the_known_one() -> None:
    pem = x509.load_der_x509_certificate(CHAIN[-1]).public_bytes(Encoding.PEM).decode()
    assert [root.der for root in trust([PROFILE], pem).roots] == [CHAIN[-1]]
    with pytest.raises(RefusedError, match="malformed"):
        trust([PROFILE], "no certificate")


def test_it_is_configured_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr(signatures, "client", lambda name: f"client of {name}")
    monkeypatch.setattr(signatures, "Verifier", lambda **arguments: made.update(arguments))
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("TRUSTED_PROFILES", f"{PROFILE},{VERSION}")
    monkeypatch.setenv("UNSIGNED_ALLOWED", f"nginx,{IMAGE}")
    signatures._verifier.__wrapped__()
    assert made == {
        "ecs": "client of ecs",
        "ecr": "client of ecr",
        "signer": "client of signer",
        "download": download,
        "trust": trust([PROFILE, VERSION], ""),
        "unsigned": frozenset({"nginx", IMAGE}),
        "region": REGION,
    }


# Downloads.


@pytest.fixture
def s3() -> Iterator[Callable[[int, bytes], str]]:
    """A server that gives one answer, to whatever it is asked."""
    answer: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(len(answer["content"])))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(answer["content"])

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def says(status: int, content: bytes) -> str:
        answer.update(status=status, content=content)
        return f"http://127.0.0.1:{server.server_port}/layer?X-Amz-Signature=secret"

    yield says
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_signature_is_downloaded(s3: Callable[[int, bytes], str]) -> None:
    assert download(s3(200, envelope())).startswith(b'{"payload"')


def test_no_more_is_downloaded_than_a_signature_can_have(s3: Callable[[int, bytes], str]) -> None:
    assert len(download(s3(200, b"x" * (LARGEST + 1000)))) == LARGEST + 1


@pytest.mark.parametrize("status", [301, 302, 403, 404])
def test_what_s3_does_not_give_is_refused(s3: Callable[[int, bytes], str], status: int) -> None:
    with pytest.raises(RefusedError, match=f"unreadable: S3 answers {status}"):
        download(s3(status, b""))


def test_s3_that_fails_is_waited_for(s3: Callable[[int, bytes], str]) -> None:
    with pytest.raises(signatures.NotYetError, match="S3 answers 503"):
        download(s3(503, b""))
    with pytest.raises(signatures.NotYetError) as caught:
        download("http://127.0.0.1:1/layer?X-Amz-Signature=secret")
    assert "secret" not in str(caught.value)
