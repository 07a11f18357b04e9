import time
import uuid

import pytest
from conftest import cli
from fluvio import ConsumerConfigExtBuilder, Fluvio, Offset, OffsetManagementStrategy


def consumer(fluvio, topic, name, strategy):
    builder = ConsumerConfigExtBuilder(topic)
    builder.disable_continuous()
    builder.offset_start(Offset.beginning())
    builder.offset_consumer(name)
    builder.offset_strategy(strategy)
    return fluvio.consumer_with_config(builder.build())


def stored(fluvio, name):
    return [(o.topic, o.partition, o.offset) for o in fluvio.consumer_offsets() if o.consumer_id == name]


def assert_stored(fluvio, name, expected):
    """The client may return before its flush is done, and offsets go a moment after their topic."""
    deadline = time.monotonic() + 60
    while stored(fluvio, name) != expected and time.monotonic() < deadline:
        pass
    assert stored(fluvio, name) == expected


@pytest.mark.parametrize("strategy", [OffsetManagementStrategy.MANUAL, OffsetManagementStrategy.AUTO])
def test_a_new_client_goes_on_after_the_stored_offset(fluvio, topic, strategy):
    name = f"c-{uuid.uuid4()}"
    producer = fluvio.topic_producer(topic)
    for i in range(5):
        producer.send_string(f"{i}")
    producer.flush()
    first = consumer(fluvio, topic, name, strategy)
    assert [bytearray(next(first).value()).decode() for _ in range(2)] == ["0", "1"]
    if strategy == OffsetManagementStrategy.MANUAL:
        first.offset_commit()
    first.offset_flush()
    assert_stored(fluvio, name, [(topic, 0, 1)])

    again = consumer(Fluvio.connect(), topic, name, strategy)
    assert bytearray(next(again).value()).decode() == "2"
    if strategy == OffsetManagementStrategy.AUTO:
        # or this client would store it on its own, in the background, after it was deleted
        again.offset_flush()
        assert_stored(fluvio, name, [(topic, 0, 2)])
    fluvio.delete_consumer_offset(name, topic, 0)
    assert stored(fluvio, name) == []


def test_offsets_go_with_their_topic(fluvio):
    from fluvio import FluvioAdmin

    name = str(uuid.uuid4())
    admin = FluvioAdmin.connect()
    admin.create_topic(name)
    producer = fluvio.topic_producer(name)
    producer.send_string("one")
    producer.flush()
    stream = consumer(fluvio, name, "leaver", OffsetManagementStrategy.MANUAL)
    next(stream)
    stream.offset_commit()
    stream.offset_flush()
    assert_stored(fluvio, "leaver", [(name, 0, 0)])
    admin.delete_topic(name)
    assert_stored(fluvio, "leaver", [])


def test_both_clients_share_a_consumer(fluvio, topic):
    producer = fluvio.topic_producer(topic)
    for i in range(4):
        producer.send_string(f"{i}")
    producer.flush()
    assert cli("consume", topic, "-B", "-d", "-c", "shared").stdout == "0\n1\n2\n3\n"
    producer.send_string("4")
    producer.flush()
    stream = consumer(fluvio, topic, "shared", OffsetManagementStrategy.MANUAL)
    assert bytearray(next(stream).value()).decode() == "4"
    listed = cli("consumer", "list").stdout
    assert "shared" in listed and topic in listed
