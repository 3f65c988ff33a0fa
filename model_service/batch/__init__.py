"""Batch scoring: recommendations for all users, or a list of them, as files."""
