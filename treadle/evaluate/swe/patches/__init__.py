"""Patches: read, applied to files or a tree, written and reversed, in Python alone and on text alone.

A patch of a model goes down a ladder (`faults.Rung`): to the letter first, then with one more thing overlooked at a
time, and which rung it took is kept. What could be meant in two ways is a fault, never a guess.
"""

from __future__ import annotations

from treadle.evaluate.swe.patches.answers import LIMIT
from treadle.evaluate.swe.patches.apply import Applied, Patched, apply_patch, apply_to_files
from treadle.evaluate.swe.patches.faults import PatchError, PatchFault, Rung
from treadle.evaluate.swe.patches.model import Patch
from treadle.evaluate.swe.patches.names import wrong_path
from treadle.evaluate.swe.patches.parse import parse_patch
from treadle.evaluate.swe.patches.tree import TreeFiles, write_tree
from treadle.evaluate.swe.patches.write import diff_of, reverse_patch

__all__ = [
    "LIMIT",
    "Applied",
    "Patch",
    "PatchError",
    "PatchFault",
    "Patched",
    "Rung",
    "TreeFiles",
    "apply_patch",
    "apply_to_files",
    "diff_of",
    "parse_patch",
    "reverse_patch",
    "write_tree",
    "wrong_path",
]
