import uuid

import pytest
from conftest import cli, wasm
from fluvio import CommonCreateRequest, Compression, FluvioAdmin, PartitionMap, TopicSpec


def names(topics):
    return [topic.name() for topic in topics]


def test_topic_is_created_listed_and_deleted():
    admin = FluvioAdmin.connect()
    name = str(uuid.uuid4())
    admin.create_topic(name)
    assert name in names(admin.all_topics())
    assert names(admin.list_topics([name])) == [name]
    assert names(admin.list_topics_with_params([name], True)) == [name]
    admin.delete_topic(name)
    assert name not in names(admin.all_topics())


def test_topic_with_every_setting():
    admin = FluvioAdmin.connect()
    name = str(uuid.uuid4())
    spec = (
        TopicSpec.create()
        .with_partitions(3)
        .with_replications(1)
        .with_retention_time(3600)
        .with_segment_size("10M")
        .with_max_partition_size("1G")
        .build()
    )
    spec.set_compression_type(Compression.Gzip)
    admin.create_topic(name, spec)
    partitions = [p for p in admin.list_partitions([]) if p.name().startswith(name)]
    assert sorted(p.name() for p in partitions) == [f"{name}-{i}" for i in range(3)]
    admin.delete_topic(name)


def test_topic_with_assigned_replicas():
    admin = FluvioAdmin.connect()
    name = str(uuid.uuid4())
    admin.create_topic(name, TopicSpec.create().with_assignment([PartitionMap.new(0, [5001])._inner]).build())
    assert name in names(admin.all_topics())
    admin.delete_topic(name)


def test_dry_run_creates_nothing():
    admin = FluvioAdmin.connect()
    name = str(uuid.uuid4())
    request = CommonCreateRequest.new(name, True, None)
    # the package's own wrapper passes one argument too many
    admin._inner.create_topic_with_config(request._inner, TopicSpec.create().build())
    assert name not in names(admin.all_topics())


def test_creating_a_topic_twice_is_an_error(topic):
    with pytest.raises(Exception, match="already exists"):
        FluvioAdmin.connect().create_topic(topic)


def test_bad_topic_name_is_an_error():
    with pytest.raises(Exception, match="(?i)invalid topic name"):
        FluvioAdmin.connect().create_topic("Bad_Name")


def test_deleting_an_absent_topic_is_an_error():
    with pytest.raises(Exception, match="(?i)not found"):
        FluvioAdmin.connect().delete_topic("absent")


def test_watch_sees_a_topic_come(topic):
    admin = FluvioAdmin.connect()
    stream = admin.watch_topic()
    first = next(stream)
    assert topic in [t.name() for t in first.all()] + [c.metadata().name() for c in first.changes()]
    later = str(uuid.uuid4())
    admin.create_topic(later)
    seen = set()
    while later not in seen:
        update = next(stream)
        seen.update(change.metadata_topic_spec().name() for change in update.changes())
        seen.update(t.name() for t in update.all())
    admin.delete_topic(later)


def test_smartmodule_is_created_listed_and_deleted():
    admin = FluvioAdmin.connect()
    name = str(uuid.uuid4())
    admin.create_smartmodule(name, wasm("m_filter"), False)
    assert name in [module.name() for module in admin.list_smartmodules([name])]
    admin.delete_smartmodule(name)
    assert name not in [module.name() for module in admin.list_smartmodules([])]


def test_table_format_of_our_cli_and_the_python_client_live_side_by_side(tmp_path, topic):
    config = tmp_path / "table.yaml"
    config.write_text("name: people\ncolumns:\n  - keyPath: name\n    headerLabel: Name\n")
    assert cli("table-format", "create", "--config", str(config)).stdout == 'tableformat "people" created\n'
    assert topic in names(FluvioAdmin.connect().all_topics())
    assert cli("table-format", "delete", "people").returncode == 0
