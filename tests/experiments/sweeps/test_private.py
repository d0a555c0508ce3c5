"""Nobody enters a sweep who does not own it: it opens no port that a stranger could use."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.experiments.sweeps.sweeping import CONFIG

# What a stranger would do who found a dask scheduler, worker or nanny: each runs functions. Where
# the machine allows it, the stranger is another user, from when the libraries are loaded, which
# that user may not be allowed to read.
ENTER = """\
import asyncio, importlib.metadata, os, sys
import distributed.comm.tcp
from distributed.core import rpc
from distributed.protocol.pickle import dumps

importlib.metadata.version("distributed")
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

async def enter(operation):
    async with rpc(sys.argv[1]) as there:
        call = {"function": dumps(os.getuid), "args": dumps(()), "kwargs": dumps({})}
        asked = getattr(there, operation)(**call)
        return (await asyncio.wait_for(asked, 5))["result"]

for operation in ("run_function", "run"):
    try:
        print("entered by", os.getuid(), "as", asyncio.run(enter(operation)))
    except Exception as error:
        print(operation, "failed:", repr(error), file=sys.stderr)
"""
# How local sweeps ran once.
OPEN = """\
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"):
        print("started", flush=True)
        input()
"""


def doors(pid):
    """What the tree of a process listens at: addresses of TCP and UDP, names of Unix sockets."""
    process = psutil.Process(pid)
    found = set()
    for member in (process, *process.children(recursive=True)):
        for connection in member.net_connections("all"):
            if connection.family == socket.AF_UNIX:
                # Connected pairs have no name, and so nobody can connect to them.
                found |= {connection.laddr} - {""}
            elif connection.status in ("LISTEN", "NONE"):
                found.add(f"tcp://{connection.laddr.ip}:{connection.laddr.port}")
    return found


def entered(address):
    """What a stranger tells who tried to run a function behind that address."""
    return subprocess.run(
        [sys.executable, "-c", ENTER, address],
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    ).stdout


def test_every_kind_of_door_is_found():
    name = f"gmm-compare-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        abstract.bind(f"\0{name}")
        abstract.listen()
        ports = [f"tcp://127.0.0.1:{opened.getsockname()[1]}" for opened in (tcp, udp)]
        found = doors(os.getpid())
    assert set(ports) <= found
    assert any(name in door for door in found)


@pytest.mark.slow
def test_a_stranger_enters_a_cluster_without_certificates(tmp_path):
    (tmp_path / "open.py").write_text(OPEN)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "open.py")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "started\n"
    told = "".join(entered(door) for door in doors(process.pid))
    user = 65534 if os.getuid() == 0 else os.getuid()
    assert f"entered by {user} as {os.getuid()}\n" in told
    process.communicate("\n", timeout=60)


@pytest.mark.slow
def test_a_local_sweep_has_no_door(tmp_path):
    (tmp_path / "made.toml").write_text(CONFIG)
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", "sweep", "made.toml", "--out", "s", "--workers", "2",
         "--set", "sweep.seeds=500"],
        cwd=tmp_path, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    looks = 0
    # From the start until cells are done, when every process has opened what it needs.
    while len(list(Path(tmp_path).glob("s/cells/*/*.json"))) < 40:
        assert process.poll() is None
        found = doors(process.pid)
        assert not [door for door in found if door.startswith("tcp:") and entered(door)]
        assert found == set()
        looks += len(psutil.Process(process.pid).children()) == 2
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert looks > 5
