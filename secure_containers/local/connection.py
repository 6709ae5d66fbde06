"""How to reach a running emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

MARK: Final = "SECURE_CONTAINERS_LOCAL"
"""The variable that names the run's directory to everything that it starts, and tells its processes from others."""
FILE: Final = "connection.json"
_POINTS_ELSEWHERE: Final = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """Where the emulator listens and who may ask it.

    Args:
        endpoint: its address, for every service.
        port: the port of that address.
        account: the account that everything is made in.
        region: the region that everything is made in.
        ca: the path of the certificate to trust.
        access_key_id: the key of the account's root, which IAM does not restrict.
        secret_access_key: its secret.
    """

    endpoint: str
    port: int
    account: str
    region: str
    ca: str
    access_key_id: str
    secret_access_key: str

    @classmethod
    def read(cls, directory: str | Path) -> Self:
        """The connection of the emulator that runs in a directory."""
        return cls(**json.loads((Path(directory) / FILE).read_text(encoding="utf-8")))

    def write(self, directory: Path) -> None:
        """Makes the connection known; whoever reads finds the whole file or none."""
        whole = directory / f".{FILE}"
        whole.touch(mode=0o600)
        whole.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        whole.replace(directory / FILE)

    def environment(self) -> dict[str, str]:
        """What boto3, the AWS CLI and the CDK CLI need; goes on top of `without_aws(os.environ)`."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CA_BUNDLE": self.ca,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_S3_FORCE_PATH_STYLE": "1",
            "NODE_EXTRA_CA_CERTS": self.ca,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def client(self, service: str, **credentials: str) -> Any:
        """A boto3 client, which reads nothing of the machine's AWS configuration.

        Args:
            service: its name in boto3.
            credentials: `aws_access_key_id` and its companions, of somebody else than the root.
        """
        # The names are known without the extra; boto3 comes with it.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        nobodys = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
        session = Session(session_vars={name: (None, None, value, None) for name, value in nobodys.items()})
        session.register_component("data_loader", _loader())
        own = {"aws_access_key_id": self.access_key_id, "aws_secret_access_key": self.secret_access_key}
        return boto3.Session(botocore_session=session, region_name=self.region).client(
            service,
            endpoint_url=self.endpoint,
            verify=self.ca,
            config=Config(s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1}),
            **(credentials or own),
        )


@cache
def _loader() -> Any:
    """Reads the services' models once: without it, nine tenths of the time of making a client go there."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - it comes with the extra

    return create_loader(None)


def without_aws(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what points to an AWS account, to other certificates or to a proxy."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AWS_", "CDK_")) and name not in _POINTS_ELSEWHERE and name.lower() not in _PROXIES
    }
