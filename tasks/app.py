"""The Celery app: `celery -A tasks.app worker -Q io`, `-Q gpu`, `-Q tick`, and `celery -A tasks.app beat`."""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from tasks.results import backend_url
from tasks.transport import keep_clients
from vidpipe import logs
from vidpipe.settings import Settings, config_file, load, read_yaml


def make_app(settings: Settings) -> Celery:
    """An app for these settings."""
    celery = Celery("vidpipe", broker=settings.broker_url, backend=backend_url(settings.broker_url))
    celery.conf.update(read_yaml(config_file("celery.yaml")))
    celery.conf.imports = (
        "tasks.route",
        "tasks.ticks",
        "tasks.heartbeat",
        "tasks.metrics",
        "tasks.stopping",
        "tasks.events",
    )
    celery.conf.beat_schedule = _schedule(settings)
    return celery


def _schedule(settings: Settings) -> dict[str, Any]:
    """A wave a service, so that one that hangs delays no other; a sweep. Late ticks find nothing due."""
    # Without `ignore_result` beat, which knows no task, would wait for the result of every tick: one subscription more
    # at the broker each, for ever, and 20 s of trying to renew them all when a broker that was away is back.
    options = {"queue": "tick", "expires": 120, "ignore_result": True}
    timing = settings.timing
    waves = {
        f"wave {name}": {"task": "wave", "schedule": timing.wave_every, "args": (name,), "options": options}
        for name in settings.waves  # of a service whose keys are not here, nobody could ask anything
    }
    return {**waves, "sweep": {"task": "sweep", "schedule": timing.sweep_every, "options": options}}


@setup_logging.connect
def _logging(**_: Any) -> None:
    logs.set_up(as_json=settings.log_format == "json", secrets=settings.secrets)
    for noisy in ("celery.app.trace", "celery.worker.strategy", "httpx", "kombu", "amqp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Beat says every wave it sends, several a second.
    logging.getLogger("celery.beat").addFilter(lambda record: not record.getMessage().startswith("Scheduler: Sending"))


settings = load()
keep_clients()
app = make_app(settings)
