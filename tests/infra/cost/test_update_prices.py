"""Claims about reading AWS's price list, with small offer files in its format."""

import csv
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.cost import update_prices
from infra.cost.prices import HEAD, known_regions, read_table
from infra.cost.update_prices import PriceListError, main, update

ROWS = read_table()[len(HEAD) :]
PREFIXES = {
    "us-east-1": "USE1-",
    "us-west-2": "USW2-",
    "eu-west-1": "EU-",
    "eu-central-1": "EUC1-",
    "ap-northeast-1": "APN1-",
    "sa-east-1": "SAE1-",
    "ca-central-1": "CAN1-",
}
WITHOUT_PREFIX = ("AWSELB", "AmazonEC2", "AmazonECR", "AWSDataTransfer")
"""Offers that name us-east-1's usage types without a prefix."""
PUBLISHED = {"AmazonEC2": "2026-10-21T18:02:11Z"}
WRONG = "99.0000000000"

Offer = dict[str, Any]


def attributes_of(row: Mapping[str, str], region: str) -> dict[str, str]:
    """A product's attributes as the offer of a region has them."""
    bare = region == "us-east-1" and row["offer"] in WITHOUT_PREFIX
    further = dict(pair.split("=") for pair in row["attributes"].split(";") if pair)
    further.pop("productFamily", None)
    usage = {"usagetype": row["usagetype"] if bare else PREFIXES[region] + row["usagetype"]}
    if row["offer"] == "AWSDataTransfer":
        return {"servicecode": row["offer"], "fromRegionCode": region, "toLocation": "External", **usage}
    if row["name"] == "dashboard":
        return {"servicecode": row["offer"], "location": "Any", "usagetype": row["usagetype"]}
    place = {"location": f"place of {region}", "locationType": "AWS Region", "regionCode": region}
    return {"servicecode": row["offer"], **place, **usage, **further}


def add(offer: Offer, sku: str, family: str, attributes: Mapping[str, str], *usd: str, kind: str = "OnDemand") -> None:
    """A product with one term, whose tiers begin at 0, 1000, 2000, and so on."""
    offer["products"][sku] = {"sku": sku, "productFamily": family, "attributes": dict(attributes)}
    term = f"{sku}.JRTCKXETXF"
    tiers = {
        f"{term}.{place}": {
            "rateCode": f"{term}.{place}",
            "description": "a tier",
            "beginRange": str(1000 * place),
            "endRange": "Inf" if place == len(usd) - 1 else str(1000 * (place + 1)),
            "unit": "Hrs",
            "pricePerUnit": {"USD": price},
            "appliesTo": [],
        }
        for place, price in reversed(list(enumerate(usd)))
    }
    offer["terms"][kind].setdefault(sku, {})[term] = {
        "offerTermCode": "JRTCKXETXF",
        "sku": sku,
        "effectiveDate": "2026-10-01T00:00:00Z",
        "priceDimensions": tiers,
        "termAttributes": {},
    }


def new_offer(code: str) -> Offer:
    return {
        "formatVersion": "v1.0",
        "disclaimer": "This pricing list is for informational purposes only.",
        "offerCode": code,
        "version": "20261001000000",
        "publicationDate": PUBLISHED.get(code, "2026-10-01T00:00:00Z"),
        "products": {},
        "terms": {"OnDemand": {}, "Reserved": {}},
    }


def offers_of(region: str) -> Iterator[tuple[str, Offer]]:
    """Every offer of a region: each price of the table doubled, among products that look like it."""
    for code in sorted({row["offer"] for row in ROWS}):
        offer = new_offer(code)
        for number, row in enumerate(row for row in ROWS if row["offer"] == code):
            attributes = attributes_of(row, region)
            family = "NAT Gateway" if row["name"].startswith("nat_") else "Any Family"
            add(offer, f"RIGHT{number}", family, attributes, "0.0000000000", doubled(row, region), WRONG)
            for word in ("TS-", "SpotUsage-", "Regional", f"{PREFIXES[region]}TS-"):
                usage = word + attributes["usagetype"]
                add(offer, f"{word}{number}", family, {**attributes, "usagetype": usage}, WRONG)
            add(offer, f"RESERVED{number}", family, attributes, WRONG, kind="Reserved")
            add(offer, f"FREE{number}", family, attributes, "0.0000000000")
            if "operatingSystem" in row["attributes"]:
                add(offer, f"WINDOWS{number}", family, {**attributes, "operatingSystem": "Windows"}, WRONG)
                add(offer, f"HOST{number}", family, {**attributes, "tenancy": "Host"}, WRONG)
            if row["name"] == "load_balancer":
                add(offer, "CLASSIC", family, {**attributes, "operation": "LoadBalancing"}, WRONG)
            if "regionCode" in attributes:
                add(offer, f"ELSEWHERE{number}", family, {**attributes, "regionCode": "eu-north-1"}, WRONG)
        yield code, offer


def doubled(row: Mapping[str, str], region: str) -> str:
    known = row.get(region) or row["us-east-1"]
    return f"{2 * Decimal(known) / int(row['price_list_units']):.10f}"


def write_offers(folder: Path, *regions: str) -> Path:
    for region in regions:
        for code, offer in offers_of(region):
            write(folder / code / "current" / region / "index.json", offer)
    return folder


def write(path: Path, offer: Offer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(offer), encoding="utf-8")


def change(folder: Path, code: str, region: str) -> tuple[Path, Offer]:
    path = folder / code / "current" / region / "index.json"
    return path, json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def all_offers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_offers(tmp_path_factory.mktemp("offers"), *known_regions())


def test_every_price_is_that_of_its_product_and_of_no_other(all_offers: Path) -> None:
    updated = {row["name"]: row for row in update(all_offers, known_regions())}
    assert list(updated) == [row["name"] for row in read_table()]
    for row in ROWS:
        for region in known_regions():
            assert Decimal(updated[row["name"]][region]) == 2 * Decimal(row[region] or row["us-east-1"])
        assert {**updated[row["name"]], **{region: row[region] for region in known_regions()}} == row


def test_a_column_is_dated_by_the_newest_of_its_offers(all_offers: Path) -> None:
    date, source = update(all_offers, known_regions())[: len(HEAD)]
    assert {date[region] for region in known_regions()} == {"2026-10-21"}
    assert {source[region] for region in known_regions()} == {"AWS price list"}


def test_a_price_is_written_as_people_write_it(all_offers: Path) -> None:
    updated = {row["name"]: row for row in update(all_offers, known_regions())}
    assert updated["firewall_requests"]["us-east-1"] == "1.2"
    assert updated["firewall"]["us-east-1"] == "10"
    assert updated["fargate_gb_x86_64"]["us-east-1"] == "0.00889"


def test_a_missing_product_is_named_with_its_region_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offers = write_offers(tmp_path / "offers", *known_regions())
    for code, region, usage in (
        ("AmazonEC2", "eu-central-1", "BoxUsage:m7g.large"),
        ("AmazonECS", "sa-east-1", "Fargate-ARM-GB-Hours"),
    ):
        path, offer = change(offers, code, region)
        for sku in [sku for sku, one in offer["products"].items() if one["attributes"]["usagetype"].endswith(usage)]:
            del offer["products"][sku]
        write(path, offer)
    table = tmp_path / "prices.csv"
    table.write_text("as it was", encoding="utf-8")
    monkeypatch.setattr(update_prices, "TABLE", table)
    assert main([str(offers)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(" (")[0] for line in told] == [
        "m7g.large in eu-central-1: no price",
        "fargate_gb_arm64 in sa-east-1: no price",
        "prices.csv is as it was.",
    ]
    assert "AmazonECS Fargate-ARM-GB-Hours" in told[1]
    assert table.read_text(encoding="utf-8") == "as it was"


def test_a_product_that_is_only_reserved_has_no_price(tmp_path: Path) -> None:
    offers = write_offers(tmp_path, *known_regions())
    path, offer = change(offers, "AmazonECR", "eu-west-1")
    offer["terms"]["OnDemand"].clear()
    write(path, offer)
    with pytest.raises(PriceListError, match="registry_storage in eu-west-1: no price"):
        update(offers, known_regions())


def test_two_products_with_different_prices_are_refused(tmp_path: Path) -> None:
    offers = write_offers(tmp_path, *known_regions())
    path, offer = change(offers, "AmazonVPC", "us-west-2")
    [row] = [row for row in ROWS if row["name"] == "public_ipv4"]
    add(offer, "SECOND", "Any Family", attributes_of(row, "us-west-2"), "0.0070000000")
    write(path, offer)
    with pytest.raises(PriceListError, match=r"public_ipv4 in us-west-2: several prices, 0\.0070000000, 0\.0100000000"):
        update(offers, known_regions())


def test_a_product_of_no_region_is_also_found_in_the_file_of_all_regions(tmp_path: Path) -> None:
    offers = write_offers(tmp_path, *known_regions())
    everywhere = new_offer("AmazonCloudWatch")
    for region in known_regions():
        path, offer = change(offers, "AmazonCloudWatch", region)
        [sku] = [
            sku
            for sku, one in offer["products"].items()
            if one["attributes"].get("usagetype") == "DashboardsUsageHour" and sku.startswith("RIGHT")
        ]
        everywhere["products"][sku] = offer["products"].pop(sku)
        everywhere["terms"]["OnDemand"][sku] = offer["terms"]["OnDemand"].pop(sku)
        write(path, offer)
    with pytest.raises(PriceListError, match="dashboard in us-east-1: no price"):
        update(offers, known_regions())
    write(offers / "AmazonCloudWatch" / "current" / "index.json", everywhere)
    assert {row["name"]: row for row in update(offers, known_regions())}["dashboard"]["sa-east-1"] == "6"


def test_a_file_that_is_missing_or_no_offer_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceListError, match=r"There is no .*AWSDataTransfer/current/us-east-1/index\.json"):
        update(tmp_path, known_regions())
    write(tmp_path / "AWSDataTransfer" / "current" / "us-east-1" / "index.json", {"offers": {}})
    with pytest.raises(PriceListError, match=r"index\.json is no offer file"):
        update(tmp_path, known_regions())


def test_the_table_is_written_with_a_further_region_as_its_last_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(update_prices, "TABLE", tmp_path / "prices.csv")
    offers = write_offers(tmp_path / "offers", *known_regions(), "ca-central-1")
    assert main([str(offers), "--add", "ca-central-1"]) == 0
    assert capsys.readouterr().out == f"prices.csv has {len(ROWS)} prices of 7 regions. Now: make docs\n"
    with (tmp_path / "prices.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == [*read_table()[0], "ca-central-1"]
    assert [row["name"] for row in written] == [row["name"] for row in read_table()]
    assert written[2]["ca-central-1"] == "0.08096"
