"""uvicorn as the project's service runs it: uvloop, httptools, no access log, one process."""

import os
from typing import Any

import uvicorn


def serve(app: Any) -> None:
    """Serve `app` on the PORT of the environment until SIGTERM."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
    )
