"""The compiled part of scoring, and how it is built; see topn.c."""
