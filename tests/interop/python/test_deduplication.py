import uuid

import pytest
from conftest import cli
from fluvio import ConsumerConfigExtBuilder, Offset


@pytest.fixture
def unique_topic():
    """A deduplicated topic, gone after the test."""
    name = str(uuid.uuid4())
    created = cli("topic", "create", name, "--dedup", "--dedup-count", "100", "--dedup-age", "1h")
    assert created.returncode == 0, created.stderr
    yield name
    deleted = cli("topic", "delete", name)
    assert deleted.returncode == 0, deleted.stderr


def read_all(fluvio, topic):
    builder = ConsumerConfigExtBuilder(topic)
    builder.disable_continuous()
    builder.offset_start(Offset.beginning())
    return [bytearray(record.value()).decode() for record in fluvio.consumer_with_config(builder.build())]


def test_a_repeated_record_is_stored_once_and_acknowledged_each_time(fluvio, unique_topic):
    producer = fluvio.topic_producer(unique_topic)
    for value in ["a", "b", "a", "c", "b"]:
        output = producer.send_string(value)
        producer.flush()
        assert output.wait() is not None
    assert read_all(fluvio, unique_topic) == ["a", "b", "c"]


def test_repetitions_within_one_batch_are_dropped(fluvio, unique_topic):
    producer = fluvio.topic_producer(unique_topic)
    producer.send_all([(b"", value.encode()) for value in ["x", "x", "y", "x"]])
    producer.flush()
    producer.send_all([(b"", value.encode()) for value in ["y", "z"]])
    producer.flush()
    assert read_all(fluvio, unique_topic) == ["x", "y", "z"]
