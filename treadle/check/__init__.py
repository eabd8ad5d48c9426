"""What can be told of a model, its tokenizer, a recipe and its data before anything is trained.

Each check is a small function that looks at one thing and gives `Check`s: an id that stays, a status, and one line
that says what was found and, where something is wrong, what mends it. `subject` opens what they look at, once;
`run` has them in order, `rows` shows a row of each stage as the model is given it, and `sample` lets the model answer:
`measured` is what that comes to in figures, `state` and `advice` what to begin with.
docs/check.md has the table of ids.
"""

from treadle.check.results import Check, Status
from treadle.check.run import check_model, check_plan, check_recipe, look, stop_or_warn
from treadle.check.subject import Subject, standard_recipe

__all__ = [
    "Check",
    "Status",
    "Subject",
    "check_model",
    "check_plan",
    "check_recipe",
    "look",
    "standard_recipe",
    "stop_or_warn",
]
