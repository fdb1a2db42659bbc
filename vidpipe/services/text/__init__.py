"""Services that write; base is their contract, registry the one place that knows which there are."""
