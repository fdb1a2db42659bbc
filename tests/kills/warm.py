"""What a process that is killed finds done when it is forked: every import that needs no settings, and what SQLAlchemy
and Pillow do once."""

from __future__ import annotations

import importlib
import pkgutil

from PIL import Image
from sqlalchemy.orm import configure_mappers

import vidpipe.pipeline

_NEEDED = (
    "anyio._backends._asyncio", "celery.apps.worker", "celery.backends.redis", "celery.concurrency.prefork",
    "celery.concurrency.solo", "celery.events.receiver", "celery.worker.components", "celery.worker.consumer",
    "celery.worker.control", "celery.worker.strategy", "httpcore", "kombu.transport.redis", "numpy.fft", "numpy.ma",
    "prometheus_client", "psycopg2.extras", "sqlalchemy.dialects.postgresql.psycopg2", "tests.kills.scenarios",
    "vidpipe.db.standing", "vidpipe.heartbeat", "vidpipe.presence",
    *(f"vidpipe.pipeline.{module.name}" for module in pkgutil.iter_modules(vidpipe.pipeline.__path__)),
)  # fmt: skip

for _name in _NEEDED:
    importlib.import_module(_name)
configure_mappers()
Image.preinit()
