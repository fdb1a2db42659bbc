"""Beat's own app: it sends ticks by name and needs no task's code, which saves it a second and 40 MB."""

from __future__ import annotations

import logging
import signal
import socket
from types import FrameType
from typing import Any, NoReturn

from celery.beat import Service
from celery.signals import after_task_publish, beat_init

from tasks.app import make_app, settings
from tasks.signature import Signature
from vidpipe import heartbeat

log = logging.getLogger(__name__)

app = make_app(settings)
app.conf.imports = ()
_signed = 0.0  # when, by heartbeat.clock
_signature = Signature(f"beat@{socket.gethostname()}")


@after_task_publish.connect
def _sign(**_: Any) -> None:
    """The sign of life of beat (`vidpipe health beat`): the broker took a tick."""
    global _signed
    now = heartbeat.clock()
    if now - _signed < heartbeat.EVERY:
        return
    _signed = now
    life = heartbeat.Heartbeat(at=now, threads=1)
    _signature.sign(("beat",), life)
    try:
        life.write(settings.home, "beat")
    except OSError as error:
        log.warning("the sign of life cannot be written: %s", error)


@beat_init.connect
def _end_when_told(sender: Service, **_: Any) -> None:
    """SIGTERM and SIGINT end beat, whatever it is doing then.

    Celery's own handlers only raise SystemExit. Where that happens inside a `__del__` (every published tick has one)
    Python prints it and goes on, and so did beat, until it was killed; now it ends with its next round.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:
        sender.stop()
        raise SystemExit

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
