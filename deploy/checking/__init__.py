"""Checking a stack's settings without an account: the program runs against a made-up AWS, and nothing is made."""
