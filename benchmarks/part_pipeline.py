"""What a `S3BatchPipeline` takes to synthesize, against its resources alone, and what our rules take over it."""

from __future__ import annotations

from against_bare import BARE, HEAD, against_bare
from measure import Part, table


def measure_pipeline() -> Part:
    found = against_bare("S3BatchPipeline")
    lines = [
        f"Constructing and synthesizing a `S3BatchPipeline` with network and repository, {found.resources} resources",
        "in a stack of its own.",
        *BARE,
        "",
        *table(["pipelines", *HEAD], found.rows),
        "",
        f"The functions' archive takes {found.packed.text} s, once in a process. All our rules over the template take",
        f"{found.rules.text} s.",
    ]
    return Part("Pipeline", lines, found.goals("pipeline"))
