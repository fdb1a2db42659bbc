"""What the adapters share on the wire: clients without retries, polls, fetches, what answers and pictures may be."""
