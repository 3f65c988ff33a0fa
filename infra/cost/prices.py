"""AWS's list prices by region in US dollars, from `prices.csv`; without taxes and free tiers.

A row of the table is a price: its unit, and how AWS's price list has it (offer, usage type, further attributes, and how
many units of the price list are one of the table's). A column is a region: the date of its oldest figure, the source,
and the prices, empty where the price is not known. `infra.cost.update_prices` fills the columns anew; the source
"by hand" is figures of the price list as public sources quote them.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

REFERENCE_REGION: Final = "us-east-1"
"""Its prices stand in for those that the table does not have of another region."""
HOURS_A_MONTH: Final = 730
"""As in AWS's own calculator. Source: "AWS Pricing Calculator User Guide" (docs.aws.amazon.com)"""
FARGATE_SPOT_SHARE: Final = 0.3
"""Of the price, at best: "up to 70 % off", and it moves. Source: "AWS Fargate Pricing", 2026-03."""
TABLE: Final = Path(__file__).with_name("prices.csv")
DESCRIPTION: Final = ("name", "unit", "offer", "usagetype", "attributes", "price_list_units")
"""The columns before those of the regions."""
HEAD: Final = ("date", "source")
"""The rows before those of the prices."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """usd a unit; substitute: it is that of `REFERENCE_REGION`, in place of an unknown one."""

    usd: float
    unit: str
    substitute: bool

    @property
    def monthly(self) -> float:
        """The price of one unit for a whole month where the unit is per hour; else the price itself."""
        return self.usd * HOURS_A_MONTH if self.unit.endswith("hour") else self.usd


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """The prices for a stack in `region`.

    priced_as: that region, or `REFERENCE_REGION` if the table does not have it. date: of the oldest figure.
    """

    region: str
    priced_as: str
    date: str
    source: str
    prices: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]

    def __str__(self) -> str:
        text = f"list prices of {self.priced_as}, table of {self.date}"
        if self.priced_as == self.region:
            return text
        return f"{text}, which has none of {self.region or 'a region that is not set'}"


@cache
def read_table() -> Sequence[Mapping[str, str]]:
    """The rows of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def known_regions() -> Sequence[str]:
    """The regions of the table."""
    return [column for column in read_table()[0] if column not in DESCRIPTION]


def price_list(region: str) -> PriceList:
    """The prices for a stack in this region."""
    column = region if region in known_regions() else REFERENCE_REGION
    head, rows = read_table()[: len(HEAD)], read_table()[len(HEAD) :]
    date, source = (row[column] for row in head)
    prices = {
        row["name"]: Price(
            usd=float(row[column] or row[REFERENCE_REGION]), unit=row["unit"], substitute=not row[column]
        )
        for row in rows
    }
    return PriceList(region=region, priced_as=column, date=date, source=source, prices=prices)
