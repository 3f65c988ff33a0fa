"""A plain question on its way through the queue, as the queue knows it and as uvicorn does."""

from typing import Protocol, Self

from model_service.serving.kept import Answer
from model_service.serving.waiting import Question


class Asker(Protocol):
    """The connection that a question came from."""

    def tell(self, pending: "Pending", answer: Answer) -> None:
        """Here is the answer to `pending`."""

    def give_up(self, pending: "Pending", error: BaseException) -> None:
        """`pending` cannot be answered."""


class Pending:
    """Waits in the queue for the answer to `question`, and stands in a connection where uvicorn has its own cycle.

    uvicorn asks for `response_complete` before it begins another request, sets `keep_alive` to False when the service
    shuts down and `disconnected` to True when the client has gone.
    """

    __slots__ = ("_asker", "disconnected", "keep_alive", "name", "question", "response_complete", "started")

    def __init__(self, asker: Asker, question: Question, *, name: bytes, started: float) -> None:
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

    def set_result(self, answer: Answer, /) -> None:
        """Tell the connection."""
        self._asker.tell(self, answer)

    def set_exception(self, error: BaseException, /) -> None:
        """Tell the connection."""
        self._asker.give_up(self, error)

    @property
    def message_event(self) -> Self:
        """What uvicorn sets when the client has gone."""
        return self

    def set(self) -> None:
        """Nobody waits for more of the request."""
