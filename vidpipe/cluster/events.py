"""What a supervisor waits for: signals, the end of a child, the end of its owner."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from types import FrameType

DETACH = b"d"  # the owner lets the cluster live on without it


class Events:
    """Turns signals and the owner's pipe into state. One a process; made on the main thread."""

    def __init__(self, owner_fd: int | None = None) -> None:
        self.stops = 0  # how often it was asked to stop; more than once means: hurry
        self.owner_gone = False
        self._selector = selectors.DefaultSelector()
        self._wake, wake_in = socket.socketpair()
        self._wake_in = wake_in
        for end in (self._wake, wake_in):
            end.setblocking(False)
        signal.set_wakeup_fd(wake_in.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, self._child)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._owner_fd = owner_fd
        if owner_fd is not None:
            self._selector.register(owner_fd, selectors.EVENT_READ)

    @property
    def stopping(self) -> bool:
        """Whether the cluster is to stop."""
        return self.stops > 0 or self.owner_gone

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or sooner when something happened."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._wake:
                self._drain()
            else:
                self._hear_owner()

    def _drain(self) -> None:
        try:
            while self._wake.recv(4096):
                continue
        except BlockingIOError:
            return

    def _hear_owner(self) -> None:
        assert self._owner_fd is not None
        said = os.read(self._owner_fd, 16)
        self.owner_gone = not said
        if not said or DETACH in said:
            self._selector.unregister(self._owner_fd)
            os.close(self._owner_fd)
            self._owner_fd = None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1

    def _child(self, number: int, frame: FrameType | None) -> None:
        return  # the wake-up is all that is wanted
