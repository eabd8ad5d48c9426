"""A server behind TLS: its certificate is held against the system's authorities, which are read once."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from tests.evaluate.backends.faulty import FaultyServer, running, text_for
from tests.evaluate.backends.models import ask, collected
from treadle.errors import ModelError
from treadle.evaluate.backends import http, open_backend
from treadle.evaluate.records import Finish, Generation, Sampling

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files of a certificate for 127.0.0.1 that signs itself, and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command.split(), *more], check=True, capture_output=True, timeout=60)
    return made, key


@pytest.fixture
def server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    faulty = FaultyServer()
    faulty.socket = context.wrap_socket(faulty.socket, server_side=True)
    with running(faulty):
        yield faulty


@pytest.fixture(autouse=True)
def forgotten():
    """What this process has read of authorities, before and after a test."""
    http._authorities.cache_clear()
    yield
    http._authorities.cache_clear()


def opened(server):
    return open_backend("tiny", "openai", url=server.url.replace("http:", "https:"), concurrency=4)


def test_authorities_are_read_once(server, certificate, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    backend = opened(server)
    # A second reading would find nobody to believe.
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    found = collected(backend, [ask(f"p{i}", i) for i in range(6)], Sampling(64))
    assert found == [Generation(text_for(f"p{i}", i), 7, Finish.STOP) for i in range(6)]
    assert not backend.faults


def test_a_certificate_that_nobody_vouches_for_is_refused(server):
    with pytest.raises(ModelError, match=r"no server answers .*certificate verify failed"):
        opened(server)
    assert not server.asked
