"""Templates of any shape, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(
    ["A", "B", "C", "Free", "Environment", "AWS::Region", "AWS::NoValue", "Thing", "Map", "x.y", ""]
)
TEXTS = st.one_of(
    NAMES, st.text(max_size=8), st.sampled_from(["${A}", "${Free}x", "${!A}", "{{resolve:ssm:/x}}", "²", "0", "-1"])
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(allow_nan=False), TEXTS)
FUNCTIONS = st.sampled_from(
    [
        *(
            "Ref",
            "Condition",
            "Fn::GetAtt",
            "Fn::If",
            "Fn::FindInMap",
            "Fn::Select",
            "Fn::Join",
            "Fn::Sub",
            "Fn::Split",
        ),
        *("Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or", "Fn::ImportValue", "Fn::GetStackOutput", "Fn::ToJsonString"),
        *("Fn::Transform", "Fn::ForEach::Loop", "Fn::Base64", "Fn::GetAZs", "Fn::Cidr"),
    ]
)


def _more(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arguments = st.one_of(
        children, st.lists(children, max_size=4), st.tuples(TEXTS, st.lists(children, max_size=3)).map(list)
    )
    return st.one_of(
        st.lists(children, max_size=4),
        st.dictionaries(st.one_of(TEXTS, FUNCTIONS), children, max_size=3),
        st.builds(lambda function, argument: {function: argument}, FUNCTIONS, arguments),
    )


NODES = st.recursive(SCALARS, _more, max_leaves=25)
"""JSON of any shape, with a liking for what looks like CloudFormation."""
