"""Calls to the kernel that a sandbox refuses, as the classic BPF program that bubblewrap loads (`--seccomp`).

A namespace of one's own would give rights over mounts and memory that nothing here counts, and each of the others is a
way around a limit or a part of the kernel that tests do not need; Docker's default profile refuses most of them, too.
See seccomp(2) and `linux/filter.h`.
"""

from __future__ import annotations

import errno
import platform
import struct

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in `struct seccomp_data`
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NEW_USER = 0x10000000  # CLONE_NEWUSER
_OTHER_CALLS = 0x40000000  # numbers of x32, a second table of calls on x86_64

_REFUSED = (
    "add_key",
    "bpf",
    "io_uring_setup",
    "keyctl",
    "memfd_create",
    "perf_event_open",
    "request_key",
    "setns",
    "shmget",
    "unshare",
    "userfaultfd",
)
_NUMBERS = {
    "x86_64": (
        0xC000003E,
        56,
        dict(zip(_REFUSED, (248, 321, 425, 250, 319, 298, 249, 308, 29, 272, 323), strict=True)),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        dict(zip(_REFUSED, (217, 280, 425, 219, 279, 241, 218, 268, 194, 97, 282), strict=True)),
    ),
}
_CLONE3 = 435
"""Its flags lie in memory, where no filter sees them; the C library falls back to `clone`."""


def refusing() -> bytes | None:
    """The program for this machine; `None` on processors whose numbers are not known here."""
    if platform.machine() not in _NUMBERS:
        return None
    architecture, clone, refused = _NUMBERS[platform.machine()]
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _OTHER_CALLS, no=1),
        _step(_RETURN, _ERROR | errno.ENOSYS),
    ]
    for number in (_CLONE3, *refused.values()):
        program += [_step(_EQUAL, number, no=1), _step(_RETURN, _ERROR | errno.ENOSYS)]
    program += [
        _step(_EQUAL, clone, no=3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _NEW_USER, no=1),
        _step(_RETURN, _ERROR | errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(program)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` are how many of the next ones are passed over."""
    return struct.pack("=HBBI", code, yes, no, value)
