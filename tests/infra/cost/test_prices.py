"""Claims about the table of prices: complete for one region, dated, and each row found in AWS's price list."""

import re
from datetime import date

import pytest

from infra.cost.prices import HOURS_A_MONTH, REFERENCE_REGION, known_regions, price_list, read_table

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1", "sa-east-1")


def test_the_table_has_these_regions_at_least() -> None:
    assert set(REGIONS) <= set(known_regions())


def test_the_reference_region_has_every_price() -> None:
    assert all(row[REFERENCE_REGION] for row in read_table())
    assert not any(price.substitute for price in price_list(REFERENCE_REGION).prices.values())


@pytest.mark.parametrize("region", known_regions())
def test_every_region_has_a_source_a_date_in_the_past_and_positive_prices(region: str) -> None:
    prices = price_list(region)
    assert (prices.region, prices.priced_as) == (region, region)
    assert prices.source
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])(-[0-3]\d)?", prices.date)
    assert prices.date <= f"{date.today():%Y-%m-%d}"
    assert all(price.usd > 0 for price in prices.prices.values())


@pytest.mark.parametrize("region", known_regions())
def test_no_price_is_another_regions_by_a_slip_of_the_decimal_point(region: str) -> None:
    reference = price_list(REFERENCE_REGION)
    for name, price in price_list(region).prices.items():
        assert 0.5 < price.usd / reference[name].usd < 2.5, name


def test_every_row_says_where_the_price_list_has_it() -> None:
    names = [row["name"] for row in read_table()]
    assert len(names) == len(set(names))
    for row in read_table()[2:]:
        assert row["unit"]
        assert row["offer"]
        assert row["usagetype"]
        assert int(row["price_list_units"]) >= 1
        assert all(re.fullmatch(r"\w+=[^;=]+", pair) for pair in row["attributes"].split(";") if row["attributes"])


def test_an_hourly_price_is_paid_all_month_and_a_monthly_one_once() -> None:
    prices = price_list("us-east-1")
    assert prices["load_balancer"].monthly == pytest.approx(0.0225 * HOURS_A_MONTH)
    assert prices["dashboard"].monthly == 3.0
