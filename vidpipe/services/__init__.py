"""Video services: one contract (base), one adapter each, one visible match that opens them (registry)."""
