"""An artifact that is read and verified while something else goes on."""

import threading
from pathlib import Path

from model_service.artifact import Artifact, ArtifactError, load_artifact


class Loading:
    """Begins to load the artifact in `folder` at once, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: Artifact | Exception = ArtifactError(f"{folder} was not read")
        self._thread = threading.Thread(target=self._load, name="loading")
        self._thread.start()

    def wait(self) -> Artifact:
        """The artifact; raises what `load_artifact` raised. The thread has ended then: a fork is safe."""
        self._thread.join()
        if isinstance(self._found, Exception):
            raise self._found
        return self._found

    def _load(self) -> None:
        try:
            self._found = load_artifact(self._folder)
        except Exception as error:
            self._found = error
