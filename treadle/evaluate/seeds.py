"""Seeds that depend on the place of a request in a run, and on nothing else that the run holds."""

from __future__ import annotations

import hashlib
import json


def seed_at(*place: str | int) -> int:
    """The seed of a place, below 2**31: its names and numbers, the run's own seed among them."""
    return int.from_bytes(hashlib.sha256(json.dumps(place).encode()).digest()[:4], "big") >> 1
