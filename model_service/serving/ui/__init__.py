"""The page for people, `GET /ui`: who rated what, what is recommended to them, and why."""
