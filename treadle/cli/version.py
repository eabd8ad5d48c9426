"""`treadle --version`: versions, from what is installed and without importing any of it."""

from __future__ import annotations

import typer

LIBRARIES = ("torch", "transformers", "trl")


def print_version(wanted: bool) -> None:
    """Print one line and end the command, if that is what was asked for."""
    if wanted:
        import platform

        import treadle

        versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
        print(f"treadle {treadle.__version__}, Python {platform.python_version()}, {versions}")
        raise typer.Exit


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
