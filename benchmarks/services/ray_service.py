"""The model as a Ray Serve deployment: one replica behind its HTTP proxy."""

import os
import signal
import threading

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from benchmarks.services.numpy_baseline import baseline_from_environment


class Recommender:
    """`/?uid=20` in, the answer out."""

    def __init__(self) -> None:
        self._model = baseline_from_environment()

    async def __call__(self, request: Request) -> JSONResponse:
        """The answer as JSON."""
        return JSONResponse(self._model.answer(int(request.query_params["uid"])))


def main() -> None:
    """Serve until SIGTERM; Ray's processes end with this one."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=2)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    deployment = serve.deployment(num_replicas=1, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})(
        Recommender
    )
    serve.run(deployment.bind(), name="recommender", route_prefix="/", logging_config={"enable_access_log": False})
    stop.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
