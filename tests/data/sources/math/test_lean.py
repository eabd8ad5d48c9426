"""Rows of Lean proofs in the columns of DeepSeek-Prover, Lean Workbook, NuminaMath-LEAN and Goedel-Prover; the proofs
are our own."""

from __future__ import annotations

import pytest

from treadle import DropReason
from treadle.data.instances import step_instances
from treadle.data.sources.columns import parse_columns
from treadle.data.sources.form import ReadOptions
from treadle.data.sources.math.lean import FORM
from treadle.data.sources.registry import detect
from treadle.files.rows import Rejected, Row

STATEMENT = "theorem t (a b : ℕ) (h : a = b) : b = a"
WHOLE = f"import Mathlib\n\n{STATEMENT} := by\n  have h' := h\n  exact h'.symm\n"
TACTICS = ["have h' := h", "exact h'.symm"]


def row(data):
    return Row(data, "f, line 1", "f", 1)


def read(data, columns=None):
    assert columns or FORM.matches(row(data))
    return FORM.read(row(data), ReadOptions(columns))


def source(trajectory):
    return trajectory.meta["preamble"] + "".join(s.text for s in trajectory.steps) + trajectory.meta["epilogue"]


@pytest.mark.parametrize(
    ("data", "column"),
    [
        (
            {"formal_statement": f"{STATEMENT} := by\n", "formal_proof": "  have h' := h\n  exact h'.symm"},
            "formal_proof",
        ),
        (
            {"formal_statement": f"{STATEMENT} := by", "formal_proof": "\n  have h' := h\n  exact h'.symm"},
            "formal_proof",
        ),
        ({"formal_statement": f"{STATEMENT} := by sorry", "proof": "by\n  have h' := h\n  exact h'.symm"}, "proof"),
        ({"formal_statement": f"{STATEMENT} := by sorry", "proof": "have h' := h\nexact h'.symm"}, "proof"),
        ({"formal_statement": f"{STATEMENT} := by sorry", "proof": "have h' := h\n  exact h'.symm"}, "proof"),
        ({"formal_statement": f"{STATEMENT} := sorry", "proof": ":= by\n  have h' := h\n  exact h'.symm"}, "proof"),
        ({"formal_statement": STATEMENT, "proof": "by\n  have h' := h\n  exact h'.symm"}, "proof"),
        ({"formal_statement": f"{STATEMENT} :=", "proof": "by\n  have h' := h\n  exact h'.symm"}, "proof"),
        ({"Formal Statement": f"{STATEMENT} := by sorry", "Formal Proof": WHOLE}, "Formal Proof"),
        ({"full_proof": WHOLE}, "full_proof"),
        ({"problem": "Show it.", "formal_ground_truth": WHOLE}, "formal_ground_truth"),
        ({"lean_code": f"Here it is.\n```lean4\n{WHOLE}```\nDone."}, "lean_code"),
    ],
)
def test_a_tactic_is_a_step_in_every_spelling(data, column):
    trajectory = read(data)
    assert [s.action for s in trajectory.steps] == TACTICS
    assert STATEMENT in trajectory.problem
    assert "h'" not in trajectory.problem
    assert source(trajectory) == data[column]
    assert (trajectory.domain, trajectory.answer, trajectory.verified) == ("lean", None, None)


def test_deepseek_prover():
    trajectory = read(
        {
            "name": "thm_1",
            "informal_prefix": "/-- Equality is symmetric. -/\n",
            "formal_statement": f"{STATEMENT} := by\n",
            "goal": "a b : ℕ\n⊢ b = a",
            "header": "import Mathlib\nopen Nat\n\n",
            "formal_proof": "  -- use it\n  exact h.symm",
        }
    )
    assert trajectory.id == "thm_1"
    header, words = "import Mathlib\nopen Nat", "/-- Equality is symmetric. -/"
    assert trajectory.problem == f"{header}\n\n{words}\n\n{STATEMENT} := by"
    assert [(s.thought, s.action) for s in trajectory.steps] == [("-- use it", "exact h.symm")]


def test_lean_workbook_has_its_proofs_in_a_list():
    data = {
        "id": "lean_workbook_1",
        "natural_language_statement": "Show symmetry.",
        "formal_statement": f"{STATEMENT}  :=  by sorry",
        "proof": ["exact h.symm"],
    }
    trajectory = read(data)
    assert trajectory.problem == f"Show symmetry.\n\n{STATEMENT}  :=  by"
    assert source(trajectory) == "exact h.symm"


def test_a_comment_at_the_end_of_the_statement_is_no_thought():
    trajectory = read({"formal_statement": f"{STATEMENT} := by\n  -- plan\n", "formal_proof": "  exact h.symm\n"})
    assert [(s.thought, s.action) for s in trajectory.steps] == [(None, "exact h.symm")]
    assert source(trajectory) == "  exact h.symm\n"


def test_a_proof_with_a_hole_is_not_verified():
    assert read({"formal_statement": f"{STATEMENT} := by", "proof": "  intro x\n  sorry"}).verified is False


def test_the_prompt_asks_for_a_tactic():
    first, second = step_instances(read({"full_proof": WHOLE}), targets="all")
    assert "one tactic" in first.prompt[0]["content"]
    assert second.prompt[0]["content"].endswith("Proof so far:\nhave h' := h")
    assert "title" not in first.prompt[0]["content"]


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        ({"formal_statement": f"{STATEMENT} := by"}, DropReason.NO_TRAJECTORY, "without a proof"),
        ({"formal_statement": f"{STATEMENT} := by", "formal_proof": ""}, DropReason.NO_TRAJECTORY, "without a proof"),
        ({"formal_statement": f"{STATEMENT} :=", "proof": "h.symm"}, DropReason.OTHER_PROOF, "a proof term"),
        ({"full_proof": f"{STATEMENT} := h.symm"}, DropReason.OTHER_PROOF, "a proof term"),
        ({"full_proof": f"{STATEMENT} :=\nbegin\n  exact h.symm,\nend"}, DropReason.OTHER_PROOF, "Lean 3"),
        (
            {"formal_statement": 'lemma "a = a"', "proof": "proof -\n  show ?thesis by simp\nqed"},
            DropReason.OTHER_PROOF,
            "Isabelle",
        ),
        ({"isabelle_proof": "by (simp add: foo)"}, DropReason.OTHER_PROOF, "Isabelle"),
        ({"proof": 'theorem t:\n  fixes a :: nat\n  shows "a = a"\n  by simp'}, DropReason.OTHER_PROOF, "Isabelle"),
        ({"formal_statement": "Lemma t : 1 = 1.", "proof": "Proof. reflexivity. Qed."}, DropReason.OTHER_PROOF, "Coq"),
        ({"coq_proof": "intros. auto."}, DropReason.OTHER_PROOF, "Coq"),
    ],
)
def test_reasons(data, reason, said):
    with pytest.raises(Rejected) as rejected:
        read(data)
    assert rejected.value.reason is reason
    assert said in rejected.value.detail


def test_columns_by_name():
    columns = parse_columns("problem=s,solution=p")
    assert len(read({"s": f"{STATEMENT} := by", "p": "  exact h.symm"}, columns).steps) == 1
    with pytest.raises(Rejected, match="no column 'p'"):
        read({"s": "x"}, columns)


def test_the_form_is_found_by_its_columns():
    assert detect(row({"full_proof": WHOLE, "problem_id": "x"})) is FORM
    assert (
        detect(row({"formal_statement": STATEMENT, "formal_proof": "by simp", "answer": "2", "problem": "p"})) is FORM
    )


@pytest.mark.parametrize(
    "data",
    [
        {"problem": "p", "proof": "Proof. We have $a=b$, so the theorem holds. Q.E.D."},
        {"statement": "Every theorem is true.", "proof": "By induction."},
        {"statement": "p"},
        {"problem": "p", "solution": "1. **A** x", "formal_statement": STATEMENT},
        {"code": "x := 3\nprint(x)"},
        {"proof": 3, "formal_statement": None},
    ],
)
def test_not_recognised(data):
    assert not FORM.matches(row(data))
