"""Stands for an image that serves: what its first argument says, or web pages."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(os.environ.get("STATUS", "200"))
        told = {name: os.environ.get(name) for name in ("VERSION", "SECRET", "HOST")}
        if self.path == "/who":
            import boto3  # noqa: PLC0415 - half a second on a busy machine, which is seldom needed

            told["who"] = boto3.client("sts").get_caller_identity()["Arn"]
        told |= {"path": self.path, "host": self.headers["Host"]}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        print(f"asked for {self.path}", flush=True)


def main(what: str = "serve") -> int:
    match what:
        case "crash":
            return 3
        case "once":
            print("done once", os.environ.get("SECRET"), flush=True)
        case "serve":
            print("listening", flush=True)
            ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
