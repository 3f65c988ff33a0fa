"""The catalogues that everything is measured on."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """A model of `users` x `films` with `factors` factors; about `seen` films were rated by each user."""

    films: int
    factors: int
    users: int
    seen: int

    @property
    def name(self) -> str:
        """The number of films, as the command line takes it."""
        return str(self.films)

    @property
    def label(self) -> str:
        """The size as the table's heading tells it."""
        return f"{self.films:,} films, k = {self.factors}"

    @property
    def weights_mb(self) -> float:
        """The size of the model's arrays, in units of 10^6 bytes."""
        floats = (self.films + self.users) * (self.factors + 1)
        return (4 * floats + 12 * self.films + 16 * self.users + 4 * self.users * self.seen) / 1e6


SIZES = {
    size.name: size
    for size in (
        Size(films=1_682, factors=10, users=943, seen=106),  # MovieLens 100k
        Size(films=62_000, factors=64, users=10_000, seen=100),  # the films of MovieLens 25M
        Size(films=1_000_000, factors=64, users=10_000, seen=100),
    )
}
