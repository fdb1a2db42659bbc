"""A worker that was asked to stop: what it can't finish within its grace is handed back, to be done elsewhere.

Celery gives tasks at work `worker_soft_shutdown_timeout` seconds to end. After that this worker's leases end, and the
next sweep sends those rows to somebody else; what still ends here finds its lease gone and writes nothing. A call that
buys is let alone: its answer is written down whoever holds the lease.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.signals import worker_shutting_down
from sqlalchemy.exc import DBAPIError

from tasks import base
from tasks.app import app

log = logging.getLogger(__name__)


@worker_shutting_down.connect
def _asked_to_stop(**_: Any) -> None:
    timer = threading.Timer(float(app.conf.worker_soft_shutdown_timeout), _hand_back)
    timer.daemon = True
    timer.start()


def _hand_back() -> None:
    opened = base.opened()
    if opened is None:
        return
    try:
        count = opened.keeper.hand_back()
    except DBAPIError as error:
        log.warning("leases could not be handed back, and run out by themselves: %s", error.orig)
        return
    if count:
        log.info("%d rows are handed back to be done elsewhere", count)
