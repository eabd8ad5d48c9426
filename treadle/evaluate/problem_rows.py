r"""From rows to problems with answers, and what is wrong with them.

Rows give the problem in `problem` or `question` and the answer in `answer`; a row that has no such column but a
`solution` is answered by the last `\boxed{}` of it, as the Qwen2.5-Math harness reads Minerva Math; an answer with a
line `#### 72` by what follows it, as GSM8K has it. What a domain's own code needs stands in `setup`. `row_forms` has
the forms of other published sets. Of what cannot be asked or graded nothing is dropped silently: problems without
answer and repeated ones are counted. In a file two answers to one problem, which the grader does not take for one
another, and one id for two problems are errors.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from treadle.domains.setups import setup_of
from treadle.errors import DataError
from treadle.evaluate.known_sets import plain_answer, plain_text
from treadle.evaluate.records import LeftOut, Problem
from treadle.evaluate.row_forms import read_form
from treadle.files.rows import Row
from treadle.scoring.answers import last_boxed
from treadle.scoring.grading import Verdict, default_grader
from treadle.scoring.verdicts import can_be_judged, has_own_verdict, kind_of

_PROBLEM = ("problem", "question")
_ID = ("id", "ID", "unique_id", "problem_id", "idx", "question_id", "problem_idx")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def parse_columns(given: str | None) -> dict[str, str]:
    """Columns by what they hold, from `problem=NAME,answer=NAME,id=NAME`, each of them optional."""
    names = dict(part.partition("=")[::2] for part in given.split(",")) if given else {}
    if not names.keys() <= {"problem", "answer", "id"} or not all(names.values()):
        raise DataError(f"--columns {given!r}: expected problem=NAME,answer=NAME[,id=NAME]")
    return names


def file_problems(
    rows: Iterable[Row],
    names: dict[str, str],
    domain: str,
    kind: str | None,
    left_out: Counter[LeftOut],
    choices_seed: int = 0,
    unanswered: bool = False,
) -> Iterator[tuple[str, Problem]]:
    """Each row's place and its problem, without those that have no answer unless these are asked for.

    Args:
        names: Columns as `parse_columns` gives them.
        domain: That they are of.
        kind: How the answers are graded where their form does not say it; `None` for what the domain says.
        left_out: Counts the rows that are left out.
        choices_seed: Of the order of choices, see `treadle.evaluate.row_forms`.
        unanswered: Give rows without an answer, too, with an empty one; as is done for a domain that judges attempts
            without one.

    Raises:
        DomainError: There is no such domain.
        DataError: A row lacks a column or holds in it what is no answer, or no setup.
    """
    kind = kind or kind_of(domain)
    unanswered = unanswered or can_be_judged(domain, answered=False)
    for row in rows:
        if not names and (read := read_form(row, choices_seed)):
            reference = None if read.left_out else _reference(read.answer, read.kind or kind)
            if reference is None:
                left_out[read.left_out or LeftOut.NO_ANSWER] += 1
            else:
                name = str(_own_id(row, names) if read.id is None else read.id)
                yield row.where, Problem(name, read.problem, reference, domain, read.kind or kind, setup=_setup(row))
            continue
        problem = names.get("problem") or next((n for n in _PROBLEM if n in row.data), "problem")
        text = row.data.get(problem)
        answer = names.get("answer") or (
            "solution" if "answer" not in row.data and "solution" in row.data else "answer"
        )
        wanted = answer not in row.data and not unanswered
        for column, missing in ((problem, text in (None, "")), (answer, wanted)):
            if missing:
                raise DataError(
                    f"{row.where}: no column {column!r} with a value; found {', '.join(row.data)}. "
                    "Name them with --columns problem=NAME,answer=NAME; rows of other tools (verl, chats) are read by "
                    "treadle prepare FILE -o FOLDER --answers-only, and FOLDER here"
                )
        if isinstance(row.data.get(answer), list | dict):
            raise DataError(
                f"{row.where}: column {answer!r} holds {row.data[answer]!r:.80}; expected a text or a number"
            )
        reference = _reference(row.data.get(answer), kind, boxed=answer == "solution")
        if reference is None and not unanswered:
            left_out[LeftOut.NO_ANSWER] += 1
            continue
        name = str(_own_id(row, names))
        yield row.where, Problem(name, str(text), reference or "", domain, kind, setup=_setup(row))


def _setup(row: Row) -> Any:
    try:
        return setup_of(row.data)
    except ValueError as error:
        raise DataError(f"{row.where}: {error}") from None


def _own_id(row: Row, names: dict[str, str]) -> Any:
    """The row's own id, else its number."""
    columns = [names["id"]] if "id" in names else _ID
    return next((row.data[name] for name in columns if row.data.get(name) is not None), row.number)


def _reference(value: Any, kind: str, boxed: bool = False) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    if boxed:
        return last_boxed(text) or None
    marked = "####" in text
    text = text.rpartition("####")[2].strip() if marked else text.removesuffix(".0")
    return (_THOUSANDS.sub("", text) if marked or kind == "integer" else text) or None


def distinct(
    found: Iterable[tuple[str, Problem]], left_out: Counter[LeftOut], strict: bool = True
) -> Iterator[Problem]:
    """Each problem once. If `strict`, two answers to one problem are an error, else the first is kept.

    One answer in two notations, such as 0.5 and 1/2, is one answer. One text with two setups are two problems where the
    domain's own verdict judges by them.
    """
    places: dict[str, tuple[str, Problem]] = {}
    ids: dict[str, str] = {}
    for where, problem in found:
        text = plain_text(problem.problem)
        if problem.setup is not None and has_own_verdict(problem.domain):
            text += f"\n{json.dumps(problem.setup, sort_keys=True)}"
        first_where, first = places.setdefault(text, (where, problem))
        if first is not problem:
            same = _same_answer(first, problem)
            if strict and not same:
                raise DataError(
                    f"{where}: the problem of {first_where} with another answer, {problem.answer!r} instead of "
                    f"{first.answer!r}; keep one of the two rows"
                )
            left_out[LeftOut.DUPLICATE if same else LeftOut.OTHER_ANSWER] += 1
            continue
        if problem.id in ids:
            raise DataError(
                f"{where}: id {problem.id!r} is that of {ids[problem.id]} too, another problem; give each its own, or "
                "name a column that holds distinct ones with --columns id=NAME"
            )
        ids[problem.id] = where
        yield problem


def _same_answer(first: Problem, second: Problem) -> bool:
    if plain_answer(first.answer) == plain_answer(second.answer):
        return True
    pairs = [first.answer, second.answer], [second.answer, first.answer]
    grades = default_grader().judge(*pairs, [first.kind, second.kind])
    return all(grade.verdict is Verdict.RIGHT for grade in grades)
