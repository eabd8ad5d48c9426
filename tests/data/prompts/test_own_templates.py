"""Templates of a user's folder, right and wrong."""

from __future__ import annotations

import pytest

from tests.domains.folders import write_domain
from treadle.data.prompts import guided_frame, solve_prompt, step_prompt
from treadle.domains.registry import use
from treadle.errors import DomainError
from treadle.trajectory import Step

pytestmark = pytest.mark.usefixtures("no_domains")


@pytest.mark.parametrize("name", ["field", "a field ∑"])
def test_they_are_rendered(tmp_path, name):
    use(str(write_domain(tmp_path / name)))
    (message,) = step_prompt("field", "Walk to 3.", [Step("go 1")])
    assert message == {"role": "user", "content": "Task: Walk to 3.\n- go 1\nGive the next move."}
    assert solve_prompt("field", "Walk to 3.")[0]["content"] == "Task: Walk to 3.\nGive all moves."


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{{ problm }}", r"step\.j2: 'problm' is undefined; what it is given is .*problem"),
        ("{{ problem.text }}", r"step\.j2: .*no attribute 'text'"),
        ("a\n{% if %}", r"step\.j2, line 2: .*; mend the template"),
        ("a\nb\n{{ problem ", r"step\.j2, line 3: .*; mend the template"),
        ("{{ problem | upp }}", r"step\.j2, line 1: .*'upp'.*; mend the template"),
        ("{{ problem + 1 }}", r"step\.j2: TypeError: .*; mend the template"),
        ("{% include 'other.j2' %}", r"step\.j2: it names the template 'other\.j2', which is not in its folder"),
        (
            "{{ ''.__class__.__mro__ }}",
            r"step\.j2: SecurityError: access to attribute '__class__' of 'str' object is unsafe",
        ),
        ("{{ 1 / 0 }}", r"step\.j2: ZeroDivisionError: division by zero; mend the template"),
    ],
)
def test_what_is_wrong_is_a_line_with_the_file(tmp_path, step, said):
    folder = write_domain(tmp_path / "field", step=step)
    use(str(folder))
    with pytest.raises(DomainError, match=said) as error:
        step_prompt("field", "Walk.", [])
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_template_that_is_not_there_says_what_to_do(tmp_path):
    folder = write_domain(tmp_path / "field")
    use(str(folder))
    with pytest.raises(DomainError, match=r"has no prompt with a hint .*add the template"):
        guided_frame("field", "Walk.")
