"""A worker's own page of figures, where the settings name a port for it (VIDPIPE_METRICS_PORT).

Celery's pool of threads is one process, and so is this page: nothing has to be gathered from elsewhere, and every
worker of every machine is asked by itself. A pool that forks needs PROMETHEUS_MULTIPROC_DIR (see vidpipe.telemetry).
"""

from __future__ import annotations

import logging
from typing import Any

from celery.concurrency.prefork import TaskPool as Prefork
from celery.signals import celeryd_init, worker_ready

from tasks.app import settings
from vidpipe import telemetry

log = logging.getLogger(__name__)


@celeryd_init.connect
def count(**_: Any) -> None:
    """Count from the start on, before a pool forks."""
    if settings.metrics_port is not None:
        telemetry.turn_on(settings.metrics_folder)


@worker_ready.connect
def show(sender: Any, **_: Any) -> None:
    """Show the figures. A worker that cannot show them works all the same, and its log says why."""
    if settings.metrics_port is None:
        return
    if isinstance(sender.pool, Prefork) and settings.metrics_folder is None:
        log.error("no metrics: a worker that forks needs PROMETHEUS_MULTIPROC_DIR, an empty folder of its own")
        return
    try:
        port = telemetry.serve(settings.metrics_port, settings.metrics_host)
    except OSError as error:
        log.error(
            "no metrics: port %d of %s cannot be used (%s); VIDPIPE_METRICS_PORT=0 takes a free one",
            settings.metrics_port, settings.metrics_host, error.strerror,
        )  # fmt: skip
        return
    for queue in sender.app.amqp.queues.consume_from:
        telemetry.worker(queue)
    log.info("metrics: http://%s:%d/metrics", settings.metrics_host, port)
