"""Rating data: validation, readers for MovieLens releases, a synthetic generator."""
