"""Claims about property values."""

from pulumi.runtime import rpc

from mock_runtime.values import has_secret, to_plain, without_none

SECRET = {rpc._special_sig_key: rpc._special_secret_sig, "value": [1.0, "x"]}


def test_inputs_are_as_json_has_them() -> None:
    value = {"port": 80.0, "share": 0.5, "gone": None, "list": [1.0, {"x": None}]}
    assert without_none(to_plain(value)) == {"port": 80, "share": 0.5, "list": [1, {}]}
    assert to_plain(value)["gone"] is None


def test_a_secret_is_found_at_any_depth_and_unwrapped() -> None:
    assert has_secret({"a": [{"b": SECRET}]})
    assert not has_secret({"a": [{"b": "x"}]})
    assert to_plain({"a": [{"b": SECRET}]}) == {"a": [{"b": [1, "x"]}]}
