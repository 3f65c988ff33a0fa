"""Claims about the configuration that a program gets."""

from pathlib import Path

from mock_runtime.stack_config import load_stack_config

PROJECT = (
    "name: shop\nconfig:\n  a: {default: 1, type: integer}\n  b: {default: 1, type: integer}\n  c: {type: string}\n"
)


def test_overrides_win_over_the_stack_file_and_that_over_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  shop:a: 2\n  shop:b: 2\n  aws:region: moon\n")
    config = load_stack_config(tmp_path, "local", {"a": 3, "list": ["x"]})
    assert config.project == "shop"
    assert config.values == {"shop:a": "3", "shop:b": "2", "aws:region": "moon", "shop:list": '["x"]'}
    assert config.defaults == {"shop:a": "1", "shop:b": "1"}


def test_a_stack_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    assert load_stack_config(tmp_path, "other").values == {"shop:a": "1", "shop:b": "1"}
