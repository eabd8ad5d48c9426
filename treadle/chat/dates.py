"""A template's date of today, held still.

Templates ask transformers' `strftime_now`, which no caller can set. A macro of that name before the template's own text
hides it, so that a run renders the same prompts on each of its days.
"""

from __future__ import annotations

import datetime
from string import ascii_letters

ASKS = "strftime_now"
VARIABLE = "treadle_date"

# Its own newline is taken away by the environment's trim_blocks; the template's stays.
_MACRO = (
    "{% macro strftime_now(form) %}"
    "{% set text = namespace(form=form) %}"
    "{% for code, value in treadle_date.items() %}{% set text.form = text.form.replace(code, value) %}{% endfor %}"
    "{{ text.form }}"
    "{% endmacro %}\n"
)


def with_fixed_date(source: str) -> str:
    """A template's code that takes its date from the variable `treadle_date`; as it is where it asks for none."""
    return _MACRO + source if ASKS in source else source


def date_codes(day: str) -> dict[str, str]:
    """What each of `strftime`'s codes stands for on a day (YYYY-MM-DD), at midnight."""
    moment = datetime.datetime.fromisoformat(day)
    codes = [f"%{flag}{letter}" for flag in ("-", "") for letter in ascii_letters]
    found = {code: moment.strftime(code) for code in codes}
    return {code: value for code, value in found.items() if "%" not in value} | {"%%": "%"}
