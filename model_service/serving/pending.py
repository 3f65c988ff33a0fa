"""A plain question on its way through the queue, as the queue knows it and as uvicorn does."""

from typing import Protocol, Self

from model_service.serving.batching import RecommendRequest
from model_service.serving.cache import EncodedResponse


class Connection(Protocol):
    """The connection that a question came from."""

    def tell(self, pending: "FastPathCycle", answer: EncodedResponse) -> None:
        """Here is the answer to `pending`."""

    def fail(self, pending: "FastPathCycle", error: BaseException) -> None:
        """`pending` cannot be answered."""


class FastPathCycle:
    """Waits in the queue for the answer to `question`, and stands in a connection where uvicorn has its own cycle.

    uvicorn asks for `response_complete` before it begins another request, sets `keep_alive` to False when the service
    shuts down and `disconnected` to True when the client has gone.
    """

    __slots__ = ("_asker", "disconnected", "keep_alive", "name", "question", "response_complete", "started")

    def __init__(self, asker: Connection, question: RecommendRequest, *, name: bytes, started: float) -> None:
        """`name` is the request's id, `started` when it began by `time.monotonic()`."""
        self._asker = asker
        self.question = question
        self.name = name
        self.started = started
        self.keep_alive = True
        self.response_complete = self.disconnected = False

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return self.disconnected or self.response_complete

    def set_result(self, answer: EncodedResponse, /) -> None:
        """Tell the connection."""
        self._asker.tell(self, answer)

    def set_exception(self, error: BaseException, /) -> None:
        """Tell the connection."""
        self._asker.fail(self, error)

    @property
    def message_event(self) -> Self:
        """What uvicorn sets when the client has gone."""
        return self

    def set(self) -> None:
        """Nobody waits for more of the request."""
