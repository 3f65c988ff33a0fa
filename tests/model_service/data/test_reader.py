"""Ratings of the layouts that people have, from files to ratings."""

from pathlib import Path

import pytest

from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from tests.model_service.data.written import Row, one, read, refusal, rows, written

TWO: list[Row] = [("1", "10", 4.0), ("2", "20", 3.0)]
GENRES = "|".join(["0", "1", *["0"] * 17])


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (
            {
                "u.data": "1\t10\t4\t881250949\n2\t20\t3\t881250950\n",
                "u.item": f"10|Heat (1995)|01-Jan-1995||http://x|{GENRES}\n",
                "u.user": "1|24|M|technician|85711\n",
                "u.genre": "unknown|0\n",
                "README": "This is MovieLens.\n",
            },
            "MovieLens 100k",
        ),
        (
            {
                "ratings.dat": "1::10::4::978300760\n2::20::3::978302109\n",
                "movies.dat": "10::Heat (1995)::Action|Crime\n",
                "users.dat": "1::F::1::10::48067\n",
            },
            "MovieLens 1M and 10M",
        ),
        (
            {
                "ml/ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.0,964982703\n2,20,3.0,964981247\n",
                "ml/movies.csv": "movieId,title,genres\n10,Heat (1995),Action|Crime\n",
                "ml/tags.csv": "userId,movieId,tag,timestamp\n1,10,funny,1445714994\n",
                "ml/links.csv": "movieId,imdbId,tmdbId\n10,0113277,949\n",
            },
            "MovieLens CSV",
        ),
        (
            {
                "rating.csv": '"userId","movieId","rating","timestamp"\n1,10,4,"2005-04-02 23:53:47"\n'
                '2,20,3,"2005-04-02 23:31:16"\n',
                "movie.csv": '"movieId","title","genres"\n10,"Heat (1995)","Action|Crime"\n',
                "genome_scores.csv": "movieId,tagId,relevance\n10,1,0.025\n",
                "tag.csv": "userId,movieId,tag,timestamp\n1,10,x,2005-04-02 23:53:47\n",
            },
            "MovieLens CSV",
        ),
        (
            {
                "ml.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t4\t881250949\n"
                "2\t20\t3\t881250950\n",
                "ml.item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
                "10\tHeat\t1995\tAction Crime\n",
                "ml.user": "user_id:token\tage:token\n1\t24\n",
            },
            "RecBole",
        ),
        (
            {
                "combined_data_1.txt": "10:\n1,4,2005-09-06\n",
                "combined_data_2.txt": "20:\n2,3,2005-05-13\n",
                "movie_titles.csv": "10,1995,Heat\n20,2004,Me, Myself, and I\n",
                "probe.txt": "1:\n30878\n",
            },
            "Netflix Prize",
        ),
    ],
)
def test_a_known_data_set_is_read_with_its_titles(files: dict[str, str], name: str, tmp_path: Path) -> None:
    ratings, report = read_ratings(written(tmp_path, files))
    assert rows(ratings) == TWO
    assert report.source.startswith(name)
    assert ratings.times is not None
    heat = ratings.catalogue[0]
    assert (heat.title.removesuffix(" (1995)"), heat.year) == ("Heat", 1995)
    if name != "Netflix Prize":
        assert "Action" in heat.genres


@pytest.mark.parametrize(("rated", "title"), [("1", "First"), ("2767052", "First")])
def test_books_are_named_by_the_column_that_has_most_rated_ids(rated: str, title: str, tmp_path: Path) -> None:
    ratings, report = read_ratings(
        written(
            tmp_path,
            {
                "ratings.csv": f"user_id,book_id,rating\n1,{rated},5\n2,{rated},3\n",
                "books.csv": "id,book_id,isbn,original_publication_year,title\n1,2767052,439023483,2008,First\n",
                "to_read.csv": "user_id,book_id\n1,112\n",
                "book_tags.csv": "goodreads_book_id,tag_id,count\n1,30574,167697\n",
                "tags.csv": "tag_id,tag_name\n30574,x\n",
            },
        )
    )
    assert [item.title for item in ratings.catalogue] == [title]
    assert {*report.unused} >= {"to_read.csv", "book_tags.csv", "tags.csv"}


def test_book_crossing_is_read_with_its_quotes_encoding_and_zeros(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {
            "BX-Book-Ratings.csv": '"User-ID";"ISBN";"Book-Rating"\r\n"276725";"034545104X";"0"\r\n'
            '"276726";"0155061224";"5"\r\n"276727";"0155061224";"8"\r\n',
            "BX-Books.csv": '"ISBN";"Book-Title";"Year-Of-Publication"\r\n'
            '"034545104X";"Le \\"Caf\xe9\\" &amp; more";"2002"\r\n'.encode("cp1252"),
            "BX-Users.csv": '"User-ID";"Location";"Age"\r\n"1";"nyc, new york, usa";NULL\r\n',
        },
    )
    ratings, report = read_ratings(folder, ReadOptions(missing=("0",)))
    assert report.source.startswith("Book-Crossing")
    assert report.not_rated == 1
    assert {item.id: item.title for item in ratings.catalogue}["034545104X"] == 'Le "Café" & more'


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "::"])
@pytest.mark.parametrize("header", ["", "user{0}item{0}rating{0}timestamp\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_plain_table_is_read_with_any_separator_line_end_and_header(
    separator: str, header: str, end: str, tmp_path: Path
) -> None:
    text = header.format(separator) + "".join(
        separator.join(fields) + "\n" for fields in (("1", "10", "4", "964982703"), ("2", "20", "3", "964982704"))
    )
    assert read(one(tmp_path, text.replace("\n", end), "table.txt")) == TWO


@pytest.mark.parametrize(
    "header",
    [
        "user_id,item_id,rating",
        "USER_ID,ITEM_ID,EVENT_VALUE",
        "reviewerID,asin,overall",
        "user_id,parent_asin,rating",
        "userID,movieID,rating",
        "user, item ,rating",
        "user_id,item_id,weight",
        "\ufeffuserId,movieId,rating",
        '\ufeff"userId","movieId","rating"',
    ],
)
def test_a_header_names_the_columns(header: str, tmp_path: Path) -> None:
    assert read(one(tmp_path, f"{header}\n1,10,4\n2,20,3\n", "table.csv")) == TWO


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    text = "timestamp,rating,movie_id,comment,user_id\n964982703,4,10,good,1\n964982704,3,20,bad,2\n"
    assert read(one(tmp_path, text)) == TWO


def test_steam_is_read_with_columns_by_hand(tmp_path: Path) -> None:
    text = "1,Team Fortress,play,273.0,0\n1,Fallout 4,play,12.5,0\n2,Team Fortress,play,0.4,0\n"
    path = one(tmp_path, text, "steam-200k.csv")
    assert "--user, --item, --value" in refusal(path)
    assert read(path, ReadOptions(user="1", item="2", value="4"))[0] == ("1", "Team Fortress", 273.0)


def test_lastfm_of_hetrec_is_read_as_counts(tmp_path: Path) -> None:
    ratings, _ = read_ratings(
        written(
            tmp_path,
            {
                "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t1\n",
                "artists.dat": "id\tname\turl\tpictureURL\n51\tDuran Duran\thttp://x\thttp://y\n",
                "user_friends.dat": "userID\tfriendID\n2\t275\n",
                "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t52\t13\t1\t4\t2009\n",
                "tags.dat": "tagID\ttagValue\n1\tmetal\n",
            },
        )
    )
    assert ratings.scale is None
    assert rows(ratings) == [("2", "51", 13883.0), ("2", "52", 11690.0), ("3", "51", 1.0)]
    assert ratings.catalogue[0].title == "Duran Duran"


def test_filmtrust_is_read_although_another_file_holds_pairs_of_users(tmp_path: Path) -> None:
    files = {"ratings.txt": "1 1 2.0\n1 2 4.0\n2 1 3.5\n", "trust.txt": "2 966 1\n2 104 1\n5 1509 1\n"}
    ratings, report = read_ratings(written(tmp_path, files))
    assert rows(ratings) == [("1", "1", 2.0), ("1", "2", 4.0), ("2", "1", 3.5)]
    assert [*report.unused] == ["trust.txt"]


@pytest.mark.parametrize("head", ["user,item,rating\n", ""])
def test_parts_of_a_table_are_read_as_one(head: str, tmp_path: Path) -> None:
    files = {"ratings_1.csv": head + "1,10,4\n", "ratings_2.csv": head + "2,20,3\n"}
    assert read(written(tmp_path, files)) == TWO


def test_a_header_in_the_first_part_only_leaves_out_no_part_silently(tmp_path: Path) -> None:
    folder = written(tmp_path, {"ratings_1.csv": "user,item,rating\n1,10,4\n", "ratings_2.csv": "2,20,3\n"})
    assert "ratings_2.csv" in refusal(folder)


@pytest.mark.parametrize(
    ("first", "second"),
    [("007", "7"), ("9223372036854775808", "9223372036854775809"), ("0345 X", "0345X"), ("a,b", "ab"), ("é", "e")],
)
def test_ids_are_texts(first: str, second: str, tmp_path: Path) -> None:
    text = f'user,item,rating\n"{first}",10,4\n"{second}",10,3\n'
    assert read(one(tmp_path, text)) == [(first, "10", 4.0), (second, "10", 3.0)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("3,30", "2 in"),
        ("3,30,4,5", "4 in"),
        ("3,30,abc", '"abc"'),
        (",30,4", "is empty"),
        ("3, ,4", "is empty"),
        ('3,"30,4', "quote"),
        ("3,30,", "no number"),
        ("3,30,NULL", "no number"),
        ("3,30,nan", "no number"),
        ("3,30,inf", "no number"),
        ("3,3\x010,4", "control character"),
        ("3,30," + "9" * 1_000_000, "no number"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number_or_left_out_and_counted(
    line: str, told: str, tmp_path: Path
) -> None:
    path = one(tmp_path, "user,item,rating\n1,10,4\n" + "2,20,3\n" + line + "\n4,40,5\n")
    message = refusal(path)
    assert "ratings.csv, line 4: " in message
    assert told in message
    assert "--bad-lines skip" in message
    assert len(message) < 1000
    ratings, report = read_ratings(path, ReadOptions(skip_bad_lines=True))
    assert len(ratings) == 3
    assert sum(report.rows.skipped.values()) == 1


def test_all_problems_of_a_file_are_told_in_one_run_the_first_ten_of_each_kind(tmp_path: Path) -> None:
    bad = "".join(f"{line},30,x\n" for line in range(12)) + "1,2\n"
    message = refusal(one(tmp_path, "user,item,rating\n1,10,4\n2,20,3\n" * 1 + "5,5,5\n" * 30 + bad))
    assert "(12 times)" in message
    assert message.count(", line ") == 11
    assert "and 2 more" in message
    assert "another number of fields" in message


def test_trailing_separators_in_rows_only_are_told(tmp_path: Path) -> None:
    message = refusal(one(tmp_path, "user,item,rating\n1,10,4,\n2,20,3,\n"))
    assert "the header has 3 names, and the lines have 4 fields" in message


def test_trailing_separators_on_every_line_are_an_empty_column(tmp_path: Path) -> None:
    assert read(one(tmp_path, "user,item,rating,\n1,10,4,\n2,20,3,\n")) == TWO


def test_blank_lines_are_counted_and_no_rows(tmp_path: Path) -> None:
    _, report = read_ratings(one(tmp_path, "\nuser,item,rating\n\n1,10,4\n  \n2,20,3\n\n"))
    assert (report.rows.read, report.rows.blank_lines) == (2, 4)


def test_an_index_column_without_a_name_is_not_read(tmp_path: Path) -> None:
    path = one(tmp_path, ",userId,movieId,rating\n0,1,10,4\n1,2,20,3\n")
    assert read(path) == TWO
    assert "column 1 has no name" in read_ratings(path)[1].text()


def test_two_columns_of_the_same_name_are_refused_until_one_is_named(tmp_path: Path) -> None:
    path = one(tmp_path, "userId,user_id,item,rating\n1,a,10,4\n2,b,20,3\n")
    assert "--user with the number of the column" in refusal(path)
    assert read(path, ReadOptions(user="2"))[0] == ("a", "10", 4.0)
    assert read(path, ReadOptions(user="user_id"))[0] == ("a", "10", 4.0)


@pytest.mark.parametrize(
    ("role", "line"), [("user", "{0},{1},4"), ("item", "{1},{0},4"), ("user", "7,{1},4"), ("item", "{1},7,4")]
)
def test_a_column_taken_by_its_place_has_to_look_like_ids(role: str, line: str, tmp_path: Path) -> None:
    text = "".join(line.format(number, number % 5) + "\n" for number in range(1, 31))
    assert f"read as the {role}, is " in refusal(one(tmp_path, text, "table.csv"))


def test_a_matrix_of_users_and_items_is_refused(tmp_path: Path) -> None:
    assert "turned into one line for each value" in refusal(one(tmp_path, "5,3,0,1,4\n4,0,0,1,2\n1,1,0,5,3\n"))


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    message = refusal(one(tmp_path, "user,item,rating\n1,10,4\n"), ReadOptions(value="stars"))
    assert '"stars"' in message
    assert '"rating"' in message


def test_a_folder_without_ratings_names_its_files(tmp_path: Path) -> None:
    assert "movies.csv" in refusal(written(tmp_path, {"movies.csv": "movieId,title\n1,Heat\n", "x.md": "# x"}))


def test_two_tables_that_may_both_be_the_ratings_are_refused(tmp_path: Path) -> None:
    text = "user,item,rating\n1,10,4\n"
    message = refusal(written(tmp_path, {"plays.csv": text, "clicks.csv": text}))
    assert "plays.csv" in message
    assert "clicks.csv" in message


@pytest.mark.parametrize("content", [b"", b"\n\n", b"user,item,rating\n", b"abc\ndef\n", b'{"a": 1}\n', b"<a>\n"])
def test_a_file_without_a_table_is_refused(content: bytes, tmp_path: Path) -> None:
    assert "ratings.csv" in refusal(one(tmp_path, content))


def test_a_nul_far_down_is_told_with_its_line(tmp_path: Path) -> None:
    many = "".join(f"{number},10,4\n" for number in range(40_000))
    message = refusal(one(tmp_path, f"user,item,rating\n{many}3,3\x000,4\n"))
    assert "ratings.csv, line 40002: " in message
    assert "control character" in message


@pytest.mark.parametrize(
    ("values", "scale", "told"),
    [("xyz", None, "3 lines left out: the value"), ("345", (10.0, 20.0), "is outside 10 to 20")],
)
def test_when_each_line_is_left_out_the_reasons_are_told(
    values: str, scale: tuple[float, float] | None, told: str, tmp_path: Path
) -> None:
    text = "user,item,rating\n" + "".join(f"{row},10,{value}\n" for row, value in enumerate(values))
    message = refusal(one(tmp_path, text), ReadOptions(skip_bad_lines=True, scale=scale))
    assert "ratings.csv holds no ratings" in message
    assert told in message


def test_a_header_in_the_middle_is_told(tmp_path: Path) -> None:
    message = refusal(one(tmp_path, "user,item,rating\n1,10,4\nuser,item,rating\n2,20,3\n"))
    assert "ratings.csv, line 3: " in message


@pytest.mark.parametrize("line", ["# my data", "sep=;"])
def test_a_line_above_the_header_is_told(line: str, tmp_path: Path) -> None:
    assert "ratings.csv, line 1: " in refusal(one(tmp_path, f"{line}\nuser,item,rating\n1,10,4\n2,20,3\n"))
