"""Celery only: the app, the route, and one short task a step. Everything else is in vidpipe."""
