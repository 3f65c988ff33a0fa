"""Three public data sets in their publishers' layouts: MovieTweetings, FilmTrust, Last.fm of HetRec 2011."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_service.data.ratings import Ratings
from model_service.data.reader import read_ratings


@dataclass(frozen=True, kw_only=True)
class PublicData:
    """A data set in the sub-folder `folder`; well_known: titles whose neighbours a reader can judge."""

    title: str
    folder: str
    well_known: tuple[str, ...] = ()

    def read(self, folder: Path) -> Ratings:
        """The ratings in `folder`; raises DataError."""
        return read_ratings(folder)[0]


DATA_SETS: Mapping[str, PublicData] = {
    "movietweetings": PublicData(
        title="MovieTweetings 100K",
        folder="movietweetings-100k",
        well_known=(
            "Iron Man 3 (2013)",
            "Pulp Fiction (1994)",
            "Monsters University (2013)",
            "The Conjuring (2013)",
            "The Hobbit: An Unexpected Journey (2012)",
        ),
    ),
    "filmtrust": PublicData(title="FilmTrust", folder="filmtrust"),
    "lastfm": PublicData(
        title="Last.fm (HetRec 2011)",
        folder="lastfm-hetrec",
        well_known=("Lady Gaga", "The Beatles", "Metallica", "Radiohead", "Johnny Cash"),
    ),
}
"""The data sets by their names on the command line."""
