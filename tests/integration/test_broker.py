"""The broker's own words for what stands in it."""

from __future__ import annotations

from uuid import uuid4

from kombu import Connection

from tasks.transport import keep_clients
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


def test_a_channel_keeps_its_client_for_as_long_as_its_pool(servers: Handle) -> None:
    with Connection(servers.settings["broker_url"]) as connection:
        keep_clients()
        channel = connection.channel()
        with channel.conn_or_acquire() as one, channel.conn_or_acquire() as other:
            assert one is other and one.ping()
        channel._pool = None  # what kombu does when it was cut off
        with channel.conn_or_acquire() as anew:
            assert anew is not one and anew.ping()
