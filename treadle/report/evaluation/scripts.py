"""The scripts of a page: put together from the files beside this one and others, with the hash that lets them run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from treadle.visible import UNSEEN

UNSEEN_IN_SCRIPT = "".join(f"\\u{{{first:x}}}-\\u{{{last:x}}}" for first, last in UNSEEN)
"""The ranges of `treadle.visible.UNSEEN` as a class of a regular expression in JavaScript."""
_HERE = Path(__file__).parent


def scripts(names: Sequence[str]) -> dict[str, Any]:
    """`script` and `script_hash` for a template.

    Args:
        names: Files, relative to this folder, in order.
    """
    script = Markup("\n".join((_HERE / name).read_text(encoding="utf-8") for name in names))
    return {"script": script, "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}
