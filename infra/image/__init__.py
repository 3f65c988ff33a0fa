"""`ModelImage`: built from its content, or somebody else's, and run by digest."""
