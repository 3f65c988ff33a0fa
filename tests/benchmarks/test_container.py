"""The page of how long a container takes to be ready."""

from benchmarks.container import Start, page


def test_the_page_tells_the_medians_of_each_size_and_of_both_parts_together() -> None:
    starts = {
        0.25: [Start(container=0.2, service=3.0), Start(container=0.4, service=1.0), Start(container=0.3, service=2.0)],
        1.0: [Start(container=0.1, service=0.5)] * 3,
    }
    text = page(146.4, starts, {"processor": "A processor", "cores": 2, "commit": "abc"})
    assert "| 0.25 | 0.30 | 2.00 | 2.30 |" in text
    assert "| 1 | 0.10 | 0.50 | 0.60 |" in text
    assert "medians of 3 interleaved rounds" in text
    assert "146 MB" in text
