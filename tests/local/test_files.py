"""Files that are there whole or not at all."""

import threading
from pathlib import Path

import pytest

from local.engine.state import State
from local.files import write_whole


def test_two_who_write_at_once_both_succeed_and_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "engine" / "local.json"
    texts = [letter * 200_000 for letter in "abcd"]
    failures: list[BaseException] = []

    def write(text: str) -> None:
        try:
            for _ in range(20):
                write_whole(path, text)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert path.read_text() in texts
    assert [one.name for one in path.parent.iterdir()] == ["local.json"]


def test_two_states_of_one_file_are_saved_at_once(tmp_path: Path) -> None:
    states = [State(path=tmp_path / "local.json", outputs={"url": "x" * 100_000}) for _ in range(4)]
    failures: list[BaseException] = []

    def save(state: State) -> None:
        try:
            for _ in range(20):
                state.save()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert State.load(tmp_path / "local.json").outputs == states[0].outputs


def test_a_file_that_could_not_be_written_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
