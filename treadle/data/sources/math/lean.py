"""The form `lean`: proofs in Lean 4, a tactic a step.

Rows have a statement and a proof, or a proof with its statement: DeepSeek-Prover, Lean Workbook, NuminaMath-LEAN,
Goedel-Prover. The problem is the theorem up to `:= by`, with the header (imports) and the problem in words before it
where the row has them. A comment above a tactic is its thought. `meta["preamble"]`, the steps' texts and
`meta["epilogue"]` together are the column with the proof byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from treadle.data.sources.cells import first_text
from treadle.data.sources.columns import SOLUTION_NAMES
from treadle.data.sources.form import Form, ReadOptions, expect
from treadle.data.sources.math.reference import flag
from treadle.data.sources.math.tactics import DECLARATION, parse_proof, without_comments
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Trajectory

_STATEMENTS = (
    "formal_statement",
    "lean4_statement",
    "lean_statement",
    "theorem_statement",
    "formal_theorem",
    "statement",
)
_PROOFS = (
    *("formal_proof", "lean4_proof", "lean_proof", "full_proof", "formal_solution", "lean4_solution", "proof"),
    *("lean_code", "lean4_code", "formal_ground_truth", "ground_truth_proof", "code", "tactics"),
)
_OTHERS = ("isabelle_statement", "isabelle_proof", "coq_statement", "coq_proof", "rocq_proof")
_KNOWN = frozenset((*_STATEMENTS, *_PROOFS, *_OTHERS))
_INFORMAL = (
    "informal_prefix",
    "informal_statement",
    "natural_language_statement",
    "nl_statement",
    "informal_stmt",
    "problem",
)
_FENCE = re.compile(r"```(?:lean4?|tactics)?[ \t]*\n(?P<inside>.*?)\n?[ \t]*```", re.DOTALL)
_ISABELLE = re.compile(
    r"^\s*(?:proof\s*(?:-|\()|theory\s+\w+\s+imports|(?:lemma|theorem)\b[^\n:]*:?\s*(?:assumes\b|shows\b|fixes\b|\"))",
    re.MULTILINE,
)
_COQ = re.compile(
    r"^\s*Proof\b.*\b(?:Qed|Defined|Admitted)\.|^\s*(?:Require Import|From \w+ Require)", re.MULTILINE | re.DOTALL
)
_HINT = "bring Lean 4 proofs in tactics, or your own steps (form treadle)"
_STATEMENT_END = re.compile(r":=\s*(?:by\b)?\s*(?P<sorry>\bsorry)?\s*$")
_PROOF_BEGIN = re.compile(r"\s*(?P<is>:=)?\s*(?P<by>by\b)?")
_OPENS_BLOCK = re.compile(r"(?:\bby|=>|:=|\bwith|\bdo|\bcalc|[,(\[{⟨])\s*$|^(?:calc|\(|·)")


class _Found(NamedTuple):
    """Columns of the statement and of the proof; `None` where there is none."""

    statement: str | None
    proof: str | None


def matches(row: Row) -> bool:
    data = row.data
    found = _find(data)
    if found.proof is None:
        return found.statement is not None and found.statement != "statement" and not first_text(data, SOLUTION_NAMES)
    if found.statement is not None and found.statement != "statement":
        return True
    text = _text(data[found.proof])
    return found.proof in _OTHERS or (":=" in text and bool(DECLARATION.search(text))) or _is_other(text)


def read(row: Row, options: ReadOptions) -> Trajectory:
    found = _find(row.data)
    if options.columns:
        found = _Found(options.columns.problem, options.columns.solution)
        if missing := [name for name in found if name not in row.data]:
            raise Rejected(
                DropReason.MISSING_COLUMN, f"no column {missing[0]!r}; found {', '.join(map(str, row.data))}"
            )
    if found.proof is None:
        detail = f"a formal statement without a proof; looked for {', '.join(_PROOFS)}"
        raise Rejected(DropReason.NO_TRAJECTORY, detail)
    cell = _text(row.data[found.proof])
    text = expect(cell if cell else row.data[found.proof], str, f"column {found.proof!r}")
    statement = _text(row.data.get(found.statement)) if found.statement else ""
    if found.proof in _OTHERS or _is_other(text) or _is_other(statement):
        kind = "Coq" if _COQ.search(text) or found.proof in ("coq_proof", "rocq_proof") else "Isabelle"
        raise Rejected(DropReason.OTHER_PROOF, f"column {found.proof!r} is a proof in {kind}; {_HINT}")
    opening, inside, closing = _unfenced(text)
    whole, added = _whole(statement, inside)
    proof = parse_proof(whole)
    steps, preamble = proof.steps, (proof.statement + proof.preamble)[len(added) :]
    if len(added) > len(proof.statement + proof.preamble):  # the column of the statement ends with a comment
        preamble = whole[len(added) : whole.index(steps[0].action, len(proof.statement))]
        steps = (replace(steps[0], thought=None, before=""), *steps[1:])
    shown = [_header(row.data, proof.statement), _informal(row.data, found, proof.statement), proof.statement.strip()]
    marked = flag(row.data, options.columns.verified if options.columns else None)
    return Trajectory(
        id=row.id(options.columns.id if options.columns else None, "id", "problem_id", "uuid", "name"),
        problem="\n\n".join(part for part in shown if part),
        steps=steps,
        domain="lean",
        verified=marked if proof.proved else False,
        meta={
            "source": row.where,
            "preamble": opening + preamble,
            "epilogue": proof.epilogue + closing,
        },
    )


def _key(name: Any) -> str:
    return str(name).strip().lower().replace(" ", "_")


def _find(data: dict[str, Any]) -> _Found:
    named: dict[str, str] = {}
    for name, value in data.items():
        if (key := _key(name)) in _KNOWN and _text(value).strip():
            named.setdefault(key, name)
    statement = next((named[name] for name in _STATEMENTS if name in named), None)
    proof = next((named[name] for name in (*_PROOFS, *_OTHERS[1::2], *_OTHERS[4:]) if name in named), None)
    return _Found(statement, proof)


def _text(cell: Any) -> str:
    """A cell's text; the first of a list of proofs."""
    if isinstance(cell, list) and cell and isinstance(cell[0], str):
        cell = cell[0]
    return cell if isinstance(cell, str) else ""


def _is_other(text: str) -> bool:
    return ":=" not in text and bool(_ISABELLE.search(text) or _COQ.search(text))


def _unfenced(text: str) -> tuple[str, str, str]:
    fences = list(_FENCE.finditer(text))
    if len(fences) != 1:
        return "", text, ""
    a, b = fences[0].span("inside")
    return text[:a], text[a:b], text[b:]


def _whole(statement: str, proof: str) -> tuple[str, str]:
    """Statement and proof in one text, and what of it is not in the proof's column."""
    if DECLARATION.search(without_comments(proof)):
        return proof, ""
    end = _STATEMENT_END.search(without_comments(statement))
    begin = _PROOF_BEGIN.match(proof)
    if end and end["sorry"]:
        statement = statement[: end.start("sorry")].rstrip()
    if begin["is"]:
        statement = statement[: end.start()] if end else statement
    elif begin["by"]:
        statement = statement[: end.start() + len(":=")] if end else f"{statement.rstrip()} :="
    added = statement if statement.endswith("\n") or begin[0].strip() else statement + "\n"
    if begin[0].strip() and not added[-1:].isspace():
        added += " "
    added += "" if begin[0].strip() else " " * _lost_indent(proof)
    return added + proof, added


def _lost_indent(proof: str) -> int:
    """Blanks that the first tactic has lost where the proof's ends were stripped; the others stand where they were."""
    first, *others = [line for line in without_comments(proof).splitlines() if line.strip()] or [""]
    indents = [len(line) - len(line.lstrip(" ")) for line in others]
    if first[:1] == " " or proof[:1] == "\n" or not indents or min(indents) == 0:
        return 0
    inside = _OPENS_BLOCK.search(first) or re.match(r"\s*(?:\||·|<;>|_\s)", others[0])
    return 0 if inside and min(indents) == indents[0] else min(indents)


def _header(data: dict[str, Any], statement: str) -> str:
    header = data.get("header")
    header = header.strip() if isinstance(header, str) else ""
    return "" if header in statement else header


def _informal(data: dict[str, Any], found: _Found, statement: str) -> str:
    for name in _INFORMAL:
        text = data.get(name)
        if name != found.statement and isinstance(text, str) and text.strip():
            return "" if text.strip() in statement else text.strip()
    return ""


FORM = Form(
    name="lean",
    description="proofs in Lean 4, a tactic a step: DeepSeek-Prover, Lean Workbook, NuminaMath-LEAN, Goedel-Prover",
    matches=matches,
    read=read,
)
