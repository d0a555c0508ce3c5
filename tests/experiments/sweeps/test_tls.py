"""Sweeps on an existing cluster: certificates keep others out, and without them it is told."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from experiments import load_results
from tests.experiments.sweeps.made_cluster import dask_cluster
from tests.experiments.sweeps.sweeping import CONFIG

PEM = serialization.Encoding.PEM


def certificate(folder):
    """Write a key and the certificate that it signs itself, valid for an hour; gives both files."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sweep")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(PEM))
    private = key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def configured(files):
    """The environment variables that name certificates in dask's configuration."""
    cert, key = map(str, files)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    return {
        f"{prefix}CA_FILE": cert, f"{prefix}CLIENT__CERT": cert, f"{prefix}CLIENT__KEY": key,
    }  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls") / "owner")


@pytest.fixture(scope="module")
def protected(tmp_path_factory, files):
    """The address of a cluster that asks for certificates."""
    cert, key = map(str, files)
    options = ("--protocol", "tls", "--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key)
    with dask_cluster(tmp_path_factory.mktemp("cluster"), *options) as (address, _):
        assert address.startswith("tls://")
        yield address


def sweep(folder, address, environment):
    (folder / "made.toml").write_text(CONFIG)
    return subprocess.run(
        [sys.executable, "-m", "experiments", "sweep", "made.toml", "--out", "s", "--scheduler",
         address],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_sweep_with_certificates_runs_and_has_nothing_to_tell(tmp_path, files, protected):
    done = sweep(tmp_path, protected, configured(files))
    assert (done.returncode, done.stderr) == (0, "")
    assert load_results(tmp_path / "s")["status"].tolist() == ["done"] * 12


@pytest.mark.slow
def test_somebody_elses_certificate_is_refused(tmp_path, protected):
    other = certificate(tmp_path / "other")
    done = sweep(tmp_path, protected, configured(other))
    assert done.returncode == 2
    assert f"--scheduler {protected}: no scheduler answers there" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_tls_without_certificates_says_what_is_needed(tmp_path):
    done = sweep(tmp_path, "tls://127.0.0.1:9", {})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "gmm-compare: --scheduler tls://127.0.0.1:9: no certificates are named, allowed are PEM "
        "files named in dask's configuration by distributed.comm.tls.ca-file, "
        "distributed.comm.tls.client.cert and distributed.comm.tls.client.key\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("found", ["no file", "no certificate"])
def test_certificates_that_cannot_be_read_are_told(tmp_path, found):
    file = tmp_path / "a.pem" if found == "no file" else Path(__file__)
    done = sweep(tmp_path, "tls://127.0.0.1:9", configured((file, file)))
    assert done.returncode == 2
    assert "tls://127.0.0.1:9: the certificates cannot be read (" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_connection_without_certificates_is_told_once(tmp_path):
    with dask_cluster(tmp_path) as (address, _):
        done = sweep(tmp_path, address, {})
    assert done.returncode == 0
    assert done.stderr == (
        f"--scheduler {address}: not protected: whoever reaches this port can read what travels "
        "and run code on the cluster as its owner; tls:// with certificates keeps others out\n"
    )
