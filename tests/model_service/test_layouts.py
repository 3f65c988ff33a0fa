"""Each layout of ratings trains with one command and serves an item and a user by their own ids."""

import gzip
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from model_service.serving.settings import Settings
from model_service.training.__main__ import main
from tests.model_service.client import serving

USERS, ITEMS = 15, 12
_GENERATOR = np.random.default_rng(5)
PAIRS = [(u, i) for u in range(1, USERS + 1) for i in range(1, ITEMS + 1) if _GENERATOR.random() < 0.5]
RATINGS = [(u, i, int(_GENERATOR.integers(1, 6)), 1_000_000_000 + 86_400 * n) for n, (u, i) in enumerate(PAIRS)]
DAYS = [str(np.datetime64(time, "s").astype("datetime64[D]")) for *_, time in RATINGS]
GENRES = 19


def title(item: int) -> str:
    """The title of an item of the generated data."""
    return f"Café No. {item} (19{70 + item})"


def lines(form: str, *, header: str = "") -> str:
    """A line for each rating, of u, i, v and t."""
    rows = [form.format(u=u, i=i, v=v, t=t, d=day) for (u, i, v, t), day in zip(RATINGS, DAYS, strict=True)]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


def items(form: str, *, header: str = "") -> str:
    """A line for each item, of i and its title."""
    return (
        "\n".join([*([header] if header else []), *(form.format(i=i, t=title(i)) for i in range(1, ITEMS + 1))]) + "\n"
    )


def netflix() -> str:
    """Blocks of films."""
    blocks = []
    for item in range(1, ITEMS + 1):
        rows = [f"{u},{v},{day}" for (u, i, v, _), day in zip(RATINGS, DAYS, strict=True) if i == item]
        blocks.append("\n".join([f"{item}:", *rows]))
    return "\n".join(blocks) + "\n"


def as_parquet(folder: Path) -> Path:
    """Two Parquet files of ratings, and one of items."""
    columns = list(zip(*RATINGS, strict=True))
    table = pa.table({"user_id": columns[0], "item_id": columns[1], "rating": columns[2], "timestamp": columns[3]})
    parquet.write_table(table.slice(0, 40), folder / "part-0.parquet")
    parquet.write_table(table.slice(40), folder / "part-1.parquet")
    known = range(1, ITEMS + 1)
    parquet.write_table(pa.table({"item_id": [*known], "title": [title(i) for i in known]}), folder / "items.parquet")
    return folder


def written(**files: str | bytes) -> Callable[[Path], Path]:
    """Writes files, whose names have `__` in place of a dot, and returns the folder."""

    def write(folder: Path) -> Path:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            (folder / name.replace("__", ".").replace("_D_", "-")).write_bytes(raw)
        return folder

    return write


def zipped(folder: Path) -> Path:
    """An archive with a folder of the MovieLens CSV layout."""
    with zipfile.ZipFile(folder / "ml.zip", "w") as archive:
        archive.writestr("ml/ratings.csv", CSV)
        archive.writestr("ml/movies.csv", MOVIES)
        archive.writestr("ml/README.txt", "see the site")
    return folder / "ml.zip"


CSV = lines("{u},{i},{v},{t}", header="userId,movieId,rating,timestamp")
MOVIES = items('{i},"{t}",Drama|War', header="movieId,title,genres")
FLAGS = "|".join(["0"] * 8 + ["1"] + ["0"] * 10)
LAYOUTS: Mapping[str, tuple[Callable[[Path], Path], str]] = {
    "MovieLens 100k": (
        written(
            u__data=lines("{u}\t{i}\t{v}\t{t}"),
            u__item=items("{i}|{t}|01-Jan-1975||http://x|" + FLAGS).encode("latin-1"),
            u__user="1|24|M|technician|85711\n",
            u1__base=lines("{u}\t{i}\t{v}\t{t}"),
        ),
        "{i}",
    ),
    "MovieLens 1M": (
        written(
            ratings__dat=lines("{u}::{i}::{v}::{t}"),
            movies__dat=items("{i}::{t}::Drama|War").encode("latin-1"),
            users__dat="1::F::1::10::48067\n",
        ),
        "{i}",
    ),
    "MovieLens CSV": (
        written(
            ratings__csv=CSV,
            movies__csv=MOVIES,
            tags__csv="userId,movieId,tag,timestamp\n1,1,fun,1\n",
            links__csv="movieId,imdbId,tmdbId\n1,0114709,862\n",
        ),
        "{i}",
    ),
    "Kaggle's MovieLens": (
        written(
            rating__csv=lines('{u},{i},{v},"{d} 23:53:47"', header='"userId","movieId","rating","timestamp"'),
            movie__csv=MOVIES,
        ),
        "{i}",
    ),
    "goodbooks": (
        written(
            ratings__csv=lines("{u},{i},{v}", header="user_id,book_id,rating"),
            books__csv=items(
                '{i},{i}77,{i}88,"{t}",1999', header="book_id,goodreads_book_id,work_id,title,original_publication_year"
            ),
            to_read__csv="user_id,book_id\n1,1\n",
            book_tags__csv="goodreads_book_id,tag_id,count\n1,2,3\n",
            tags__csv="tag_id,tag_name\n2,to-read\n",
        ),
        "{i}",
    ),
    "Book-Crossing": (
        written(
            BX_D_Book_D_Ratings__csv=lines('"{u}";"03{i}X";"{v}"', header='"User-ID";"ISBN";"Book-Rating"').encode(
                "cp1252"
            ),
            BX_D_Books__csv=items(
                '"03{i}X";"{t} \\"new\\"";"N. N."', header='"ISBN";"Book-Title";"Book-Author"'
            ).encode("cp1252"),
            BX_D_Users__csv='"User-ID";"Location";"Age"\n"1";"nyc";NULL\n',
        ),
        "03{i}X",
    ),
    "MovieTweetings": (
        written(ratings__dat=lines("{u}::00{i}::{v}::{t}"), movies__dat=items("00{i}::{t}::Drama")),
        "00{i}",
    ),
    "RecBole": (
        written(
            books__inter=lines(
                "u{u}\tb{i}\t{v}\t{t}", header="user_id:token\titem_id:token\trating:float\ttimestamp:float"
            ),
            books__item=items("b{i}\t{t}\tdrama war", header="item_id:token\tmovie_title:token_seq\tclass:token_seq"),
            books__user="user_id:token\tage:float\nu1\t20\n",
        ),
        "b{i}",
    ),
    "Netflix": (
        written(combined_data_1__txt=netflix(), movie_titles__csv=items("{i},1999,{t}").encode("latin-1")),
        "{i}",
    ),
    "HetRec Last.fm": (
        written(
            user_artists__dat=lines("{u}\t{i}\t{v}00", header="userID\tartistID\tweight"),
            artists__dat=items("{i}\t{t}\thttp://x", header="id\tname\turl"),
            user_friends__dat="userID\tfriendID\n1\t2\n",
            tags__dat="tagID\ttagValue\n1\tmetal\n",
            user_taggedartists__dat="userID\tartistID\ttagID\tday\tmonth\tyear\n1\t1\t1\t1\t4\t2009\n",
        ),
        "{i}",
    ),
    "FilmTrust": (
        written(
            ratings_0__txt="\n".join(f"{u} {i} {v}" for u, i, v, _ in RATINGS[:-40]) + "\n",
            ratings_1__txt="\r\n".join(f"{u} {i} {v}" for u, i, v, _ in RATINGS[-40:]) + "\r\n",
        ),
        "{i}",
    ),
    "Amazon Personalize": (
        written(
            interactions__csv=lines("{t},i-{i},u-{u}", header="TIMESTAMP,ITEM_ID,USER_ID"),
            items__csv=items('i-{i},Drama|War,"{t}"', header="ITEM_ID,GENRES,TITLE"),
        ),
        "i-{i}",
    ),
    "LensKit": (written(ratings__csv=lines("{u},{i},{v},{t}", header="user,item,rating,timestamp")), "{i}"),
    "RecTools": (
        written(interactions__csv=lines("{u},{i},{v}.5,{d}", header="user_id,item_id,weight,datetime")),
        "{i}",
    ),
    "gz": (
        written(ratings__csv__gz=gzip.compress(CSV.encode()), movies__csv__gz=gzip.compress(MOVIES.encode())),
        "{i}",
    ),
    "zip": (zipped, "{i}"),
    "Parquet": (as_parquet, "{i}"),
}
WITHOUT_TITLES = ("FilmTrust", "LensKit", "RecTools")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_trains_with_one_command_and_serves_an_item_by_its_own_id(layout: str, tmp_path: Path) -> None:
    write, form = LAYOUTS[layout]
    folder, out = tmp_path / "data", tmp_path / "artifact"
    folder.mkdir()
    quick = ["--ranker", "popularity", "--factors", "2", "--epochs", "2", "--no-gate"]
    assert main(["--data", str(write(folder)), "--out", str(out), *quick]) == 0
    item = form.format(i=3)
    with serving(Settings(artifact_dir=out)) as client:
        answer = client.get(f"/items/{quote(item)}?ids=text")
        assert answer.status_code == 200, answer.text
        found = answer.json()["item"]
        expected = item if layout in WITHOUT_TITLES else title(3)
        assert found["id"] == item
        assert found["title"].startswith(expected)
        data = client.get("/model").json()["data"]
        rows = data["input"]["rows"]
        assert rows["read"] == rows["kept"] + rows["merged"] + sum(rows["skipped"].values())
        assert data["ratings"] >= 40
        user = next(iter(client.get("/users?ids=text&n=1").json()["users"]))
        assert "cold_start" not in client.get(f"/?uid={quote(user)}").json()
