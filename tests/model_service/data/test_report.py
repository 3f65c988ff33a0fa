"""What is told of the data."""

import json
from pathlib import Path

from model_service.data.options import ReadOptions
from model_service.data.read_report import ReadReport
from model_service.data.reader import read_ratings
from tests.model_service.data.written import counted, written

FILES = {
    "ratings.csv": "user,item,rating,timestamp,mood\n1,10,4,1112486027,x\n1,10,3,1112486028,x\n\n"
    "2,20,0,1112486029,x\n2,30,x,1,x\n3,20,5\n",
    "items.csv": "item,title\n10,Heat\n40,Alien\n",
    "users.csv": "user,age\n1,30\n",
}


def report(folder: Path) -> ReadReport:
    """Of a small data set with something of everything."""
    return read_ratings(written(folder, FILES), ReadOptions(skip_bad_lines=True, missing=("0",)))[1]


def test_each_row_is_accounted_for(tmp_path: Path) -> None:
    found = report(tmp_path)
    counted(found)
    assert (found.rows.read, found.kept, found.rows.repeated, found.rows.blank_lines) == (5, 2, 1, 1)
    assert sum(found.rows.skipped.values()) == 2


def test_the_text_tells_what_was_understood(tmp_path: Path) -> None:
    text = report(tmp_path).text()
    for told in (
        "ratings.csv: commas, a header, UTF-8",
        'column 1 "user"',
        'column 5 "mood"',
        "0 means seen, not rated",
        "not read: users.csv",
        "5 rows read = 2 ratings kept + 1 merged",
        "1 of 2 rated items have a title",
        "user 1, item 10 (Heat): rated 3, 2005-04-02 23:53",
        "1 blank lines",
        "1 more without a rating",
        "from 2005-04-02 to 2005-04-02",
    ):
        assert told in text, told


def test_the_dict_is_json_and_adds_up(tmp_path: Path) -> None:
    found = json.loads(json.dumps(report(tmp_path).to_dict(), allow_nan=False))
    rows = found["rows"]
    assert rows["read"] == rows["kept"] + rows["merged"] + sum(rows["skipped"].values())
    assert found["seen_not_rated"] == 1
    assert found["span"] == ["2005-04-02", "2005-04-02"]


def test_rows_left_out_of_several_files_are_added(tmp_path: Path) -> None:
    part = "user,item,rating\n1,{0},4\n2,{0},x\n2,{0},3\n"
    files = {f"ratings_{number}.csv": part.format(number) for number in (1, 2)}
    _, found = read_ratings(written(tmp_path, files), ReadOptions(skip_bad_lines=True))
    counted(found)
    assert sum(found.rows.skipped.values()) == 2


def test_values_outside_the_scale_in_several_files_are_counted(tmp_path: Path) -> None:
    part = "user,item,rating\n1,{0},4\n2,{0},9\n"
    files = {f"ratings_{number}.csv": part.format(number) for number in (1, 2)}
    _, found = read_ratings(written(tmp_path, files), ReadOptions(skip_bad_lines=True, scale=(1, 5)))
    counted(found)
    assert (found.rows.read, found.kept) == (4, 2)


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tail.png"
    report(tmp_path / "data").plot(path)
    assert path.read_bytes().startswith(b"\x89PNG")
