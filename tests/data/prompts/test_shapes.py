"""What a prompt says of the expert's steps, held against the steps of every file of math samples.

For each form the sentence of the prompt and a predicate of its own: no predicate shares code with `step_form`.
"""

from __future__ import annotations

import re

import pytest

from treadle import Step, Trajectory, read_trajectories, step_instances

NUMBER = re.compile(r"[#*\s]*(?:(?:Step|Étape)\s*\d+|\(?\d+[.):](?!\d))|第.步")
BOLD_TITLE = re.compile(r"[#*\s]*(?:Step\s*)?\(?\d+[.):]?\s*(?:\*\*)?\s*[^*\n]+[:.]?\s*\*\*|\*\*.*\d.*\*\*")


def is_numbered(step: Step) -> bool:
    return bool(NUMBER.match(step.action))


def is_line(step: Step) -> bool:
    return not is_numbered(step) and "\n" not in step.action and (step.title is None or step.title not in step.action)


SHAPES = {
    "its number, a short title in bold, then the work.": lambda s: is_numbered(s) and bool(BOLD_TITLE.match(s.action)),
    "its number, a short title, then the work.": lambda s: (
        is_numbered(s) and bool(s.title) and not BOLD_TITLE.match(s.action)
    ),
    "its number, then the work.": lambda s: is_numbered(s) and not s.title,
    "on a single line, without a number or a title.": lambda s: is_line(s) and s.title is None,
    "on a single line: the calculation that answers the next question, without a number or a title.": lambda s: (
        is_line(s) and s.title is not None
    ),
    "as a passage of the written solution: whole sentences with their formulas, without a number or a title.": (
        lambda s: not is_numbered(s) and s.title is None
    ),
    "in words and formulas, without a number or a title.": lambda s: not is_numbered(s) and s.title is None,
}
OVERLAP = {  # shapes that a step may have besides: a passage may be one line
    "as a passage of the written solution: whole sentences with their formulas, without a number or a title.",
    "in words and formulas, without a number or a title.",
    "on a single line, without a number or a title.",
}


def asked(trajectory: Trajectory) -> str:
    """The sentence of the prompt that says how the step is to look."""
    content = step_instances(trajectory, targets="all")[0].prompt[0]["content"]
    (sentence,) = [line for line in content.split("\n") if "write the next step and nothing else, " in line]
    said = sentence.split("write the next step and nothing else, ")[1].removeprefix("in the form of a numbered step: ")
    assert said in SHAPES
    return said


def check(trajectory: Trajectory) -> str:
    said = asked(trajectory)
    share = {shape: sum(map(fits, trajectory.steps)) / len(trajectory.steps) for shape, fits in SHAPES.items()}
    assert share[said] >= 0.5, (said, [step.action for step in trajectory.steps])
    others = set(SHAPES) - ({said} if said not in OVERLAP else OVERLAP)
    assert max(share[other] for other in others) <= 0.5, (said, share, [step.action for step in trajectory.steps])
    return said


def of(*steps: str | tuple[str, str], **meta) -> Trajectory:
    pairs = [step if isinstance(step, tuple) else (step, None) for step in steps]
    return Trajectory("t", "p", tuple(Step(action, title) for action, title in pairs), meta=meta)


@pytest.mark.parametrize(
    ("trajectory", "said"),
    [
        (of(("1. **Add** 1+1", "Add"), ("2. **Stop** 2", "Stop")), "a short title in bold"),
        (of(("**Step 1: Add** 1+1", "Add"), ("**Step 2: Stop** 2", "Stop")), "a short title in bold"),
        (of(("### Step 1: Add\n1+1", "Add"), ("### Step 2: Stop\n2", "Stop")), "a short title, then"),
        (of("Step 1: 1+1 = 2", "Step 2: so 2"), "its number, then"),
        (of("1. add", "2) stop"), "its number, then"),
        (of("(1) add", "(2) stop"), "its number, then"),
        (of("Étape 1 : x", "Étape 2 : y"), "its number, then"),
        (of("第一步：x", "第二步：y"), "its number, then"),
        (of("2*3=<<2*3=6>>6 pens.", "6-1=5"), "on a single line, without"),
        (of("Count the pens. ", "3.5 litres are left."), "on a single line, without"),
        (of(("2*3=6", "How many?"), ("6-1=5", "How many are left?")), "the calculation that answers the next question"),
        (of("Let $x$ be\n$$1$$", "Then\n$$2$$"), "in words and formulas"),
        (of("Let $x$ be\n$$1$$", "Then $y$.", segmented="prose"), "as a passage of the written solution"),
        (of("1. Let $x$ be\n$$1$$", "2. Then $y$.", segmented="prose"), "its number, then"),
    ],
)
def test_the_prompt_says_what_the_steps_look_like(trajectory, said):
    assert said in check(trajectory)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("amc_aime_solutions", {}, {"its number, a short title in bold, then the work."}),
        ("amc_aime_solutions", {"segment": "prose"}, {"its number, then the work.", "as a passage"}),
        ("s1k", {"segment": "prose"}, {"its number, a short title in bold", "its number, then", "as a passage"}),
        ("s1k", {"untitled": "keep"}, {"its number, then the work."}),
        ("deepseek_r1_math", {}, {"its number, a short title in bold"}),
        ("deepseek_r1_gsm8k", {}, {"its number, a short title in bold"}),
        ("deepseek_r1_gsm8k", {"segment": "prose"}, {"as a passage"}),
        ("gsm8k_train_2000", {}, {"on a single line, without a number or a title."}),
    ],
)
def test_prompts_of_real_files_say_what_their_steps_look_like(data, name, settings, said):
    found = {check(t) for t in list(read_trajectories(data / "math" / f"{name}.jsonl", **settings))[:700]}
    assert all(any(sentence.startswith(part) for sentence in found) for part in said), found


def test_the_title_of_a_step_is_shown_as_the_question_that_it_answers():
    socratic = of(("2*3=6", "How many?"), ("6-1=5", "How many are left?"))
    contents = [i.prompt[0]["content"] for i in step_instances(socratic, targets="all", give_title=True)]
    assert contents[1].endswith("Question that the next step answers: How many are left?")
    assert "How many" not in step_instances(socratic, targets="all")[1].prompt[0]["content"]
    untitled = step_instances(of("2+2=4", "So 4."), targets="all", give_title=True)
    assert not any(word in untitled[1].prompt[0]["content"] for word in ("Title of", "Question that"))


def test_the_prompt_of_titled_steps_is_as_it_was():
    titled = of(("1. **Add** 1+1", "Add"), ("2. **Stop** 2", "Stop"))
    assert step_instances(titled, targets="all", give_title=True)[1].prompt[0]["content"] == (
        "Below are a mathematics problem and the steps of its solution that have been worked out so far, if any. Give "
        "the very next step of the solution: one logical step, not the rest of the solution.\n\n"
        "First think. Write your thoughts between <think> and </think>, as freely and at whatever length you need. "
        "After </think> write the next step and nothing else, in the form of a numbered step: its number, a short "
        "title in bold, then the work.\n\nProblem:\np\n\nSolution so far:\n1. **Add** 1+1\n\n"
        "Title of the next step: Stop"
    )
