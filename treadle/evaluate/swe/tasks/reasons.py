"""What an expert finds wrong where it mends a bug: a sentence for each kind."""

from __future__ import annotations

_REASONS = {
    "operator": "The arithmetic is wrong: another operator is needed in this expression.",
    "boundary": "The comparison is off at its boundary: whether the two sides may be equal is the wrong way round.",
    "comparison": "The comparison asks for the opposite of what it should.",
    "negated_condition": "The condition is the wrong way round, so the branches are taken in the wrong cases.",
    "removed_unary": "The expression has lost its negation.",
    "connective": "The conditions are joined by the wrong connective.",
    "removed_branch": "A case is not handled: the branch for it is missing.",
    "swapped_branches": "The two results of the conditional expression have changed places.",
    "swapped_arguments": "The arguments of the call are in the wrong order.",
    "swapped_items": "The items are in the wrong order.",
    "off_by_one": "The number is off by one.",
    "slice_bound": "The bound of the slice is off by one.",
    "flipped_flag": "The flag has the wrong value.",
    "changed_default": "The default of the parameter is not what callers rely on.",
    "wrong_exception": "The wrong kind of exception is named here.",
    "lost_return": "The value is computed and then not returned.",
    "loop_exit": "The loop is left in the wrong way: `break` and `continue` are confused.",
    "lost_update": "The value is overwritten where it should be updated.",
    "removed_wrapper": "The value is passed on without the conversion that it needs.",
    "removed_keyword": "An argument that the call needs is missing.",
    "twin_function": "A function is called that does the opposite of what is needed, or something close to it.",
    "removed_statement": "A statement is missing, so that the state is not kept up to date.",
}


def reason_of(kind: str) -> str:
    """What is wrong with code that has a bug of a kind, see `treadle.evaluate.swe.tasks.kinds`."""
    return _REASONS.get(kind, "This is where the behaviour goes wrong.")
