"""`python -m model_service.data`."""

import argparse
from pathlib import Path

import pytest

from model_service.data.__main__ import main
from model_service.data.options import add_options, as_arguments, read_options
from tests.model_service.data.written import one

TEXT = "user,item,rating\n1,10,4\n2,20,3\n"


def test_the_report_is_printed_and_the_picture_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "tail.png"
    assert main(["--data", str(one(tmp_path, TEXT)), "--plot", str(plot)]) == 0
    assert "2 rows read = 2 ratings kept" in capsys.readouterr().out
    assert plot.exists()


@pytest.mark.parametrize("content", ["", "user,item,rating\n1,2,x\n1,2,3\n", "\x00\x01"])
def test_refused_data_is_told_on_stderr(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(one(tmp_path, content)), "--plot", "none"]) == 2
    out, error = capsys.readouterr()
    assert not out
    assert error.startswith("error: ratings.csv")


def test_the_options_reach_the_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = one(tmp_path, "a;b;c;d\n1;10;x;0\n2;20;y;3\n2;20;y;4\n")
    words = (
        "--user a --item 2 --value d --time none --separator semicolon --header yes --encoding utf-8 --values stars "
    )
    words += "--scale 1..5 --missing 0,empty --duplicates first --bad-lines skip --plot none"
    assert main(["--data", str(path), *words.split()]) == 0
    text = capsys.readouterr().out
    for told in ('column 1 "a" (as the options say)', "ratings from 1 to 5", "0 means seen", "the first counts"):
        assert told in text


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--data x --scale 5..1",
        "--data x --separator abc",
        "--data x --encoding no",
        "--data x --duplicates all",
        "--data x --header maybe",
    ],
)
def test_a_wrong_option_is_told(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_help_names_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    names = "data user item value time items separator header encoding values scale missing duplicates bad-lines plot"
    for name in names.split():
        assert f"--{name}" in text


def test_values_that_start_with_a_minus_are_no_options() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = read_options(parser.parse_args(["--scale", "-10..10", "--missing", "-1,99,empty"]))
    assert (options.scale, options.missing) == ((-10.0, 10.0), ("-1", "99", "empty"))
    assert as_arguments(options) == ["--scale=-10..10", "--missing=-1,99,empty"]
