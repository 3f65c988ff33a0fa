"""The evaluator of policies decides as the IAM User Guide says for its own examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docs.iam_evaluation import Request, allows


def document(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", **statement}]}


def holds(condition: dict[str, Any], **context: Any) -> bool:
    keys = {key.replace("__", ":").replace("_", "/"): value for key, value in context.items()}
    return allows([document(Condition=condition)], Request("s3:GetObject", context=keys))


BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket"


@pytest.mark.parametrize(
    ("statement", "request_", "allowed"),
    [
        ({"Action": "iam:*AccessKey*"}, Request("iam:CreateAccessKey"), True),
        ({"Action": "iam:*AccessKey*"}, Request("iam:CreateUser"), False),
        ({"Action": "IAM:listaccesskeys"}, Request("iam:ListAccessKeys"), True),
        ({"Resource": f"{BUCKET}/test?/*"}, Request("s3:GetObject", f"{BUCKET}/test1/object.jpg"), True),
        ({"Resource": f"{BUCKET}/test?/*"}, Request("s3:GetObject", f"{BUCKET}/test/object.jpg"), False),
        ({"Resource": f"{BUCKET}/[ab]"}, Request("s3:GetObject", f"{BUCKET}/a"), False),
        ({"NotResource": [BUCKET, f"{BUCKET}/*"]}, Request("s3:GetObject", f"{BUCKET}/a"), False),
        ({"NotResource": [BUCKET, f"{BUCKET}/*"]}, Request("s3:GetObject", "arn:aws:s3:::other/a"), True),
        (
            {"Resource": f"{BUCKET}/${{aws:username}}/*"},
            Request("s3:GetObject", f"{BUCKET}/anna/a", {"aws:username": "anna"}),
            True,
        ),
        ({"Resource": f"{BUCKET}/${{aws:username}}/*"}, Request("s3:GetObject", f"{BUCKET}/anna/a"), False),
    ],
)
def test_actions_and_resources_match_by_wildcards(statement: dict[str, Any], request_: Request, allowed: bool) -> None:
    assert allows([document(**statement)], request_) is allowed


def test_not_action_allows_everything_else() -> None:
    statement = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    policy = {"Statement": [statement]}
    assert allows([policy], Request("s3:GetObject"))
    assert not allows([policy], Request("iam:CreateUser"))


def test_a_deny_wins_wherever_it_stands_and_what_nothing_allows_is_denied() -> None:
    deny = document(Effect="Deny", Action="s3:DeleteObject")
    for policies in ([document(), deny], [deny, document()]):
        assert not allows(policies, Request("s3:DeleteObject"))
        assert allows(policies, Request("s3:GetObject"))
    assert not allows([], Request("s3:GetObject"))


def test_a_boundary_allows_nothing_and_limits_what_the_policies_allow() -> None:
    boundary = document(Action=["s3:*", "cloudwatch:*", "ec2:*"])
    assert not allows([document(Action="iam:CreateUser")], Request("iam:CreateUser"), boundary=boundary)
    assert not allows([], Request("s3:GetObject"), boundary=boundary)
    assert allows([document(Action="s3:*")], Request("s3:GetObject"), boundary=boundary)


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"aws:RequestTag/project": "a"}}, {"aws__RequestTag_project": "a"}, True),
        ({"StringEquals": {"aws:requesttag/Project": "a"}}, {"aws__RequestTag_project": "a"}, True),
        ({"StringEquals": {"aws:RequestTag/project": "a"}}, {"aws__RequestTag_project": "A"}, False),
        ({"StringEquals": {"aws:RequestTag/project": "a"}}, {}, False),
        ({"StringEquals": {"aws:RequestTag/project": ["a", "b"]}}, {"aws__RequestTag_project": "b"}, True),
        ({"StringNotEquals": {"aws:RequestTag/project": "a"}}, {}, True),
        ({"StringNotEquals": {"aws:RequestTag/project": ["a", "b"]}}, {"aws__RequestTag_project": "b"}, False),
        ({"StringEqualsIfExists": {"aws:RequestTag/project": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:RequestTag/project": "a"}}, {"aws__RequestTag_project": "b"}, False),
        ({"StringLike": {"aws:RequestTag/project": "a*"}}, {"aws__RequestTag_project": "ab"}, True),
        ({"Null": {"ec2:CreateAction": "false"}}, {"ec2__CreateAction": "CreateVpc"}, True),
        ({"Null": {"ec2:CreateAction": "false"}}, {}, False),
        ({"Null": {"ec2:CreateAction": "true"}}, {}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws__SecureTransport": "true"}, True),
        ({"BoolIfExists": {"aws:SecureTransport": "true"}}, {}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t"}}, {"aws__SourceArn": "arn:aws:sns:eu:1:t"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:*:t"}}, {"aws__SourceArn": "arn:aws:sns:eu:1:t"}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ["a"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__TagKeys": ["a", "c"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {}, False),
        (
            {"StringEquals": {"aws:RequestTag/project": "a"}, "Null": {"ec2:CreateAction": "false"}},
            {"aws__RequestTag_project": "a"},
            False,
        ),
    ],
)
def test_a_condition_holds_as_the_guide_says(
    condition: dict[str, Any], context: dict[str, Any], expected: bool
) -> None:
    assert holds(condition, **context) is expected


def test_what_it_cannot_evaluate_is_refused_and_not_ignored() -> None:
    with pytest.raises(KeyError):
        holds({"NumericLessThan": {"s3:max-keys": "10"}}, s3__max_keys="1")
    with pytest.raises(ValueError, match="Principal"):
        allows([document(Principal="*")], Request("s3:GetObject"))
