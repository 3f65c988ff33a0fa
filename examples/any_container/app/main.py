"""A web application that knows nothing of the recommender: its own port, its own health path."""

from fastapi import FastAPI

app = FastAPI(title="Greeter")


@app.get("/")
def greet(name: str = "world") -> dict[str, str]:
    """A greeting."""
    return {"message": f"Hello, {name}!"}


@app.get("/healthz")
def health() -> dict[str, str]:
    """The load balancer's health check."""
    return {"status": "ok"}
