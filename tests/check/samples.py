"""Templates and cloud assemblies to check, written into the working directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

REPOSITORY: dict[str, Any] = {"Type": "AWS::ECR::Repository"}
CLEAN: dict[str, Any] = {"Resources": {"Thing": {"Type": "My::Own::Thing", "Properties": {"Size": 3}}}}
"""Resource types that no rule knows are no findings."""
BAD: dict[str, Any] = {"Resources": {"Images": REPOSITORY}}
REASON = "preview images are rebuilt under one tag and stay in the development account"
HASH = "a5f40af0eace80fbc0e7ad1a638e1ceffe62c619e4d968f1c6c9ea9af3ee8114"


def put(path: str, content: dict[str, Any] | list[Any] | str | bytes) -> str:
    """Write a file; what is neither text nor bytes, as JSON."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str | bytes) else json.dumps(content, indent=2)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def waived(*waivers: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A template with one repository that carries `waivers`."""
    metadata = {"SecureContainers": {"Waivers": list(waivers)}}
    return {"Resources": {"Images": {**REPOSITORY, "Metadata": metadata, "Properties": properties}}}


def nested(url: Any, **parameters: Any) -> dict[str, Any]:
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": parameters}}


def asset_url(hash: str = HASH) -> dict[str, Any]:
    """How CDK names a nested stack's template in its parent."""
    bucket = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
    host = ["https://s3.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/"]
    return {"Fn::Join": ["", [*host, bucket, f"/{hash}.json"]]}


def stack(file: str, environment: str = "aws://unknown-account/unknown-region") -> dict[str, Any]:
    properties = {"templateFile": file, "terminationProtection": False}
    return {"type": "aws:cloudformation:stack", "environment": environment, "properties": properties}


def stage(directory: str) -> dict[str, Any]:
    return {"type": "cdk:cloud-assembly", "properties": {"directoryName": directory}}


def manifest(**artifacts: Any) -> dict[str, Any]:
    tree = {"type": "cdk:tree", "properties": {"file": "tree.json"}}
    return {"version": "55.0.0", "artifacts": {"Tree": tree, **artifacts}}


def assets(**files: str) -> dict[str, Any]:
    """An asset manifest: hash to file."""
    return {"version": "55.0.0", "files": {hash: {"source": {"path": path}} for hash, path in files.items()}}
