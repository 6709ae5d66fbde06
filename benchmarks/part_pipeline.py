"""What a `S3BatchPipeline` takes to synthesize, against its resources alone, and what our rules take over it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from measure import Part, at_most, in_turns, linear, run_script, samples, table

_NUMBERS: Final = (1, 4)
_REPETITIONS: Final = 5
_MOST_OVER_BARE: Final = 5.0


def measure_pipeline() -> Part:
    with TemporaryDirectory() as folder:
        run_script("time_pipeline.py", "ours", "1", folder)
        template = Path(folder) / "Pipeline0.template.json"
        resources = len(json.loads(template.read_text(encoding="utf-8"))["Resources"])

        def run(what: tuple[str, int]) -> dict[str, Any]:
            with TemporaryDirectory() as out:
                return run_script("time_pipeline.py", what[0], str(what[1]), out, str(template))

        found = in_turns([(flavour, number) for number in _NUMBERS for flavour in ("ours", "bare")], run, _REPETITIONS)
        judged = in_turns(["SC-"], lambda prefix: run_script("time_rules.py", folder, prefix), _REPETITIONS)["SC-"]
    times = {what: samples(results, "seconds") for what, results in found.items()}
    ratios = {number: times["ours", number].median / times["bare", number].median for number in _NUMBERS}
    rows = [
        [str(number), times["bare", number].text, times["ours", number].text, f"{ratios[number]:.2f}"]
        for number in _NUMBERS
    ]
    packed = samples(
        [result for (flavour, _), results in found.items() if flavour == "ours" for result in results], "packed"
    )
    lines = [
        f"Constructing and synthesizing a `S3BatchPipeline` with network and repository, {resources} resources in a",
        "stack of its own. Bare has each of these resources by `CfnResource`, with its properties written out: less",
        "than anybody takes who writes them in plain aws_cdk, since grants and references are worked out already.",
        "",
        *table(["pipelines", "bare, s", "S3BatchPipeline, s", "ratio"], rows),
        "",
        f"The functions' archive takes {packed.text} s, once in a process. All our rules over the template take",
        f"{samples(judged, 'seconds').text} s.",
    ]
    costs = {number: times["ours", number].median / number for number in _NUMBERS}
    goals = [
        at_most("a pipeline takes at most {:.2f} times its bare resources", _MOST_OVER_BARE, ratios),
        linear("pipelines are linear", "a pipeline", costs),
    ]
    return Part("Pipeline", lines, goals)
