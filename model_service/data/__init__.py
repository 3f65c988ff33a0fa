"""Ratings: what they are, the MovieLens readers, the seeded generator."""
