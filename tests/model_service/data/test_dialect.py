"""How a text file is written, found out from its first lines."""

from pathlib import Path

import pytest

from model_service.data.dialect import Dialect, detect_dialect, detect_encoding, split
from model_service.data.files import one_file
from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from tests.model_service.data.written import one, read, refusal, rows


def dialect(folder: Path, content: str | bytes, options: ReadOptions | None = None) -> Dialect:
    return detect_dialect(one_file(one(folder, content)), options or ReadOptions())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_is_found(encoding: str, tmp_path: Path) -> None:
    text = "user,item,rating\nZoë,Café,4\nJosé,Café,3\n"
    assert read(one(tmp_path, text.encode(encoding))) == [("Zoë", "Café", 4.0), ("José", "Café", 3.0)]


def test_a_character_cut_at_the_end_of_the_sample_is_no_other_encoding() -> None:
    assert detect_encoding("aé".encode()[:2]) == "utf-8"


def test_a_letter_beyond_ascii_far_down_in_cp1252_is_read_and_told(tmp_path: Path) -> None:
    many = "".join(f"{number},10,4\n" for number in range(40_000))
    ratings, report = read_ratings(one(tmp_path, f"user,item,rating\n{many}Zoë,10,4\n".encode("cp1252")))
    assert "Zoë" in ratings.user_ids
    assert any("not UTF-8" in warning for warning in report.warnings)


def test_lines_of_two_encodings_are_told(tmp_path: Path) -> None:
    many = b"".join(b"%d,10,4\n" % number for number in range(40_000))
    content = "user,item,rating\nZoë,10,4\n".encode() + many + "José,10,4\n".encode("latin-1")
    message = refusal(one(tmp_path, content))
    assert "line 40003: " in message
    assert "--encoding" in message


def test_an_encoding_by_hand_counts(tmp_path: Path) -> None:
    path = one(tmp_path, "user,item,rating\nЖ,10,4\nИ,10,3\n".encode("cp1251"))
    assert read(path, ReadOptions(encoding="cp1251"))[0] == ("Ж", "10", 4.0)


@pytest.mark.parametrize(
    ("line", "separator", "fields"),
    [
        ('"a,b",c', ",", ["a,b", "c"]),
        ('"a""b",c', ",", ['a"b', "c"]),
        ('"a\\"b";c', ";", ['a"b', "c"]),
        ('"";c', ";", ["", "c"]),
        ('5" disk,c', ",", ['5" disk', "c"]),
        ('a,"b', ",", None),
        ('a,"b"c', ",", None),
        ("a  b\tc", " ", ["a", "b", "c"]),
        ("a::b:c", "::", ["a", "b:c"]),
        ("", ",", [""]),
    ],
)
def test_a_line_is_split_outside_quotes(line: str, separator: str, fields: list[str] | None) -> None:
    assert split(line, separator, quoted=True) == fields


@pytest.mark.parametrize("quote", ['"', ""])
def test_a_semicolon_with_decimal_commas(quote: str, tmp_path: Path) -> None:
    text = f"user;item;rating\n1;10;{quote}4,5{quote}\n2;20;{quote}3,0{quote}\n"
    assert read(one(tmp_path, text)) == [("1", "10", 4.5), ("2", "20", 3.0)]


def test_ids_with_a_comma_are_no_decimal_commas(tmp_path: Path) -> None:
    text = "user;item;rating\n1;10,5;4.5\n2;20,7;3.0\n"
    assert read(one(tmp_path, text)) == [("1", "10,5", 4.5), ("2", "20,7", 3.0)]


def test_a_separator_in_quotes_separates_nothing(tmp_path: Path) -> None:
    assert read(one(tmp_path, 'user,item,rating\n1,"a;b;c",4\n2,"d;e;f",3\n'))[0] == ("1", "a;b;c", 4.0)


@pytest.mark.parametrize(
    ("first", "header"), [("u,i,r", True), ("1,2,3", False), ("a,b,3", False), ("user,item,rating", True)]
)
def test_a_header_is_a_line_without_numbers_where_the_next_lines_have_some(
    first: str, header: bool, tmp_path: Path
) -> None:
    assert (dialect(tmp_path, f"{first}\n1,10,4\n2,20,3\n").names is not None) == header


def test_the_first_line_of_texts_is_a_rating(tmp_path: Path) -> None:
    assert read(one(tmp_path, "anna,heat\nbert,heat\nbert,alien\n"))[0] == ("anna", "heat", 1.0)


@pytest.mark.parametrize(("header", "count"), [(True, 1), (False, 2)])
def test_a_header_by_hand_counts(header: bool, count: int, tmp_path: Path) -> None:
    path = one(tmp_path, "1,10,4\n2,20,3\n")
    options = ReadOptions(header=header, user="1", item="2", value="3")
    assert len(read(path, options)) == count


def test_a_separator_by_hand_counts(tmp_path: Path) -> None:
    assert read(one(tmp_path, "1^10^4\n2^20^3\n"), ReadOptions(separator="^"))[0] == ("1", "10", 4.0)
    assert "--separator" in refusal(one(tmp_path, "1^10^4\n2^20^3\n"))


def test_columns_between_runs_of_blanks_are_aligned(tmp_path: Path) -> None:
    ratings, _ = read_ratings(one(tmp_path, "  1   10  4\n 22  200  3\n"))
    assert rows(ratings) == [("1", "10", 4.0), ("22", "200", 3.0)]
