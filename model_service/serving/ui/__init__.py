"""The web page `GET /ui`: recommendations of a user, with explanations."""
