"""The server: where it listens, what it takes over, and that it leaves nothing behind."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from secure_containers.local.connection import FILE, Connection, without_aws
from tests.local.conftest import Cloud, Server, started
from tests.support import ROOT

PROC = Path("/proc")


def listeners(pid: int) -> set[str]:
    """The addresses that a process listens on."""
    inodes = {str(each.readlink()) for each in (PROC / str(pid) / "fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            listens = fields[3] == "0A" or table.startswith("udp")
            if listens and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1])
    return found


def children(pid: int) -> set[int]:
    found = set()
    for each in PROC.glob("[0-9]*/stat"):
        try:
            parent = int(each.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.add(int(each.parent.name))
    return found


def test_listens_on_loopback_only_and_on_one_port(server: Server) -> None:
    port = f"{server.connection.port:04X}"
    assert listeners(server.process.pid) == {f"0100007F:{port}"}


def test_speaks_tls_by_the_certificate_of_the_run(server: Server) -> None:
    context = ssl.create_default_context(cafile=server.connection.ca)
    with (
        socket.create_connection(("127.0.0.1", server.connection.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("key", ["test", "123456789012", "000000000000", "AKIAIOSFODNN7EXAMPLE"])
@pytest.mark.parametrize("service", ["s3", "sts"])
def test_nobody_gets_in_without_the_key_of_the_run(cloud: Cloud, key: str, service: str) -> None:
    stranger = cloud.client(service, aws_access_key_id=key, aws_secret_access_key="guessed")  # noqa: S106
    call = stranger.list_buckets if service == "s3" else stranger.get_caller_identity
    with pytest.raises(stranger.exceptions.ClientError, match=r"InvalidClientTokenId|InvalidAccessKeyId"):
        call()


@pytest.mark.parametrize("credential", ["test", "%74est", "123456789012"])
def test_nobody_gets_in_by_a_signed_url(cloud: Cloud, credential: str) -> None:
    context = ssl.create_default_context(cafile=cloud.connection.ca)
    query = f"Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential={credential}%2F20260101&X-Amz-Signature=00"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{cloud.connection.endpoint}/?{query}", context=context, timeout=10)  # noqa: S310 - our own server


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_localstack/health"])
def test_what_the_emulator_serves_to_anybody_is_closed(cloud: Cloud, path: str) -> None:
    context = ssl.create_default_context(cafile=cloud.connection.ca)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{cloud.connection.endpoint}{path}", data=b"{}", context=context, timeout=10)  # noqa: S310 - our own server


def test_a_taken_port_is_one_line_and_exit_code_3(server: Server, tmp_path: Path) -> None:
    port = str(server.connection.port)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "secure_containers.local.server",
            "--port",
            port,
            "--directory",
            str(tmp_path / "other"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.splitlines() == [f"127.0.0.1:{port} is taken (Address already in use); choose another port"]
    assert not (tmp_path / "other").exists()


def test_somebody_elses_folder_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "precious").touch()
    done = subprocess.run(
        [sys.executable, "-m", "secure_containers.local.server", "--port", "0", "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert "is not of an emulator" in done.stderr
    assert (tmp_path / "tmp" / "precious").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_with_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    elsewhere = {
        "AWS_CA_BUNDLE": "/nowhere",
        "SSL_CERT_FILE": "/nowhere",
        "AWS_PROFILE": "somebody",
        "AWS_ENDPOINT_URL": "https://example.com",
        "GATEWAY_PORT": "1",
        "AUTH": "false",
    }
    server = started(tmp_path / "run", environment=elsewhere)
    cloud = Cloud(server.connection, server.directory)
    code = "import boto3\ndef handler(event, context): return boto3.client('sts').get_caller_identity()['Arn']"
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                    }
                ]
            }
        },
    }
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": code},
            "Handler": "index.handler",
            "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    told = cloud.deploy("function", {"Role": role, "Function": function}, Name={"Ref": "Function"})
    answered = cloud.client("lambda").invoke(FunctionName=told["Name"])["Payload"].read().decode()
    assert ":assumed-role/" in answered  # boto3 is there, trusts the certificate and is the role
    workers = children(server.process.pid)
    assert workers
    port = server.connection.port
    server.process.send_signal(number)
    assert server.process.wait(10) == 0, server.log.read_text()
    assert not [each for each in workers if (PROC / str(each)).exists()]
    assert not (server.directory / FILE).exists()
    assert not (server.directory / "tmp").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_connection_is_read_as_it_was_written(tmp_path: Path, cloud: Cloud) -> None:
    cloud.connection.write(tmp_path)
    assert Connection.read(tmp_path) == cloud.connection
    environment = cloud.connection.environment()
    assert environment["AWS_CA_BUNDLE"] == environment["NODE_EXTRA_CA_CERTS"] == cloud.connection.ca
    assert environment["AWS_ENDPOINT_URL"] == cloud.connection.endpoint


def test_what_points_elsewhere_is_left_out() -> None:
    environment = {"AWS_PROFILE": "a", "CDK_HOME": "b", "SSL_CERT_FILE": "c", "HTTPS_PROXY": "d", "PATH": "e"}
    assert without_aws(environment) == {"PATH": "e"}
