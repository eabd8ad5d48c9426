"""The form `reasoning`: output of a reasoning model, which is a thought and a solution.

The thought stands in marks before the solution (`<think>...</think>` and others, see `thoughts`) or in another field.

Where it stands is `solutions`'s to find. The reasoning is the first step's thought, the solution is cut into its
numbered steps. `meta["preamble"]`, the steps' texts and `meta["epilogue"]` together are the output byte for byte.
"""

from __future__ import annotations

from treadle.data.sources.form import Form
from treadle.data.sources.math.numbered_form import read
from treadle.data.sources.math.solutions import candidates
from treadle.files.rows import Row


def matches(row: Row) -> bool:
    return any(found.has_thought for found in candidates(row.data))


FORM = Form(
    name="reasoning",
    description="output of a reasoning model: thoughts, `</think>`, an answer in numbered steps",
    matches=matches,
    read=read,
)
