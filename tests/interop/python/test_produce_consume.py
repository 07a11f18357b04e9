import asyncio
import uuid

import pytest
from conftest import cli
from fluvio import (
    Compression,
    ConsumerConfigExtBuilder,
    DeliverySemantic,
    Fluvio,
    FluvioAdmin,
    Isolation,
    Offset,
    TopicProducerConfigBuilder,
    TopicSpec,
)


def values(records):
    return [bytearray(record.value()).decode() for record in records]


def read_all(fluvio: Fluvio, topic: str, offset=None):
    builder = ConsumerConfigExtBuilder(topic)
    builder.disable_continuous()
    if offset is not None:
        builder.offset_start(offset)
    return list(fluvio.consumer_with_config(builder.build()))


def test_records_come_back_in_order_with_their_offsets(fluvio, topic):
    producer = fluvio.topic_producer(topic)
    outputs = [producer.send_string(f"record-{i}") for i in range(20)]
    producer.flush()
    metadata = [output.wait() for output in outputs]
    assert [m.offset() for m in metadata] == list(range(20))
    assert {m.partition_id() for m in metadata} == {0}
    assert outputs[0].wait() is None
    records = read_all(fluvio, topic, Offset.beginning())
    assert values(records) == [f"record-{i}" for i in range(20)]
    assert [record.offset() for record in records] == list(range(20))
    assert all(record.timestamp() > 1_600_000_000_000 for record in records)


def test_keys_are_kept_and_an_empty_key_is_not_no_key(fluvio, topic):
    producer = fluvio.topic_producer(topic)
    producer.send("".encode(), "empty".encode())
    producer.send("k".encode(), "keyed".encode())
    producer.send_string("none")
    producer.flush()
    records = read_all(fluvio, topic, Offset.beginning())
    assert values(records) == ["empty", "keyed", "none"]
    assert bytes(records[0].key()) == b""
    assert records[1].key_string() == "k"


def test_send_all_gives_an_output_for_each_record(fluvio, topic):
    producer = fluvio.topic_producer(topic)
    outputs = producer.send_all([(f"{i}".encode(), f"value-{i}".encode()) for i in range(50)])
    producer.flush()
    assert [output.wait().offset() for output in outputs] == list(range(50))
    assert values(read_all(fluvio, topic, Offset.beginning())) == [f"value-{i}" for i in range(50)]


COMPRESSIONS = {
    "none": Compression.None_,
    "gzip": Compression.Gzip,
    "snappy": Compression.Snappy,
    "lz4": Compression.Lz4,
    "zstd": Compression.Zstd,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_is_read_by_both_clients(fluvio, topic, compression):
    config = TopicProducerConfigBuilder().compression(COMPRESSIONS[compression]).linger(20).build()
    producer = fluvio.topic_producer_with_config(topic, config)
    expected = [f"{compression}-{i}-" + "x" * 100 for i in range(200)]
    for value in expected:
        producer.send_string(value)
    producer.flush()
    assert values(read_all(fluvio, topic, Offset.beginning())) == expected
    ours = cli("consume", topic, "-B", "-d")
    assert ours.stdout.splitlines() == expected


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_our_client_writes_compressed_the_python_client_reads(fluvio, topic, compression):
    expected = [f"line-{i}-" + "y" * 80 for i in range(300)]
    produced = cli("produce", topic, "--compression", compression, "--linger", "20ms", input="\n".join(expected) + "\n")
    assert produced.returncode == 0, produced.stderr
    assert values(read_all(fluvio, topic, Offset.beginning())) == expected


def test_full_producer_configuration(fluvio, topic):
    config = (
        TopicProducerConfigBuilder()
        .batch_size(1000)
        .max_request_size(100_000)
        .batch_queue_size(10)
        .linger(5)
        .set_specific_partitioner(0)
        .compression(Compression.Gzip)
        .timeout(30_000)
        .isolation(Isolation.ReadCommitted)
        .delivery_semantic(DeliverySemantic.AtLeastOnce)
        .build()
    )
    producer = fluvio.topic_producer_with_config(topic, config)
    output = producer.send_string("configured")
    producer.flush()
    assert output.wait().offset() == 0
    assert values(read_all(fluvio, topic, Offset.beginning())) == ["configured"]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (Offset.beginning(), list(range(20))),
        (Offset.absolute(13), list(range(13, 20))),
        (Offset.from_beginning(1), list(range(1, 20))),
        (Offset.from_end(1), [19]),
        (Offset.from_end(7), list(range(13, 20))),
    ],
    ids=["beginning", "absolute", "from_beginning", "from_end_1", "from_end_7"],
)
def test_start_offsets(fluvio, topic, offset, expected):
    producer = fluvio.topic_producer(topic)
    producer.send_all([(b"", f"{i}".encode()) for i in range(20)])
    producer.flush()
    assert [int(v) for v in values(read_all(fluvio, topic, offset))] == expected


def test_a_start_inside_a_batch_gives_the_right_records(fluvio, topic):
    """100 records in one batch: the first reply holds earlier records, which the client must drop."""
    config = TopicProducerConfigBuilder().linger(100).batch_size(1_000_000).build()
    producer = fluvio.topic_producer_with_config(topic, config)
    producer.send_all([(b"", f"{i}".encode()) for i in range(100)])
    producer.flush()
    assert [int(v) for v in values(read_all(fluvio, topic, Offset.absolute(57)))] == list(range(57, 100))


def test_a_megabyte_of_batches_loses_nothing(fluvio, topic):
    """More than one reply of the default size: the original loses records at every cut."""
    config = TopicProducerConfigBuilder().linger(50).batch_size(100_000).build()
    producer = fluvio.topic_producer_with_config(topic, config)
    expected = [f"{i:06d}" + "z" * 1000 for i in range(4000)]
    producer.send_all([(b"", value.encode()) for value in expected])
    producer.flush()
    assert values(read_all(fluvio, topic, Offset.beginning())) == expected


def test_partition_consumer_streams_live_records(fluvio, topic):
    stream = fluvio.partition_consumer(topic, 0).stream(Offset.beginning())
    producer = fluvio.topic_producer(topic)
    producer.send_string("first")
    producer.flush()
    assert values([next(stream)]) == ["first"]
    producer.send_string("second")
    producer.flush()
    assert values([next(stream)]) == ["second"]


def test_async_produce_and_stream(fluvio, topic):
    async def scenario():
        producer = fluvio.topic_producer(topic)
        output = await producer.async_send_string("async")
        await producer.async_flush()
        metadata = await output.async_wait()
        stream = await fluvio.partition_consumer(topic, 0).async_stream(Offset.beginning())
        record = await stream.__anext__()
        return metadata.offset(), bytearray(record.value()).decode()

    assert asyncio.run(scenario()) == (0, "async")


def test_several_partitions_and_topics(fluvio):
    admin = FluvioAdmin.connect()
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    admin.create_topic(first, TopicSpec.create().with_partitions(3).build())
    admin.create_topic(second)
    producer = fluvio.topic_producer(first)
    for i in range(30):
        # its send_string sends an empty key, and equal keys share a partition
        producer.send(f"key-{i}".encode(), f"{i}".encode())
    producer.flush()
    other = fluvio.topic_producer(second)
    other.send_string("other")
    other.flush()
    stream = fluvio.multi_partition_consumer(first).stream(Offset.beginning())
    assert sorted(int(v) for v in values(next(stream) for _ in range(30))) == list(range(30))
    pairs = [(first, 0), (first, 1), (first, 2), (second, 0)]
    both = fluvio.multi_topic_partition_consumer(pairs).stream(Offset.beginning())
    assert len(values(next(both) for _ in range(31))) == 31
    builder = ConsumerConfigExtBuilder(first)
    builder.partition(1)
    builder.offset_start(Offset.beginning())
    builder.disable_continuous()
    assert 0 < len(list(fluvio.consumer_with_config(builder.build()))) < 30
    admin.delete_topic(first)
    admin.delete_topic(second)


def test_keys_choose_the_same_partition_as_our_client(fluvio):
    admin = FluvioAdmin.connect()
    name = str(uuid.uuid4())
    admin.create_topic(name, TopicSpec.create().with_partitions(5).build())
    producer = fluvio.topic_producer(name)
    lines = []
    for i in range(100):
        producer.send(f"key-{i}".encode(), b"python")
        lines.append(f"key-{i}:ours")
    producer.flush()
    assert cli("produce", name, "--key-separator", ":", input="\n".join(lines) + "\n").returncode == 0
    seen: dict[str, set[int]] = {}
    out = cli("consume", name, "-B", "-d", "--format", "{{key}} {{partition}} {{value}}").stdout
    for line in out.splitlines():
        key, partition, _ = line.split(" ")
        seen.setdefault(key, set()).add(int(partition))
    assert len(seen) == 100
    assert all(len(partitions) == 1 for partitions in seen.values())
    admin.delete_topic(name)


def test_produce_to_an_absent_topic_says_so(fluvio):
    with pytest.raises(Exception, match="Topic not found: not-created-topic"):
        fluvio.topic_producer("not-created-topic")


def test_our_cli_prints_exactly_the_records(fluvio, topic):
    producer = fluvio.topic_producer(topic)
    for i in range(10):
        producer.send_string(f"record-{i}")
    producer.flush()
    assert cli("consume", topic, "-B", "-d").stdout == "".join(f"record-{i}\n" for i in range(10))
