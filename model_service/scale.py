"""The scale of ratings: how long a star is on it."""

_FIVE_STARS = 3.5, 5.0  # from the lowest to the highest rating of the scales of five stars: 0.5 to 4, 1 to 5, 0.5 to 5


def star_width(scale: tuple[float, float] | None) -> float:
    """What a star of five is on `scale`, a quarter of it; 1 on the scales of five stars themselves, and for counts.

    What was found on five stars, such as a threshold of errors, is multiplied by it on other scales.
    """
    if scale is None:
        return 1.0
    length = scale[1] - scale[0]
    return 1.0 if _FIVE_STARS[0] <= length <= _FIVE_STARS[1] else length / 4
