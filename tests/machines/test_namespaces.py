"""The two machines of `tests.machines.harness`: they reach each other, fall silent, and are gone in the end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.machines.namespaces import Machine, two_machines, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")

LISTENER = "s = socket.create_server(('10.0.0.1', 9)); print(socket.gethostname(), flush=True); c, _ = s.accept()"
LISTENER += "\nfor line in c.makefile('rb'): c.sendall(line)"
CALLER = "c = socket.create_connection(('10.0.0.1', 9), timeout=5)\nfor line in sys.stdin:"
CALLER += "\n c.settimeout(float(line)); c.sendall(b'x\\n')"
CALLER += "\n try: print(c.recv(9), flush=True)\n except OSError as e: print(type(e).__name__, flush=True)"


def python(machine: Machine, script: str) -> subprocess.Popen:
    words = machine.command(sys.executable, "-Sc", f"import socket, sys\n{script}")
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def answer(caller: subprocess.Popen, seconds: float) -> str:
    caller.stdin.write(f"{seconds}\n")
    return caller.stdout.readline().strip()


def names() -> str:
    return subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("end", [0, 1])
def test_a_pulled_cable_is_silence_and_no_reset(end):
    with two_machines() as (first, second):
        listener = python(first, LISTENER)
        assert listener.stdout.readline().strip() == first.name  # its own name, and it listens
        caller = python(second, CALLER)
        assert answer(caller, 5) == repr(b"x\n")
        (first, second)[end].pull_cable()
        assert answer(caller, 0.3) == "TimeoutError"
        (first, second)[end].plug_cable()
        assert answer(caller, 5) == repr(b"x\n")  # what was lost, sent again
        first.kill_all()
        assert listener.wait(5) == -9
        assert answer(caller, 5) in (repr(b""), repr(b"x\n"), "ConnectionResetError")
    for process in (listener, caller):
        process.communicate(timeout=5)
        assert process.returncode == -9


def fail_between(seen: list[str]) -> None:
    with two_machines() as (first, _):
        seen.append(names())
        raise RuntimeError(first.name)


def test_they_are_gone_also_after_an_error():
    seen: list[str] = []
    with pytest.raises(RuntimeError) as failed:
        fail_between(seen)
    assert f"{failed.value}" in seen[0]
    assert f"{failed.value}" not in names()
