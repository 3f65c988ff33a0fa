"""Exact top n: one definition of a score, two engines that rank by it."""
