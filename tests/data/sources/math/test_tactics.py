"""Lean proofs cut into tactics, by hand after Lean's rules of position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import DropReason
from treadle.data.sources.math.tactics import parse_proof, without_comments
from treadle.files.rows import Rejected

THEOREM = "theorem t (n : ℕ) : n = n := by"


def parse(source):
    proof = parse_proof(source)
    assert text_of(proof) == source
    return proof


def text_of(proof):
    return proof.statement + proof.preamble + "".join(step.text for step in proof.steps) + proof.epilogue


def tactics(body):
    return [step.action for step in parse(THEOREM + body).steps]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("\n  simp\n  rfl", ["simp", "rfl"]),
        (" rfl", ["rfl"]),
        (" nlinarith [sq_nonneg a,\n    sq_nonneg b]", ["nlinarith [sq_nonneg a,\n    sq_nonneg b]"]),
        ("\n    simp\n\n    rfl\n", ["simp", "rfl"]),
        (
            "\n  have h : a = b := by\n    simp\n    rfl\n  exact h",
            ["have h : a = b := by\n    simp\n    rfl", "exact h"],
        ),
        ("\n  constructor\n  · simp\n    rfl\n  · exact h", ["constructor", "· simp\n    rfl", "· exact h"]),
        (
            "\n  induction n with\n  | zero => rfl\n  | succ k ih =>\n    simp\n  done",
            ["induction n with\n  | zero => rfl\n  | succ k ih =>\n    simp", "done"],
        ),
        (
            "\n  cases h\n  case inl h => simp\n  case inr h => rfl",
            ["cases h", "case inl h => simp", "case inr h => rfl"],
        ),
        ("\n  all_goals simp\n  <;> rfl\n  done", ["all_goals simp\n  <;> rfl", "done"]),
        ("\n  simp <;>\n  rfl", ["simp <;>\n  rfl"]),
        ("\n  calc a = b := by simp\n  _ = c := by rfl\n  done", ["calc a = b := by simp\n  _ = c := by rfl", "done"]),
        ("\n  calc\n    a = b := by simp\n    _ = c := by rfl", ["calc\n    a = b := by simp\n    _ = c := by rfl"]),
        ("\n  simp only [\n  h,\n  h']\n  rfl", ["simp only [\n  h,\n  h']", "rfl"]),
        ("\n  refine ⟨?_,\n?_⟩\n  rfl", ["refine ⟨?_,\n?_⟩", "rfl"]),
        ("\n  simp; rfl", ["simp; rfl"]),
        ("\n  open Nat in\n  simp\n  rfl", ["open Nat in\n  simp", "rfl"]),
        ("\n  rw [h]\n    at h'\n  rfl", ["rw [h]\n    at h'", "rfl"]),
        ('\n  norm_num [show "(" = x by rfl]\n  rfl', ['norm_num [show "(" = x by rfl]', "rfl"]),
        ("\n  simp -- (\n  rfl", ["simp -- (", "rfl"]),
    ],
)
def test_a_tactic_begins_in_the_column_of_the_first(body, expected):
    assert tactics(body) == expected


def test_comments_on_lines_of_their_own_are_the_thought_of_what_is_below():
    body = "\n  -- first\n  -- of two\n  simp\n\n  /- now\n  theorem x := by -/\n  rfl\n  -- the end\n"
    proof = parse(THEOREM + body)
    assert [(s.thought, s.action) for s in proof.steps] == [
        ("-- first\n  -- of two", "simp"),
        ("/- now\n  theorem x := by -/", "rfl"),
    ]
    assert proof.epilogue.strip() == "-- the end"
    assert (proof.statement, proof.preamble) == (THEOREM, "\n  ")


def test_the_statement_ends_at_the_by_that_is_in_no_bracket():
    statement = "theorem t (n : ℕ := by exact 3) (h : (let x := 2; x) = 2) :\n    n = 3 :=\n  by"
    assert parse(statement + "\n  simp").statement == statement


def test_what_is_before_the_last_theorem_belongs_to_the_statement():
    before = "import Mathlib\n\ndef f := 2\n\nlemma a : f = 2 := by\n  rfl\n\n"
    proof = parse(before + "@[simp] private theorem b : f = 2 := by\n  exact a\n\nend Foo\n#print axioms b\n")
    assert proof.statement.startswith(before)
    assert [s.action for s in proof.steps] == ["exact a"]
    assert proof.epilogue == "end Foo\n#print axioms b\n"


@pytest.mark.parametrize(("body", "proved"), [("\n  simp", True), ("\n  sorry", False), ("\n  simp -- sorry", True)])
def test_a_hole_is_no_proof(body, proved):
    assert parse(THEOREM + body).proved is proved


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("theorem t : 1 = 1 := rfl", "a proof term, no tactics (:= rfl)"),
        ("theorem t : 1 = 1 := fun x => by simp", "a proof term"),
        ("theorem t : ∀ n, n = n\n  | 0 => rfl\n  | n + 1 => rfl", "a proof term, no tactics (no `:=`)"),
        ("theorem t : 1 = 1 :=\nbegin\n  refl,\nend", "Lean 3"),
        ("#eval 3", "no theorem, lemma or example"),
        (THEOREM + "\n  simp\ndef g := 3", "another declaration follows: def g := 3"),
        (THEOREM + "\n\tsimp", "tabs"),
    ],
)
def test_other_proofs_are_named(source, said):
    with pytest.raises(Rejected) as rejected:
        parse_proof(source)
    assert rejected.value.reason is DropReason.OTHER_PROOF
    assert said in rejected.value.detail
    assert "form treadle" in rejected.value.detail


def test_a_statement_without_a_proof():
    with pytest.raises(Rejected) as rejected:
        parse_proof(THEOREM + "\n  -- to do\n")
    assert rejected.value.reason is DropReason.NO_TRAJECTORY


def test_comments_and_strings_are_blanked_in_place():
    source = 'a -- b "\n"c -- d" /- e /- f -/ g -/ h «i -- j»'
    bare = without_comments(source)
    assert len(bare) == len(source)
    assert bare.split() == ["a", "x" * 8, "h", "x" * 8]


blocks = st.sampled_from(
    ["simp", "rfl", "have h : p := by\n    simp\n\n    rfl", "· simp", "rw [a,\n b]", "calc a = b := c"]
)


@given(st.lists(st.tuples(blocks, st.sampled_from(["", "-- a\n  ", "/- b -/\n  "])), min_size=1, max_size=6))
def test_every_tactic_is_one_step_and_nothing_is_lost(parts):
    body = "".join(f"\n  {comment}{tactic}" for tactic, comment in parts)
    proof = parse(THEOREM + body)
    assert [s.action for s in proof.steps] == [tactic for tactic, _ in parts]
    assert [s.thought for s in proof.steps] == [comment.strip() or None for _, comment in parts]


@given(st.text('ab:=by \n-/"([])·|⟨⟩', max_size=60))
def test_any_text_is_cut_or_named_and_nothing_is_lost(body):
    try:
        proof = parse_proof(THEOREM + body)
    except Rejected:
        return
    assert text_of(proof) == THEOREM + body
