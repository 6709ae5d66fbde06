"""What a job does in the tests: each argument is something to try with the job's own role. One that is refused ends it."""

import os
import sys

import boto3


def main() -> None:
    s3 = boto3.client("s3")
    bucket, prefix = os.environ["OUTPUT_BUCKET"], os.environ["OUTPUT_PREFIX"]
    tries = {
        "own": lambda: s3.put_object(Bucket=bucket, Key=f"{prefix}result", Body=b"done"),
        "other-prefix": lambda: s3.put_object(Bucket=bucket, Key=f"other/{prefix}result", Body=b"done"),
        "other-bucket": lambda: s3.put_object(Bucket=os.environ["OTHER_BUCKET"], Key=f"{prefix}result", Body=b"done"),
        "read": lambda: s3.get_object(Bucket=bucket, Key=f"{prefix}result"),
        "delete": lambda: s3.delete_object(Bucket=bucket, Key=f"{prefix}result"),
        "list": lambda: s3.list_objects_v2(Bucket=bucket),
        "roles": lambda: boto3.client("iam").list_roles(),
    }
    print(f"working on {sys.argv[1:]}", flush=True)
    for argument in sys.argv[1:]:
        if argument in tries:
            tries[argument]()
            print(f"{argument}: done", flush=True)


if __name__ == "__main__":
    main()
