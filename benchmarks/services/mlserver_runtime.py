"""The model as an MLServer runtime, with the V2 inference protocol."""

import json

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.services.numpy_baseline import baseline_from_environment


class Recommender(MLModel):
    """`uid` in, the answer as one JSON string out."""

    async def load(self) -> bool:
        """Load the model once."""
        self._model = baseline_from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The answer for the first element of the first input."""
        answer = self._model.answer(int(payload.inputs[0].data[0]))
        output = StringCodec.encode_output("answer", [json.dumps(answer)])
        return InferenceResponse(model_name=self.name, outputs=[output])
