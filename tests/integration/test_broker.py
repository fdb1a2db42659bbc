"""The broker's own words for what stands in it."""

from __future__ import annotations

from uuid import uuid4

from kombu import Connection

from vidpipe.broker import lines, open_broker
from vidpipe.cluster.embedded import Handle


def test_a_message_of_any_priority_stands_in_one_of_its_queues_lines(servers: Handle) -> None:
    url, name = servers.settings["broker_url"], f"line-{uuid4().hex}"
    client = open_broker(url, seconds=5.0)
    with Connection(url) as connection, connection.SimpleQueue(name) as queue:
        for priority in range(10):
            before = sum(int(client.llen(line)) for line in lines(name))
            queue.put({"priority": priority}, priority=priority)
            assert sum(int(client.llen(line)) for line in lines(name)) == before + 1
        taken = [queue.get(timeout=5).payload["priority"] for _ in range(10)]
    client.close()
    assert taken == sorted(taken)  # 0 first
