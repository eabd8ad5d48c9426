"""Source distributions unpacked: an archive with a member that is unsafe is refused."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from treadle.errors import DataError
from treadle.files.names import is_inside
from treadle.files.whole import writing

MOST_FILES = 20_000
MOST_BYTES = 2**30


def unpack(archive: Path, into: Path) -> None:
    """Unpack a `.tar.gz` without the one folder that all its content stands in, as that of a source distribution does.

    Args:
        into: A folder that is empty or not there yet.

    Raises:
        DataError: It is no such archive, is damaged or too large, or a member is unsafe: an absolute path, `..`, a link
            that leads out, a device, a name that stands there twice.
        OutputError: It cannot be written.
    """
    with writing(into):
        into.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            size = 0
            for number, member in enumerate(tar, 1):
                size += member.size
                if number > MOST_FILES or size > MOST_BYTES:
                    raise DataError(
                        f"{archive}: more than {MOST_FILES:,} files or {MOST_BYTES >> 20:,} MiB; "
                        "expected a source distribution"
                    )
                with writing(into):
                    _member(archive, tar, member, into)
    except FileNotFoundError:
        raise DataError(f"{archive}: no such file; expected a source distribution (.tar.gz)") from None
    except (tarfile.TarError, EOFError, ValueError) as error:
        why = str(error).partition("\n")[0].rstrip(":")  # further lines name each compression that was tried
        raise DataError(f"{archive}: cannot be unpacked ({why}); fetch it again") from None


def _member(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    def refused(why: str) -> DataError:
        return DataError(f"{archive}: member {member.name[:120]!r} {why}; nothing of such an archive is used")

    if not is_inside(member.name):
        raise refused("would lie outside of its folder")
    parts = PurePosixPath(member.name).parts[1:]
    if not parts:
        return
    path = into.joinpath(*parts)
    if ".git" in parts or any(parent.is_symlink() for parent in (path, *path.parents) if parent.is_relative_to(into)):
        raise refused("would be written through a link or into `.git`")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif member.issym():
        target = os.path.normpath(os.path.join(*parts[:-1], member.linkname) if parts[:-1] else member.linkname)
        if not is_inside(target):
            raise refused(f"links to {member.linkname[:120]!r}, outside of its folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(member.linkname)
    elif member.isreg():
        content = tar.extractfile(member)
        assert content is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise refused("stands there twice")
        with path.open("xb") as file:
            shutil.copyfileobj(content, file)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise refused("is neither file, folder nor link")
