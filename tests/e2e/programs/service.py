"""Stands for the image of services, and of tasks beside them: it says where it runs, and tries what its role may not."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def tries(bucket: str, table: str) -> dict[str, str]:
    """What comes of each thing that a program might try, with the data of somebody else among them."""
    import boto3  # noqa: PLC0415 - half a second on a busy machine, which few answers need
    from botocore.exceptions import ClientError  # noqa: PLC0415

    s3, role = boto3.client("s3"), boto3.client("sts").get_caller_identity()["Arn"]
    calls: dict[str, Any] = {
        "read": lambda: s3.get_object(Bucket=bucket, Key="uploads/any"),
        "write": lambda: s3.put_object(Bucket=bucket, Key="uploads/any", Body=b"x"),
        "list": s3.list_buckets,
        "query": lambda: boto3.client("dynamodb").scan(TableName=table),
        "secrets": lambda: boto3.client("secretsmanager").list_secrets(),
        "roles": lambda: boto3.client("iam").list_roles(),
        "logs": lambda: boto3.client("logs").describe_log_groups(),
        "tasks": lambda: boto3.client("ecs").list_clusters(),
    }
    found = {"role": role}
    for name, call in calls.items():
        try:
            call()
            found[name] = "done"
        except ClientError as error:
            found[name] = error.response["Error"]["Code"]
    return found


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/health":
            self.answer(int(os.environ.get("HEALTH", "200")), {})
            return
        print(f"asked for {self.path}", flush=True)
        if asked.path == "/tries":
            self.answer(200, tries(**dict(parse_qsl(asked.query))))
            return
        told = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.answer(
            200,
            {
                "environment": told,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "process": os.getpid(),
            },
        )

    def answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Health checks come twice a second; what is worth a line is printed above."""


def main(what: str = "serve") -> int:
    if what == "report":
        print("reported", flush=True)
        return int(os.environ.get("CODE", "0"))
    ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
