"""Services that draw pictures; base is their contract, registry the one place that knows which there are."""
