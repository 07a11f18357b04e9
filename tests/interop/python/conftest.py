"""The real Python client against a cluster of ours: one cluster for the whole session, a new topic for every test."""

import os
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FLUVIO = ["node", str(ROOT / "packages" / "fluvio" / "bin" / "fluvio.js")]
WASM = ROOT / "tests" / "fixtures" / "wasm"


def free_port() -> int:
    command = ["node", "--import", "tsx", "tests/free-port.ts"]
    return int(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=ROOT).stdout)


def cli(*arguments: str, **options) -> subprocess.CompletedProcess:
    """Runs a command of ours against the session's cluster; its environment comes from the `cluster` fixture."""
    return subprocess.run([*FLUVIO, *arguments], capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture(scope="session", autouse=True)
def cluster():
    home = tempfile.mkdtemp(prefix="fluvio-python-")
    os.environ["FLUVIO_DIR"] = home
    os.environ["FLV_PROFILE_PATH"] = str(Path(home) / "config")
    address = f"127.0.0.1:{free_port()}"
    started = cli("cluster", "start", "--sc-pub-addr", address, "--spu-base-port", str(free_port()), "--gateway-addr", "off")
    assert started.returncode == 0, started.stderr
    yield address
    stopped = cli("cluster", "delete", "--force")
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def topic():
    """A new topic of one partition, gone after the test."""
    from fluvio import FluvioAdmin

    name = str(uuid.uuid4())
    admin = FluvioAdmin.connect()
    admin.create_topic(name)
    yield name
    admin.delete_topic(name)


@pytest.fixture
def fluvio():
    from fluvio import Fluvio

    return Fluvio.connect()


def wasm(name: str) -> str:
    """Path of a module built with the real Rust crate; absent means that the fixtures were not built: an error."""
    path = WASM / f"{name}.wasm"
    assert path.exists(), f"{path} is missing: run tests/fixtures/build-rust.sh"
    return str(path)
