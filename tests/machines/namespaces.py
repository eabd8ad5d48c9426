"""Two machines on one host: network namespaces with a cable between them that can be cut.

A namespace has its own interfaces, addresses, routes and connections, and nothing but the cable leads out of it. What
runs in one has its name for the host's. Files and processors are shared. Needs root, and `ip` of iproute2.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

CABLE = "cable0"
"""The interface at either end, for `GLOO_SOCKET_IFNAME`."""


def unavailable() -> str | None:
    """Why namespaces cannot be made here, `None` if they can."""
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"treadle-{os.getpid()}-try"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=20)
    if tried.returncode != 0:
        return f"ip netns add: {tried.stderr.strip()}"
    _ip("netns", "del", name)
    return None


@dataclass(frozen=True)
class Machine:
    """One of the two.

    Attributes:
        name: Of its namespace.
        rank: Its number, from 0.
        address: At which the other reaches it.
    """

    name: str
    rank: int
    address: str

    def command(self, *words: str) -> list[str]:
        """A command as it runs on this machine."""
        named = f'echo {self.name} > /proc/sys/kernel/hostname && exec "$@"'
        return ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", named, "sh", *words]

    def kill_all(self) -> None:
        """SIGKILL to all that runs on it, as when it loses power, but that its connections are reset."""
        for pid in _ip("netns", "pids", self.name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def pull_cable(self) -> None:
        """Both ends fall silent: what is sent is lost, and no connection is closed."""
        _ip("-n", self.name, "link", "set", CABLE, "down")

    def plug_cable(self) -> None:
        """As before; connections that have not given up go on."""
        _ip("-n", self.name, "link", "set", CABLE, "up")


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Two machines that reach each other and nothing else; gone when the block is left, however that is."""
    first, second = (Machine(f"treadle-{os.getpid()}-{rank}", rank, f"10.0.0.{rank + 1}") for rank in (0, 1))
    with ExitStack() as stack:
        for machine in (first, second):
            _ip("netns", "add", machine.name)
            stack.callback(_ip, "netns", "del", machine.name)
            stack.callback(machine.kill_all)
        ends = ("link", "add", CABLE, "netns", first.name, "type", "veth", "peer", "name", CABLE, "netns", second.name)
        _ip(*ends)
        for machine in (first, second):
            _ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", CABLE)
            for interface in ("lo", CABLE):
                _ip("-n", machine.name, "link", "set", interface, "up")
        yield first, second


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20).stdout
