"""A matrix-factorisation recommender: ratings, training, the artifact folder and the HTTP service."""
