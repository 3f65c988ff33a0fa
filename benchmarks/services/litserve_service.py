"""The model behind LitServe: one inference worker, one API server."""

import os
from typing import Any

import litserve

from benchmarks.services.numpy_baseline import baseline_from_environment


class Recommender(litserve.LitAPI):
    """`{"uid": 20}` in, the answer out."""

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        self._model = baseline_from_environment()

    def decode_request(self, request: dict[str, Any]) -> int:
        """The requested user."""
        return int(request["uid"])

    def predict(self, uid: int) -> dict[str, Any]:
        """The answer."""
        return self._model.answer(uid)

    def encode_response(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer as it is."""
        return answer


if __name__ == "__main__":
    server = litserve.LitServer(Recommender(), accelerator="cpu", devices=1, workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
