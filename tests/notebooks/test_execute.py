"""What is kept of a notebook's streams."""

from nbformat.v4 import new_output

from notebooks.execute import settled, settled_outputs


def test_of_a_progress_bar_the_last_state_is_kept() -> None:
    assert settled("\r 0%\r 50%\r100%\nwritten\n") == "100%\nwritten\n"
    assert settled("\x1b[32mdone\x1b[0m\r\n") == "done\n"


def test_a_stream_that_came_in_pieces_is_one_and_pictures_stay_where_they_were() -> None:
    pieces = [
        new_output("stream", name="stderr", text="\r 0%"),
        new_output("stream", name="stderr", text="\r100%\n"),
        new_output("display_data", data={"text/plain": "picture"}),
        new_output("stream", name="stdout", text="a\n"),
        new_output("stream", name="stderr", text="b\n"),
    ]
    kept = settled_outputs(pieces)
    assert [output.get("text", "picture") for output in kept] == ["100%\n", "picture", "a\n", "b\n"]
