"""TLS at a listener: what is spoken, and a certificate that changes while it runs."""

import asyncio
import datetime as dt
import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from loadbalancer.wire.proxy import Address, header
from tests.integration.loadbalancer.harness import Cluster, Start, wait_until
from tests.integration.loadbalancer.test_http import request

TLS = 'tls = {certificate = "c.pem", key = "k.pem", handshake = 0.5}'


def certify(folder: Path, name: str) -> None:
    """Writes c.pem and k.pem, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "k.pem").write_bytes(private)
    (folder / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def client(most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if most:
        context.maximum_version = most
    return context


def name_of(made: Cluster) -> str:
    """Whom the listener says it is."""
    with (
        socket.create_connection(("127.0.0.1", made.port), timeout=10) as plain,
        client().wrap_socket(plain) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
        assert der
        subject = x509.load_der_x509_certificate(der).subject
        return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


async def talk(made: Cluster, raw: bytes, context: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", made.port, ssl=context or client(), limit=1_048_576
    )
    writer.write(raw)
    got = await reader.read()  # a clean end, or it raises
    writer.close()
    return got


CLOSE = "Connection: close"


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_http_over_tls(cluster: Start, tmp_path: Path, most: ssl.TLSVersion) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=TLS)
    got = await talk(made, request(CLOSE, start="GET /echo HTTP/1.1"), client(most))
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"X-Forwarded-Proto: https" in got
    got = await talk(made, request(CLOSE, start="GET /stream/100 HTTP/1.1"), client(most))
    assert got.count(b"z") == 6_553_600
    assert got.endswith(b"0\r\n\r\n")
    assert (await talk(made, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_old_versions_are_not_spoken(cluster: Start, tmp_path: Path) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=TLS.replace("0.5", '0.5, least = "1.3"'))
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await talk(made, request(), client(ssl.TLSVersion.TLSv1_2))
    assert (await talk(made, request(CLOSE))).startswith(b"HTTP/1.1 200 ")


async def test_who_does_not_shake_hands_is_dropped(cluster: Start, tmp_path: Path) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=TLS)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request())
    assert b"HTTP" not in await reader.read()
    writer.close()


def test_who_does_not_shake_hands_holds_up_others_only_for_a_moment(
    cluster: Start, tmp_path: Path
) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=f"{TLS}\nmax_connections = 2")
    silent = [socket.create_connection(("127.0.0.1", made.port), timeout=10) for _ in range(20)]
    assert name_of(made) == "one"
    for one in silent:
        one.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_changes_without_a_restart(
    cluster: Start, tmp_path: Path, workers: int
) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=TLS, workers=workers)
    with (
        socket.create_connection(("127.0.0.1", made.port), timeout=10) as plain,
        client().wrap_socket(plain) as old,
    ):
        assert name_of(made) == "one"
        certify(tmp_path, "two")
        wait_until(lambda: {name_of(made) for _ in range(10)} == {"two"}, "by its file")
        (tmp_path / "c.pem").write_text("nonsense")
        wait_until(lambda: bool(made.events("certificate refused")), "refused")
        assert name_of(made) == "two"
        assert "tls.certificate" in made.reload().json()["detail"]
        certify(tmp_path, "three")
        made.balancer.signal(signal.SIGHUP)
        wait_until(lambda: {name_of(made) for _ in range(10)} == {"three"}, "by SIGHUP")
        old.sendall(request(start="GET /a HTTP/1.1"))
        assert old.recv(100).startswith(b"HTTP/1.1 200 ")


async def test_layer_4_behind_tls(cluster: Start, tmp_path: Path) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(2, listener=f'mode = "tcp"\n{TLS}')
    got = await talk(made, request(CLOSE, start="GET /half HTTP/1.1"))
    assert got.endswith(b"half")
    got = await asyncio.to_thread(in_threads, made)
    assert got == b"z" * 65_536 * 100


def in_threads(made: Cluster) -> bytes:
    """Reads a big answer slowly, with an OpenSSL that is not asyncio's."""
    with (
        socket.create_connection(("127.0.0.1", made.port), timeout=10) as plain,
        client().wrap_socket(plain) as tls,
    ):
        tls.sendall(request(start="GET /stream/100 HTTP/1.1"))
        file = tls.makefile("rb")
        while file.readline() != b"\r\n":
            pass
        body = b""
        while size := int(file.readline(), 16):
            body += file.read(size)
            file.readline()
        return body


async def test_an_upgrade_over_tls_ends_when_either_side_does(
    cluster: Start, tmp_path: Path
) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=f'{TLS}\nupgrades = ["shout"]')
    upgrade = ("Connection: Upgrade", "Upgrade: shout")
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port, ssl=client())
    writer.write(request(*upgrade, start="GET /upgrade HTTP/1.1"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"HELLO"
    writer.close()
    await asyncio.to_thread(wait_until, lambda: made.state()["in_flight"] == 0, "ended by us")
    answer = b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nbye"
    got = await talk(made, request(*upgrade, start=f"GET /raw/{answer.hex()} HTTP/1.1"))
    assert got.endswith(b"\r\n\r\nbye")


async def test_sigterm_over_tls_finishes_and_says_goodbye(cluster: Start, tmp_path: Path) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=TLS)
    late = asyncio.create_task(talk(made, request(start="GET /sleep/1.5 HTTP/1.1")))
    await asyncio.to_thread(wait_until, lambda: made.state()["in_flight"] == 1, "under way")
    made.balancer.signal(signal.SIGTERM)
    got = await late
    assert b"\r\nConnection: close\r\n" in got
    assert got.endswith(b"late")
    assert await asyncio.to_thread(made.balancer.popen.wait, 10) == 0


async def test_a_proxy_header_comes_before_the_handshake(cluster: Start, tmp_path: Path) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=f'{TLS}\nproxy_from = ["127.0.0.1/32"]')
    got = await asyncio.to_thread(announced, made)
    assert b"X-Forwarded-For: 203.0.113.9" in got


def announced(made: Cluster) -> bytes:
    with socket.create_connection(("127.0.0.1", made.port), timeout=10) as plain:
        plain.sendall(header(Address("203.0.113.9", 1), Address("203.0.113.1", 443)))
        with client().wrap_socket(plain) as tls:
            tls.sendall(request(CLOSE, start="GET /echo HTTP/1.1"))
            got = b""
            while data := tls.recv(65_536):
                got += data
            return got


def test_a_bad_certificate_is_refused_at_the_start(cluster: Start, tmp_path: Path) -> None:
    certify(tmp_path, "one")
    made: Cluster = cluster(1, listener=TLS)
    key = (tmp_path / "k.pem").read_bytes()
    certify(tmp_path, "other")
    (tmp_path / "k.pem").write_bytes(key)
    refused = made.reload()
    assert refused.status == 422
    assert "listeners.l.tls.certificate: not good with its key" in refused.json()["detail"]
    (tmp_path / "k.pem").unlink()
    assert "listeners.l.tls.key" in made.reload().json()["detail"]
