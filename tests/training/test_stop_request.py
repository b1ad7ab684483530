"""Promises of ``training.stop_request`` and of the screen that may break."""

import io
import os
import signal
from typing import Any

import pytest

from deepracer_fast.commands.terminal import UnbreakableStream
from deepracer_fast.training.stop_request import graceful_stop


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGPIPE"])
def test_what_goes_away_ends_a_training_in_a_hurry(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    asked = []
    with graceful_stop() as stop:
        stop.when_asked = lambda: asked.append(1)
        assert not stop.requested()
        signal.raise_signal(number)
        signal.raise_signal(number)  # a broken pipe breaks with every line
        assert stop.requested() and stop.hurried
    assert asked == [1]
    assert signal.getsignal(number) is before


def test_the_second_ctrl_c_ends_at_once_and_the_first_does_not_hurry() -> None:
    with graceful_stop() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested() and not stop.hurried
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with graceful_stop() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.requested()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_pipe_without_a_reader_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as pipe:
        stream = UnbreakableStream(pipe)
        for _ in range(3):
            assert stream.write("a line\n") == 7
            stream.flush()
        assert not stream.isatty()


def test_a_pipe_that_breaks_may_be_written_to_by_the_signals_handler() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", buffering=1, encoding="utf-8") as pipe, graceful_stop() as stop:
        stream = UnbreakableStream(pipe)
        stop.when_asked = lambda: print(stream.write("stopping\n"), stream.flush())
        for _ in range(3):
            stream.write("a line\n")
        assert stop.requested()


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_screen_that_is_not_there_is_no_error(stream: Any) -> None:
    if stream is not None:
        stream.close()
    screen = UnbreakableStream(stream)
    screen.write("a line\n")
    screen.flush()
    assert not screen.isatty()
