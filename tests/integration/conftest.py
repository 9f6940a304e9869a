"""Real stores for tests, each a throwaway container of our own image, published on loopback."""

import asyncio
import http.client
import os
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    closing,
    contextmanager,
)
from dataclasses import dataclass
from http import HTTPStatus

import asyncpg
import pytest
from kafka import KafkaAdminClient

from chassis.bus import topics
from chassis.bus.clients import connect
from tests.ports import free_port

TOPICS = ["orders", "payments", "dead-letters"]
SERVICES = ("catalog", "sessions", "orders", "tickets", "notifications", "acquirer")
_PASSWORD = secrets.token_hex(8)


def docker(*args: str) -> str:
    """Runs docker and returns what it printed."""
    done = subprocess.run(["docker", *args], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def wait_until(check: Callable[[], bool], what: str, seconds: float = 40) -> None:
    """Waits for a condition, and says which one did not come true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if check():
                return
        except (OSError, subprocess.SubprocessError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{what} within {seconds} s")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str], str]]:
    """Postgres as the cluster runs it. Called with a service's name, gives its database's DSN."""
    name = f"holdfast-test-postgres-{uuid.uuid4().hex[:8]}"
    passwords = [f"{s.upper()}_DB_PASSWORD={_PASSWORD}" for s in SERVICES]
    passwords.append(f"POSTGRES_PASSWORD={_PASSWORD}")
    docker(
        # What lies in a tmpfs counts: the disk, of which 512 MiB may be WAL.
        "run", "--detach", "--rm", "--name", name, "--memory", "1280m", "--shm-size", "128m",
        "--publish", "127.0.0.1::5432", "--tmpfs", "/run:size=1m,mode=0700,uid=10001,gid=10001",
        "--tmpfs", "/data:size=1g,mode=0700,uid=10001,gid=10001",
        *[f"--env={p}" for p in passwords],
        "holdfast/postgres",
    )  # fmt: skip
    try:
        port = docker("port", name, "5432").rsplit(":", 1)[1]
        # The last database made shows that all are there.
        ready = f"postgresql://acquirer:{_PASSWORD}@127.0.0.1:5432/acquirer"
        wait_until(
            lambda: docker("exec", name, "psql", "-Atc", "select 1", ready) == "1", "Postgres"
        )
        yield (
            lambda service: (
                f"postgresql://{service}:{_PASSWORD}@127.0.0.1:{port}/{service}"
                "?target_session_attrs=read-write"
            )
        )
    finally:
        docker("rm", "--force", name)


NoStandby = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def no_standby(postgres: Callable[[str], str]) -> NoStandby:
    """Meanwhile a commit waits for a standby that is not there, as where the last one is away."""

    @asynccontextmanager
    async def waiting() -> AsyncIterator[None]:
        owner = await asyncpg.connect(postgres("postgres"))
        try:
            await owner.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            await owner.execute("SELECT pg_reload_conf()")
            while await _commits(owner):
                pass
            yield
        finally:
            await owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
            await owner.execute("SELECT pg_reload_conf()")
            while not await _commits(owner):
                pass
            await owner.close()

    return waiting


async def _commits(owner: "asyncpg.Connection[asyncpg.Record]") -> bool:
    try:
        await owner.execute("COMMENT ON DATABASE postgres IS 'of the tests'", timeout=0.3)
    except TimeoutError:
        return False
    return True


@pytest.fixture(scope="session")
def redis() -> Iterator[tuple[str, str]]:
    """A Redis Cluster of one member that has all slots: its address and its password."""
    name, port = f"holdfast-test-redis-{uuid.uuid4().hex[:8]}", free_port()
    docker(
        "run", "--detach", "--rm", "--name", name, "--memory", "96m",
        "--publish", f"127.0.0.1:{port}:{port}", "--tmpfs", "/data:size=64m,uid=10001,gid=10001",
        "--entrypoint", "redis-server", "holdfast/redis",
        "--port", str(port), "--requirepass", _PASSWORD, "--save", "", "--dir", "/data",
        "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-port", "7000",
    )  # fmt: skip

    def ask(*command: str) -> str:
        client = ["exec", "-e", f"REDISCLI_AUTH={_PASSWORD}", name, "redis-cli", "-p", str(port)]
        return docker(*client, *command)

    try:
        wait_until(lambda: ask("PING") == "PONG", "Redis")
        ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        wait_until(lambda: "cluster_state:ok" in ask("CLUSTER", "INFO"), "the Redis Cluster")
        yield f"127.0.0.1:{port}", _PASSWORD
    finally:
        docker("rm", "--force", name)


_ONE_BROKER = """
cd /opt/kafka
cat server.properties - >/tmp/server.properties <<END
node.id=1
broker.rack=a
controller.quorum.voters=1@127.0.0.1:9093
listeners=CLIENTS://:$PORT,CONTROLLER://127.0.0.1:9093
advertised.listeners=CLIENTS://127.0.0.1:$PORT,CONTROLLER://127.0.0.1:9093
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
group.min.session.timeout.ms=1000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
END
run() { java @jvm.options -cp "$(<classpath)" -XX:SharedArchiveFile=kafka.jsa "$@"; }
run kafka.tools.StorageTool format --cluster-id 000000000000000000000A \\
  --config /tmp/server.properties && run kafka.Kafka /tmp/server.properties
"""


@contextmanager
def one_broker() -> Iterator[str]:
    """Kafka with one broker and the topics that there are: its address."""
    name, port = f"holdfast-test-kafka-{uuid.uuid4().hex[:8]}", free_port()
    docker(
        "run", "--detach", "--rm", "--init", "--name", name, "--memory", "512m",
        "--publish", f"127.0.0.1:{port}:{port}", "--env", f"PORT={port}",
        "--tmpfs", "/data:size=256m,mode=0700,uid=10001,gid=10001",
        "--entrypoint", "bash", "holdfast/kafka", "-c", _ONE_BROKER,
    )  # fmt: skip
    brokers = f"127.0.0.1:{port}"

    def listens() -> bool:  # asked inside: outside, Docker accepts before the broker does
        return (
            docker("exec", name, "bash", "-c", f"</dev/tcp/127.0.0.1/{port} && echo yes") == "yes"
        )

    try:
        wait_until(listens, "Kafka")
        asyncio.run(topics.ensure(brokers, TOPICS, replicas=1))
        yield brokers
    finally:
        docker("rm", "--force", name)


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """As above, for all tests of this process."""
    with one_broker() as brokers:
        yield brokers


@pytest.fixture(scope="module")
def kafka(broker: str) -> str:
    """The broker, with new topics: what tests of other files sent is gone, and where they read."""
    admin = connect(KafkaAdminClient, bootstrap_servers=broker)
    try:
        admin.delete_topics(sorted(set(admin.list_topics()) & set(TOPICS)))
    finally:
        admin.close()
    asyncio.run(topics.ensure(broker, TOPICS, replicas=1))
    return broker


@dataclass
class Service:
    """A service of ours as a process of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL: no farewell."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns its exit status."""
        self.process.terminate()
        return self.process.wait(30)


StartService = Callable[..., Service]


@pytest.fixture(scope="module")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """Called with a service's name and its variables, starts it and waits until it is ready.

    `launcher`: a module that runs it.
    """
    logs = tmp_path_factory.mktemp("services")
    services: list[Service] = []

    def start(name: str, *, launcher: tuple[str, ...] = (), **environment: str) -> Service:
        port, number = free_port(), len(services) + 1
        given = {"INSTANCE": f"{name}-a-{number}", "DRAIN_SECONDS": "0"} | environment
        with (logs / f"{name}-{number}.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *launcher, f"services.{name}.main"],
                env={**os.environ, **given, "PORT": str(port)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        service = Service(f"http://127.0.0.1:{port}", process)
        services.append(service)

        def is_ready() -> bool:
            assert process.poll() is None, f"{name} ended; its log is in {logs}"
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            with closing(connection):
                connection.request("GET", "/readyz")
                return connection.getresponse().status == HTTPStatus.OK

        wait_until(is_ready, f"{name} ready")
        return service

    yield start
    for service in services:
        service.kill()
