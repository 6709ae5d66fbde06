"""What wrong arguments get: one error at the user's line, which says what is allowed and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Size, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from secure_containers import (
    Accept,
    PipelineLimits,
    Retries,
    Share,
    Waiver,
)
from tests.pipeline.conftest import HERE, REASON, Workshop
from tests.support import ACCOUNT, new_app

TEXT = Token.as_string({"Ref": "Somewhere"})
NUMBER = Token.as_number({"Ref": "Somewhere"})
ALL_VARIABLES = "INPUT_BUCKET, KEEP_SECONDS, LARGEST_OBJECT, LEASE_SECONDS, OUTPUT_BUCKET, OUTPUT_PREFIX, RESULTS_TABLE, SMALLEST_OBJECT"


def error(make: Any) -> str:
    with pytest.raises(ValueError, match=r"; allowed: .*; write ") as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Accept(prefix="../"),
            (
                "Accept: prefix is '../'; allowed: the beginning of names that are taken; this one is not: it has the part "
                "'..' between slashes; write prefix=\"uploads/\""
            ),
        ),
        (
            lambda: Accept(prefix=""),
            "prefix is ''; allowed: the beginning of names that are taken; this one is not: empty",
        ),
        (lambda: Accept(prefix="/"), "it has the part '' between slashes"),
        (lambda: Accept(prefix="a//"), "it has the part '' between slashes"),
        (lambda: Accept(prefix="-a/"), "a part of it begins with '-'"),
        (lambda: Accept(prefix="in"), "without a slash at its end, it takes what begins alike too; write 'in/'"),
        (lambda: Accept(suffixes=["csv"]), "this one matches nothing: a word, and not the end of names"),
        (lambda: Accept(suffixes=[f".{n}" for n in range(51)]), "suffixes is '51 suffixes'; allowed: 50 at most"),
        (lambda: Accept(prefix="a*/"), "it has the character U+002A"),
        (lambda: Accept(prefix="a" * 1023 + "/"), "1025 bytes long; 1 to 1024 are allowed"),
        (lambda: Accept(prefix="上传/"), "this one is not: policies and templates take ASCII only"),
        (lambda: Accept(prefix=TEXT), "this one is not: not known at synthesis"),
        (lambda: Accept(prefix=7), 'Accept: prefix is 7; allowed: a text; write prefix="uploads/"'),
        (
            lambda: Accept(suffixes=".csv"),
            'Accept: suffixes is \'.csv\'; allowed: a list of texts; write suffixes=(".csv", ".json")',
        ),
        (
            lambda: Accept(suffixes=[".csv", ""]),
            (
                "Accept: suffixes is ''; allowed: the end of names that are taken; this one matches nothing: empty; "
                'write suffixes=(".csv",)'
            ),
        ),
        (
            lambda: Accept(suffixes=["/"]),
            "suffixes is '/'; allowed: the end of names that are taken; this one matches nothing: a folder",
        ),
        (lambda: Accept(suffixes=["*.csv"]), "this one matches nothing: it has the character U+002A"),
        (lambda: Accept(suffixes=["/../a"]), "this one matches nothing: it has the part '..' between slashes"),
        (lambda: Accept(suffixes=[TEXT]), "this one matches nothing: not known at synthesis"),
        (lambda: Accept(suffixes=["." + "x" * 1019]), "this one matches nothing: too long together with the prefix"),
        (
            lambda: Accept(min_size=Size.mebibytes(2), max_size=Size.mebibytes(1)),
            (
                "Accept: max_size is '2097152 to 1048576 bytes'; allowed: sizes that some object can have: the least below "
                "the most, and that below 50 TiB; write max_size=Size.gibibytes(5)"
            ),
        ),
        (lambda: Accept(max_size=Size.tebibytes(51)), "and that below 50 TiB"),
        (lambda: Accept(max_size=Size.bytes(NUMBER)), "Accept: max_size is"),
        (lambda: Accept(max_size=5), "Accept: max_size is 5; allowed: a Size; write max_size=Size.mebibytes(100)"),
        (lambda: PipelineLimits(refused=0), "PipelineLimits: refused is 0; allowed: 1 to 1000000; write refused=10"),
        (lambda: PipelineLimits(duplicates=True), "PipelineLimits: duplicates is True; allowed: 1 to 1000000"),
        (lambda: PipelineLimits(duplicates=NUMBER), "PipelineLimits: duplicates is"),
        (lambda: PipelineLimits(age=60), "PipelineLimits: age is 60; allowed: a Duration; write age=Duration.hours(6)"),
    ],
)
def test_parts(make: Any, said: str) -> None:
    assert said in error(make)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One stack for all wrong arguments, since each of them leaves nothing behind."""
    return Workshop(new_app(tmp_path_factory.mktemp("errors")), env=HERE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"network": None}, "Test/Scans: network is None; allowed: a value for network; write network=..."),
        (
            {"network": "vpc"},
            "network is 'vpc'; allowed: a PrivateNetwork, which finds or makes the endpoints of any VPC",
        ),
        ({"image": None}, "Test/Scans: image is None; allowed: a value for image; write image=..."),
        ({"image": "nginx"}, "image is 'nginx'; allowed: an image of a repository, by its digest"),
        ({"accept": ".csv"}, "accept is '.csv'; allowed: an Accept; write accept=Accept(suffixes=(\".csv\",))"),
        ({"jobs": "jobs"}, "jobs is 'jobs'; allowed: a LeastPrivilegeBatchEnv; write jobs=LeastPrivilegeBatchEnv(...)"),
        ({"critical": "yes"}, "critical is 'yes'; allowed: True or False; write critical=True"),
        ({"command": "transform"}, "command is 'transform'; allowed: a list of texts; write command=[\"transform\"]"),
        ({"vcpus": 3}, "vcpus is 3; allowed: 0.25, 0.5, 1, 2, 4, 8, 16, 32 vCPUs"),
        ({"memory": 2048}, "memory is 2048"),
        (
            {"timeout": None},
            (
                "Test/Scans: timeout is None; allowed: a time, since an object would wait for ever for a job that hangs; "
                "write timeout=Duration.hours(1)"
            ),
        ),
        ({"timeout": 3600}, "timeout is 3600; allowed: a Duration; write timeout=Duration.hours(1)"),
        ({"timeout": Duration.seconds(59)}, "timeout is '59 seconds'; allowed: 60 seconds at least"),
        ({"timeout": Duration.seconds(NUMBER)}, "timeout is 'a token'; allowed: a value that is known at synthesis"),
        (
            {"lease": Duration.minutes(59)},
            (
                "Test/Scans: lease is '59 minutes'; allowed: at least the job's timeout, 1 hour: else it loses its object "
                "while it works; write lease=Duration.hours(2), or leave it out"
            ),
        ),
        ({"lease": Duration.seconds(NUMBER)}, "Test/Scans: lease is"),
        (
            {"keep": Duration.days(29)},
            (
                "Test/Scans: keep is '29 days'; allowed: at least 30 days: messages about an object may come back as long "
                "as they wait in queues; write keep=Duration.days(90)"
            ),
        ),
        ({"keep": None}, "keep is None; allowed: a value for keep"),
        (
            {"retries": Retries(attempts=3)},
            (
                "allowed: exit codes with 75, by which the job library asks to be tried again; "
                "write Retries(attempts=3, exit_codes=[75])"
            ),
        ),
        ({"retries": None}, "retries is None; allowed: a value for retries"),
        *(
            (
                {"max_concurrency": got},
                f"Test/Scans: max_concurrency is {got!r}; allowed: 2 to 50, a whole number; write max_concurrency=5",
            )
            for got in (1, 51, 2.5, True, None, NUMBER)
        ),
        *(
            (
                {"environment": {name: "mine"}},
                (
                    f"Test/Scans: environment is {name!r}; allowed: names other than {ALL_VARIABLES}, which the pipeline "
                    'sets; write environment={"LEVEL": "info"}'
                ),
            )
            for name in ALL_VARIABLES.split(", ")
        ),
        ({"environment": ["LEVEL"]}, "environment is ['LEVEL']; allowed: variables and their values"),
        ({"environment": {"DB_PASSWORD": "x"}}, "environment['DB_PASSWORD'] is '...'; allowed: "),
        ({"secrets": {"A": "plain"}}, "secrets['A'] is 'plain'"),
        ({"services": ["quantum"]}, "services is 'quantum'"),
        ({"user": "root"}, "user is 'root'; allowed: a user other than root"),
        ({"scratch": ["tmp"]}, "scratch is 'tmp'"),
        ({"ephemeral_storage": Size.gibibytes(20)}, "ephemeral_storage is '20 GiB'; allowed: 21 to 200 GiB"),
        (
            {"share": "research"},
            (
                "Test/Scans: share is 'research'; allowed: for an environment with shares only; "
                "write jobs=LeastPrivilegeBatchEnv(..., shares=[...])"
            ),
        ),
        (
            {"input_bucket": "uploads"},
            "input_bucket is 'uploads'; allowed: a bucket; write input_bucket=s3.Bucket.from",
        ),
        ({"results_table": "items"}, "results_table is 'items'; allowed: a table; write results_table=dynamodb.Table"),
        ({"malware_scan": "yes"}, "malware_scan is 'yes'; allowed: True or False; write malware_scan=True"),
        ({"limits": 5}, "limits is 5; allowed: PipelineLimits; write limits=PipelineLimits(refused=10)"),
        ({"topic": "arn:aws:sns:x"}, "topic is 'arn:aws:sns:x'; allowed: a topic"),
        ({"encryption_key": "key"}, "encryption_key is 'key'; allowed: a key"),
        ({"log_retention": 365}, "log_retention is 365; allowed: a time as CloudWatch Logs has it"),
        ({"waivers": Waiver("SC-DEL-01", reason=REASON)}, "allowed: a list of Waiver; write waivers=[Waiver("),
    ],
)
def test_arguments(shared: Workshop, arguments: dict[str, Any], said: str) -> None:
    assert said in error(lambda: shared.pipeline(**arguments))
    assert shared.stack.node.try_find_child("Scans") is None


class TestWhatIsGiven:
    def test_an_image_by_its_tag(self, shared: Workshop) -> None:
        said = error(lambda: shared.pipeline(image=shared.images.image(tag="v1")))
        assert said == (
            "Test/Scans: image is 'v1'; allowed: an image by its digest, so that every start is the same program; write "
            "image=repository.image(digest=...)"
        )

    def test_an_environment_without_an_output_bucket(self, shared: Workshop) -> None:
        jobs = shared.jobs("WithoutOutputs", outputs=False)
        assert error(lambda: shared.pipeline(jobs=jobs)) == (
            "Test/Scans: jobs is 'Test/WithoutOutputs'; allowed: an environment with an output bucket, for results that "
            "are too large for the table; write jobs.add_output_bucket() before the pipeline"
        )

    def test_what_belongs_to_an_environment_that_is_there(self, shared: Workshop) -> None:
        jobs = shared.jobs("Plain")
        assert error(lambda: shared.pipeline(jobs=jobs, topic=jobs.topic)).endswith(
            "allowed: left out, since alarms go to the topic of the environment; "
            "write LeastPrivilegeBatchEnv(..., topic=topic)"
        )
        assert error(lambda: shared.pipeline(jobs=jobs, waivers=[Waiver("SC-KMS-01", reason=REASON)])) == (
            "Test/Scans: waivers is 'SC-KMS-01'; allowed: no waiver about keys, which are those of the environment; "
            "write LeastPrivilegeBatchEnv(..., waivers=[...])"
        )

    def test_shares(self, shared: Workshop) -> None:
        jobs = shared.jobs("Shared", shares=[Share(identifier="research")])
        assert error(lambda: shared.pipeline(jobs=jobs)) == (
            "Test/Scans: share is None; allowed: a share of the environment, without which AWS Batch refuses every job; "
            'write share="research"'
        )
        assert "share is 'sales'; allowed: research" in error(lambda: shared.pipeline(jobs=jobs, share="sales"))
        assert shared.stack.node.try_find_child("Scans") is None

    def test_waivers_of_what_is_not_there(self, shared: Workshop) -> None:
        with pytest.raises(ValueError, match=r"SC-ECR-01.*this construct has none"):
            shared.pipeline(waivers=[Waiver("SC-ECR-01", reason=REASON)])
        assert shared.stack.node.try_find_child("Scans") is None

    def test_a_network_that_cannot_reach_batch(self, app: App) -> None:
        fips = Workshop(app, env=Environment(account=ACCOUNT, region="us-gov-west-1"), fips=True)
        assert "require is 'batch'; allowed: services with a FIPS endpoint" in error(fips.pipeline)
        assert fips.stack.node.try_find_child("Scans") is None


class TestBuckets:
    def test_without_events(self, shared: Workshop) -> None:
        bucket = s3.Bucket(shared.stack, "Silent", versioned=True)
        assert error(lambda: shared.pipeline(input_bucket=bucket)) == (
            "Test/Scans: input_bucket is 'Test/Silent'; allowed: a bucket that sends its events to Amazon EventBridge; "
            "write s3.Bucket(..., event_bridge_enabled=True), or leave input_bucket out"
        )

    def test_without_versions(self, shared: Workshop) -> None:
        bucket = s3.Bucket(shared.stack, "Unversioned", event_bridge_enabled=True)
        assert error(lambda: shared.pipeline(input_bucket=bucket)) == (
            "Test/Scans: input_bucket is 'Test/Unversioned'; allowed: a bucket with versions, by which one upload is "
            "told from the next; write s3.Bucket(..., versioned=True), or leave input_bucket out"
        )

    @pytest.mark.parametrize(("account", "region"), [(ACCOUNT, "eu-west-1"), ("444455556666", "eu-central-1")])
    def test_elsewhere(self, shared: Workshop, account: str, region: str) -> None:
        there = s3.Bucket.from_bucket_attributes(
            shared.stack, f"There{account}{region}", bucket_name="there", account=account, region=region
        )
        got, own = (account, ACCOUNT) if account != ACCOUNT else (region, "eu-central-1")
        assert error(lambda: shared.pipeline(input_bucket=there)) == (
            f"Test/Scans: input_bucket is 'one in {got}'; allowed: one of the stack's own account and Region, here {own}; "
            "write a pipeline in a stack there, or replication to here"
        )


class TestTables:
    @pytest.mark.parametrize("index", [None, "other"])
    def test_with_other_keys_or_without_the_index(self, shared: Workshop, index: str | None) -> None:
        def key(name: str) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)

        names = ("id", "time") if index is None else ("object", "version")
        table = dynamodb.Table(shared.stack, f"Items{index}", partition_key=key(names[0]), sort_key=key(names[1]))
        if index is not None:
            table.add_global_secondary_index(index_name=index, partition_key=key("status"))
        assert error(lambda: shared.pipeline(results_table=table)) == (
            f"Test/Scans: results_table is 'Test/Items{index}'; allowed: a table with the keys object and version, and "
            "the index by-status by status and received_at; write results_table of another pipeline, or leave it out"
        )

    def test_elsewhere(self, shared: Workshop) -> None:
        for got, arn in (
            ("eu-west-1", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/items"),
            ("444455556666", "arn:aws:dynamodb:eu-central-1:444455556666:table/items"),
        ):
            table = dynamodb.Table.from_table_arn(shared.stack, f"Items{got}", arn)
            said = error(lambda table=table: shared.pipeline(results_table=table))
            assert f"results_table is 'one in {got}'; allowed: one of the stack's own" in said


def imported(workshop: Workshop, id: str = "Imported", **named: str) -> s3.IBucket:
    """A bucket of ours that another app made, with its key."""
    key = kms.Key.from_key_arn(workshop.stack, f"{id}Key", "arn:aws:kms:eu-central-1:111122223333:key/1234abcd")
    named = named or {"bucket_name": "ours"}
    return s3.Bucket.from_bucket_attributes(workshop.stack, id, encryption_key=key, **named)


class TestImported:
    def test_a_bucket_without_its_key(self, workshop: Workshop) -> None:
        bucket = s3.Bucket.from_bucket_name(workshop.stack, "Bucket", "ours")
        said = error(lambda: workshop.pipeline(input_bucket=bucket))
        assert "input_bucket is 'Test/Bucket'; allowed: one that is imported with its key" in said
        assert "from_bucket_attributes(..., encryption_key=key)" in said

    def test_a_table_without_its_key(self, workshop: Workshop) -> None:
        table = dynamodb.Table.from_table_name(workshop.stack, "Table", "ours")
        said = error(lambda: workshop.pipeline(results_table=table))
        assert "results_table is 'Test/Table'; allowed: one that is imported with its key" in said

    def test_a_table_of_the_second_kind_with_other_keys(self, workshop: Workshop) -> None:
        by_id = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
        table = dynamodb.TableV2(workshop.stack, "Table", partition_key=by_id)
        assert "a table with the keys object and version" in error(lambda: workshop.pipeline(results_table=table))


class TestPrefixes:
    def test_of_two_that_are_scanned_on_one_bucket(self, workshop: Workshop) -> None:
        first = workshop.pipeline("One", accept=Accept(prefix="a/"), malware_scan=True)
        said = error(
            lambda: workshop.pipeline(
                "Two", accept=Accept(prefix="b/"), input_bucket=first.input_bucket, malware_scan=True
            )
        )
        assert "malware_scan is True; allowed: one pipeline with it on a bucket, here Test/One" in said

    OVERLAP = (
        "Test/Two: accept is \"prefix '{}'\"; allowed: a prefix that does not overlap '{}' of Test/One, on the same "
        'bucket; write Accept(prefix="another/")'
    )

    @pytest.mark.parametrize(("first", "second"), [("a/", "a/"), ("a/", "a/b/"), ("a/b/", "a/")])
    def test_that_overlap_on_one_bucket(self, workshop: Workshop, first: str, second: str) -> None:
        bucket = workshop.pipeline("One", accept=Accept(prefix=first)).input_bucket
        said = error(lambda: workshop.pipeline("Two", accept=Accept(prefix=second), input_bucket=bucket))
        assert said == self.OVERLAP.format(second, first)

    def test_that_overlap_on_a_bucket_that_is_imported_twice(self, workshop: Workshop) -> None:
        jobs = workshop.jobs()
        by_name = [imported(workshop, f"Import{n}") for n in range(3)]
        by_arn = imported(workshop, "ByArn", bucket_arn="arn:aws:s3:::ours")
        workshop.pipeline("One", input_bucket=by_name[0], jobs=jobs)
        for bucket in (by_name[1], by_arn):
            said = error(lambda bucket=bucket: workshop.pipeline("Two", input_bucket=bucket, jobs=jobs))
            assert said == self.OVERLAP.format("uploads/", "uploads/")
        workshop.pipeline("Two", input_bucket=by_name[2], accept=Accept(prefix="other/"), jobs=jobs)

    def test_of_a_pipeline_that_was_refused_are_free(self, workshop: Workshop) -> None:
        bucket = imported(workshop)
        for arguments in ({"vcpus": 3}, {"timeout": None}, {"waivers": [Waiver("SC-ECR-01", reason=REASON)]}):
            with pytest.raises(ValueError, match=r"vcpus|timeout|SC-ECR-01"):
                workshop.pipeline(input_bucket=bucket, **arguments)
        workshop.pipeline(input_bucket=bucket)

    def test_are_those_of_one_app(self, workshop: Workshop) -> None:
        for made in (workshop, Workshop(App())):
            made.pipeline(input_bucket=imported(made))
