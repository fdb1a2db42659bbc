"""A cluster that everything happens to while it makes films: what scripts/chaos and tests/acceptance share."""
