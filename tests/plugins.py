"""Packages with an entry point, as pip leaves them: a module and its metadata in a folder."""

from __future__ import annotations

from pathlib import Path


def write_package(site: Path, project: str, module: str, code: str, entries: str, group: str = "treadle.forms") -> None:
    """Put a package into a folder that is, or will be, on the path.

    Args:
        project: Its name on an index.
        module, code: Its one module.
        entries: Lines of the group.
        group: Of entry points; that of forms by default.
    """
    info = site / f"{project.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entries}\n")
