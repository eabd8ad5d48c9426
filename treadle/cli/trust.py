"""--trust-remote-code: the one flag with which Python code from a model's folder is executed."""

from __future__ import annotations

TRUST = "Execute Python code that comes with the model or the tokenizer."


def trusting(trust_remote_code: bool) -> list[str]:
    """What the flag changes in a recipe."""
    return ["trust_remote_code=true"] if trust_remote_code else []
