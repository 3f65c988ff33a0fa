"""MLServer with one model in its own process: no parallel workers, no metrics, no request log."""

import asyncio
import os

from mlserver import MLServer, ModelSettings, Settings

from benchmarks.servers import free_port
from benchmarks.services.mlserver_runtime import Recommender


async def main() -> None:
    """Serve until SIGTERM."""
    settings = Settings(
        host="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        grpc_port=free_port(),
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
    )
    model = ModelSettings(name="recommender", implementation=Recommender)
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main())
