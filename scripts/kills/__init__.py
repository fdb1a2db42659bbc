"""Killing a cluster's processes while it makes films: what scripts/chaos and tests/acceptance/test_kills.py share."""
