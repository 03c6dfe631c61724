import os
import signal
import threading

import pytest

from mrcnn.training.callbacks.interruption import SIGNALS, Interruption


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def handlers():
    """Check that the test runner's handlers are restored afterwards."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_no_signal():
    with Interruption() as interruption:
        pass
    assert interruption.signal is None


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_request(number, capsys):
    with Interruption() as interruption:
        send(number)
        assert interruption.signal == number
    assert "Stopping after this batch" in capsys.readouterr().out
    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        interruption.end()
    if number == signal.SIGTERM:
        assert caught.value.code == 143
    else:
        assert caught.type is KeyboardInterrupt


def test_the_second_signal_acts_at_once():
    with pytest.raises(KeyboardInterrupt), Interruption():
        send(signal.SIGINT)
        send(signal.SIGINT)


def test_another_thread_changes_nothing():
    def run():
        with Interruption() as interruption:
            seen.append((interruption.signal, signal.getsignal(signal.SIGINT)))

    seen, before = [], signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(None, before)]
