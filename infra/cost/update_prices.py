"""`python -m infra.cost.update_prices FOLDER`: fill `prices.csv` anew from the offer files of AWS's price list.

FOLDER has, for every offer and region of the table, OFFER/current/REGION/index.json as it is at
https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/, and OFFER/current/index.json where a product is of no region.
Nothing is written unless every price is found. Source of the format: "Reading the service price list file for an AWS
service" (docs.aws.amazon.com).
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from infra.cost.prices import HEAD, TABLE, known_regions, read_table

SOURCE: Final = "AWS price list"
REGION_PREFIX: Final = r"(EU-|[A-Z]{2,4}\d-)?"
"""Of a usage type, such as EUC1-; some offers have none for us-east-1."""


class PriceListError(ValueError):
    """Offer files that cannot be read, or that do not have every price of the table; a line for each problem."""


def update(folder: Path, regions: Sequence[str]) -> Sequence[Mapping[str, str]]:
    """The rows of the table with these regions' columns from the offer files; raises PriceListError."""
    head, rows = read_table()[: len(HEAD)], read_table()[len(HEAD) :]
    updated, problems = {row["name"]: dict(row) for row in (*head, *rows)}, []
    for region in regions:
        published = []
        for offer in sorted({row["offer"] for row in rows}):
            files = _read(folder / offer / "current", region)
            published += [str(file["publicationDate"])[:10] for file in files]
            for row in (row for row in rows if row["offer"] == offer):
                prices = {price for file in files for price in _prices(file, row, region)}
                if len(prices) == 1:
                    updated[row["name"]][region] = f"{(prices.pop() * int(row['price_list_units'])).normalize():f}"
                else:
                    problems.append(_problem(row, region, sorted(prices)))
        updated["date"][region], updated["source"][region] = max(published), SOURCE
    if problems:
        raise PriceListError("\n".join(problems))
    return list(updated.values())


def _read(folder: Path, region: str) -> Sequence[Mapping[str, Any]]:
    paths = [path for path in (folder / region / "index.json", folder / "index.json") if path.exists()]
    if not paths:
        raise PriceListError(f"There is no {folder / region / 'index.json'}")
    files = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for path, file in zip(paths, files, strict=True):
        if not {"publicationDate", "products", "terms"} <= set(file):
            raise PriceListError(f"{path} is no offer file: it has no publicationDate, products or terms")
    return files


def _prices(file: Mapping[str, Any], row: Mapping[str, str], region: str) -> Iterator[Decimal]:
    """The on-demand prices of every product that a row describes; of a tiered one the first that is not free."""
    on_demand = file["terms"]["OnDemand"]
    for sku, product in file["products"].items():
        if _is_meant({"productFamily": product.get("productFamily", ""), **product["attributes"]}, row, region):
            for term in on_demand.get(sku, {}).values():
                tiers = sorted(term["priceDimensions"].values(), key=lambda tier: Decimal(tier.get("beginRange", 0)))
                paid = [price for tier in tiers if (price := Decimal(tier["pricePerUnit"].get("USD", 0)))]
                yield from paid[:1]


def _is_meant(attributes: Mapping[str, str], row: Mapping[str, str], region: str) -> bool:
    """Whether a product is the row's: of the region or of none, with this usage type and the further attributes."""
    if attributes.get("location") != "Any" and region not in (
        attributes.get("regionCode"),
        attributes.get("fromRegionCode"),
    ):
        return False
    if not re.fullmatch(REGION_PREFIX + re.escape(row["usagetype"]), attributes.get("usagetype", "")):
        return False
    wanted = dict(pair.split("=") for pair in row["attributes"].split(";") if pair)
    return all(attributes.get(name) == value for name, value in wanted.items())


def _problem(row: Mapping[str, str], region: str, prices: Sequence[Decimal]) -> str:
    product = " ".join(filter(None, (row["offer"], row["usagetype"], row["attributes"])))
    found = f"several prices, {', '.join(map(str, prices))}" if prices else "no price"
    return f"{row['name']} in {region}: {found} ({product})"


def main(arguments: list[str] | None = None) -> int:
    """Write the table; 0, or 1 with the reasons when a price is missing and nothing was written."""
    parser = argparse.ArgumentParser(prog="python -m infra.cost.update_prices", description=__doc__)
    parser.add_argument("folder", type=Path, help="with the offer files")
    parser.add_argument("--add", metavar="REGION", action="append", default=[], help="a further region")
    options = parser.parse_args(arguments)
    regions = list(dict.fromkeys((*known_regions(), *options.add)))
    try:
        rows = update(options.folder, regions)
    except (PriceListError, json.JSONDecodeError) as error:
        print(f"{error}\n{TABLE.name} is as it was.", file=sys.stderr)
        return 1
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{TABLE.name} has {len(rows) - len(HEAD)} prices of {len(regions)} regions. Now: make docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
