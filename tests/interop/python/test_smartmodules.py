import uuid

import pytest
from conftest import wasm
from fluvio import ConsumerConfig, FluvioAdmin, Offset, SmartModuleKind


@pytest.fixture(params=["name", "path"])
def module(request):
    """Gives a function that makes the arguments for a module, once registered by name and once ad hoc by path."""
    admin = FluvioAdmin.connect()
    created = []

    def use(fixture):
        if request.param == "path":
            return {"path": wasm(fixture)}
        name = str(uuid.uuid4())
        admin.create_smartmodule(name, wasm(fixture), False)
        created.append(name)
        return {"name": name}

    yield use
    for name in created:
        admin.delete_smartmodule(name)


def produce(fluvio, topic, values):
    producer = fluvio.topic_producer(topic)
    producer.send_all([(b"", value.encode()) for value in values])
    producer.flush()


def run(fluvio, topic, **smartmodule):
    config = ConsumerConfig()
    config.disable_continuous()
    config.smartmodule(**smartmodule)
    stream = fluvio.partition_consumer(topic, 0).stream_with_config(Offset.beginning(), config)
    return [(record.offset(), bytearray(record.value()).decode()) for record in stream]


@pytest.mark.parametrize("kind", [None, SmartModuleKind.Filter])
def test_filter_keeps_the_offsets_of_what_it_keeps(fluvio, topic, module, kind):
    produce(fluvio, topic, ["xyz", "apple", "plum", "banana", "cherry", "grape"])
    arguments = module("m_filter") | ({"kind": kind} if kind else {})
    assert run(fluvio, topic, **arguments) == [(1, "apple"), (3, "banana"), (5, "grape")]


def test_a_filter_that_drops_everything_ends(fluvio, topic, module):
    produce(fluvio, topic, ["xyz", "plum", "cherry"])
    assert run(fluvio, topic, **module("m_filter")) == []


def test_map(fluvio, topic, module):
    produce(fluvio, topic, ['{"fact":"cats purr","length":9}'])
    [(offset, value)] = run(fluvio, topic, **module("m_map"))
    assert offset == 0
    assert value.startswith("cats purr@0@")
    assert int(value.split("@")[2]) > 1_600_000_000_000


def test_filter_map(fluvio, topic, module):
    produce(fluvio, topic, ["1", "2", "3", "40"])
    assert run(fluvio, topic, **module("m_filter_map")) == [(1, "1"), (3, "20")]


def test_array_map(fluvio, topic, module):
    produce(fluvio, topic, ['["Apple","Banana"]', '["Cranberry"]'])
    assert [value for _, value in run(fluvio, topic, **module("m_array_map"))] == ['"Apple"', '"Banana"', '"Cranberry"']


@pytest.mark.parametrize(("initial", "expected"), [(None, ["1", "3", "6"]), (b"10", ["11", "13", "16"])])
def test_aggregate(fluvio, topic, module, initial, expected):
    produce(fluvio, topic, ["1", "2", "3"])
    arguments = module("m_aggregate") | ({"aggregate": initial} if initial else {})
    assert [value for _, value in run(fluvio, topic, **arguments)] == expected


def test_params_reach_init(fluvio, topic, module):
    produce(fluvio, topic, ["apple", "pear", "plum"])
    assert run(fluvio, topic, params={"needle": "pl"}, **module("m_init")) == [(0, "apple"), (2, "plum")]


def test_a_failing_init_is_an_error(fluvio, topic, module):
    produce(fluvio, topic, ["apple"])
    with pytest.raises(Exception, match="Missing param"):
        run(fluvio, topic, **module("m_init"))


def test_an_unknown_module_is_an_error(fluvio, topic):
    produce(fluvio, topic, ["apple"])
    with pytest.raises(Exception, match="SmartModule does_not_exist was not found"):
        run(fluvio, topic, name="does_not_exist")
