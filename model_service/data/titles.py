"""Generator of distinct synthetic film titles."""

import numpy as np

_ADJECTIVES = (
    "Amber Borrowed Broken Burning Crimson Crooked Distant Drowned Electric Empty Endless Fallen Forgotten Frozen "
    "Gilded Hidden Hollow Hungry Invisible Last Lonely Lost Midnight Paper Quiet Restless Reluctant Second Secret "
    "Silent Silver Sleeping Stolen Stubborn Sunken Tender Velvet Wandering Wild Winter"
)
_NOUNS = (
    "Accountant Apprentice Archive Astronomer Ballroom Cartographer Carnival Cathedral Clockmaker Detective Diver "
    "Envelope Ferry Gardener Garden Glacier Harbour Harvest Heiress Horizon Kingdom Lantern Letter Librarian "
    "Lighthouse Locksmith Machine Magician Meridian Mirror Monsoon Orchard Orchestra Passenger Piano Postman "
    "Promise River Satellite Sparrow Staircase Stranger Summer Telegram Tiger Understudy Violin Voyage Widow Witness"
)
_PLACES = (
    "Alcántara Bergen Calcutta Düsseldorf Eastwick Fairbanks Galway Havana Innsbruck Jaipur Kraków Lisbon "
    "Málaga Naples Odessa Pécs Québec Reykjavík Saint-Rémy Trieste Utrecht Valparaíso Wrocław Yerevan Zanzibar"
)


def invent_titles(count: int, generator: np.random.Generator) -> list[str]:
    """`count` distinct titles without a year, in random order; numbered sequels once all combinations are used."""
    nouns, places = _NOUNS.split(), _PLACES.split()
    plain = [f"The {adjective} {noun}" for adjective in _ADJECTIVES.split() for noun in nouns]
    placed = [f"{noun} of {place}" for noun in nouns for place in places]
    written = [f"A Letter from {place}" for place in places]
    first = plain + placed + written
    titles = [first[index] for index in generator.permutation(len(first))[:count]]
    part = 2
    while len(titles) < count:
        sequels = [f"{title}, Part {part}" for title in first[: count - len(titles)]]
        titles += sequels
        part += 1
    return titles
