"""The package mini-swe-agent: whether it is there, and its import without what that does to a home folder."""

from __future__ import annotations

import importlib
import os
import tempfile
from importlib.metadata import version
from importlib.util import find_spec

from treadle.errors import TreadleError
from treadle.extras import install

_NAME = "minisweagent"
_QUIET = "MSWEA_SILENT_STARTUP"
_HOME = "MSWEA_GLOBAL_CONFIG_DIR"


def require() -> str:
    """Import mini-swe-agent, and return its version.

    Its import prints a greeting, makes a folder in the user's home and reads variables from a file there, keys among
    them; nothing of that is needed here, where the model is treadle's.

    Raises:
        TreadleError: It is not installed.
    """
    if find_spec(_NAME) is None:
        raise TreadleError(f"mini-swe-agent is not installed; {install('mini')}")
    before = {name: os.environ.get(name) for name in (_QUIET, _HOME)}
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        try:
            os.environ |= {_QUIET: "1", _HOME: folder}
            importlib.import_module(_NAME)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
    return version("mini-swe-agent")
