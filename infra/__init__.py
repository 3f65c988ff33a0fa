"""The recommender's infrastructure on AWS: one Pulumi component a module."""
