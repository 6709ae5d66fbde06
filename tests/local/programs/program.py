"""Stands for an image: does what its first argument says."""

import os
import signal
import subprocess
import sys
import time
from typing import Any


def client(service: str) -> Any:
    import boto3  # noqa: PLC0415 - half a second on a busy machine, which most jobs here do not need

    return boto3.client(service)


def main(what: str, *arguments: str) -> int:
    match what:
        case "say":
            print(*arguments)
        case "environment":
            print("\n".join(f"{name}={os.environ.get(name)}" for name in arguments))
        case "exit":
            print("leaving", flush=True)
            return int(arguments[0])
        case "again":  # fails until its last attempt
            return 0 if os.environ["AWS_BATCH_JOB_ATTEMPT"] == arguments[0] else 7
        case "index":
            return int(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"] == arguments[0])
        case "sleep":
            print("sleeping", flush=True)
            time.sleep(60)
        case "stay":  # neither it nor its child minds being asked to end
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(
                [sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"]
            )
            print(child.pid, flush=True)
            time.sleep(60)
        case "whoami":
            print(client("sts").get_caller_identity()["Arn"])
        case "put":
            client("s3").put_object(Bucket=arguments[0], Key=arguments[1], Body=b"")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
