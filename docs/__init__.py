"""Generators of the documents' tables."""
