"""How an expert words what it thinks: several ways to say each thing, one chosen by the task.

A wording only says what was seen before it: the description, and what the tools answered. Why a change mends the bug is
said by `treadle.evaluate.swe.tasks.reasons`.
"""

from __future__ import annotations

import random

_WORDINGS: dict[str, tuple[str, ...]] = {
    "locate": (
        "The description is about `{function}`. Let me find where it is defined.",
        "First I need the code of `{function}`.",
        "Where is `{name}` defined? I search the package for it.",
        "I begin with the definition of `{name}`, which the description names.",
        "To see why `{function}` goes wrong I have to read it, so I look for its definition.",
    ),
    "locate_after": (
        "So I look for the definition of `{name}`.",
        "Next I need the code of `{function}`.",
        "Where is `{name}` defined?",
        "Let me search the package for `{name}`.",
    ),
    "locate_in": (
        "The description names the module `{module}`, so `{file}` is the file. At which line is `{name}`?",
        "`{name}` should be in `{file}`.",
        "I look for `{name}` in `{file}`, where the description has it.",
    ),
    "list": (
        "The description names no function. Which are there?",
        "What is tested goes through other functions. Let me see their names.",
        "I do not know yet which function it is, so I list them.",
    ),
    "listed": (
        "`{name}` of `{file}` is one that this goes through.",
        "By its name `{name}` does what is wrong here.",
        "`{name}` could be it.",
    ),
    "wrong_look": (
        "Perhaps `{other}` defines `{name}`. Let me look there first.",
        "I start with `{other}`, where `{name}` may come from.",
        "`{other}` is a likely place for `{name}`.",
    ),
    "wrong_nothing": (
        "`{other}` has no `{name}`. I was wrong about the file.",
        "Nothing of `{name}` in `{other}`, so it is defined elsewhere.",
    ),
    "wrong_named": (
        "`{other}` is not where `{name}` is written.",
        "That does not show the body of `{name}`; it is in another file.",
    ),
    "look": (
        "It is in `{file}`. Let me read it.",
        "`{name}` begins at line {line} of `{file}`. I read it.",
        "Found: `{file}`, line {line}. Let me see the code.",
        "Now the code itself, in `{file}`.",
    ),
    "look_file": (
        "It is in `{file}`. Let me read it.",
        "I read `{name}` in `{file}`.",
        "Now the code itself, in `{file}`.",
    ),
    "look_direct": (
        "I read `{name}` with some lines after its definition.",
        "Let me see the definition of `{name}` and what follows it.",
        "The definition of `{function}` and the lines below it should show what happens.",
    ),
    "look_frame": (
        "The traceback goes through line {line} of `{file}`. Let me read what is around it.",
        "Line {line} of `{file}` is where it happens. I look at the code there.",
    ),
    "look_on": (
        "This is only the beginning of `{name}`. Let me read on.",
        "Nothing wrong so far in `{name}`; the rest of it follows.",
        "The lines up to here look right to me. I read the next part of `{name}`.",
    ),
    "look_called": (
        "What comes into these lines is made by `{name}`. I read that.",
        "The cause lies before these lines: in `{name}`, I think.",
        "From there I go to `{name}`.",
    ),
    "run": (
        "Let me see how it fails before I change anything.",
        "I run `{test}` to see what comes out.",
        "What does `{test}` say?",
        "First I want to see the failure myself.",
        "Let me run the test that covers this.",
    ),
    "run_after_look": (
        "Before I decide, I run `{test}` to see the value that comes out.",
        "Let me check against `{test}` how this code fails.",
        "I have read `{name}`. Now the failure itself.",
    ),
    "read_test": (
        "The tests say what is expected. Where is `{test}`?",
        "I look for the test of this first: `{test}`.",
        "What exactly is expected? `{test}` should tell.",
    ),
    "read_test_body": (
        "There it is. Let me read `{test}`.",
        "I read the test to learn what it expects.",
    ),
    "tested": (
        "So this is what `{test}` expects.",
        "Now I know what should come out.",
        "`{test}` makes clear what is expected.",
    ),
    "script": (
        "I write the case down as a script that fails as long as the bug is there.",
        "Let me reproduce it with a small script.",
        "A script of the few lines in question will tell me when it works.",
    ),
    "run_script": (
        "Now I run the script.",
        "Let me see what the script gives.",
        "Does it fail as described?",
    ),
    "failed": (
        "It fails with `{failure}`.",
        "The failure is `{failure}`.",
        "I see `{failure}`.",
        "What comes out is `{failure}`.",
    ),
    "failed_silent": (
        "It fails, as the description says.",
        "The failure is there.",
    ),
    "verify": (
        "Now let me run the tests that failed.",
        "Does it work now? I run `{test}` again.",
        "Let me check the change with `{test}`.",
        "I run the test again.",
    ),
    "verify_file": (
        "Let me run all of `{tests}`, to see that nothing else broke.",
        "Now the whole file of tests, `{tests}`.",
        "I run `{tests}`, which has the tests of `{name}` and its neighbours.",
    ),
    "verify_all": (
        "Let me run all tests of the package.",
        "The whole suite should pass with this.",
    ),
    "verify_script": (
        "Now the script again.",
        "Does the script run through now?",
        "I run the script with the change in place.",
    ),
    "clean": (
        "The script has done its work. I remove it and run the tests.",
        "I take the script away and run `{test}`.",
    ),
    "verify_again": (
        "Some tests of these fail. Are those of the description among them?",
        "Not everything passes here. I run the tests that the description is about by themselves.",
    ),
    "passed": (
        "It passes.",
        "The tests pass now.",
        "That works.",
        "All of it passes.",
    ),
    "submit": (
        "The change to `{name}` is complete. I submit it.",
        "`{function}` does what the description asks for. I hand it in.",
        "That is all that was needed in `{file}`. Submitting.",
        "I am done with `{name}`.",
    ),
    "confirm": (
        "The diff has the change to `{file}` and nothing else. I confirm.",
        "Only `{file}` differs, no test was touched. I submit again to confirm.",
        "The review shows what I meant to change in `{name}`. Confirmed.",
        "No script is left and the tests are as they were, so I confirm the submission.",
    ),
    "at_line": (
        "Line {line} of `{file}` reads `{before}`.",
        "In `{name}`, line {line} is `{before}`.",
        "Here is the place, line {line}: `{before}`.",
    ),
    "at": (
        "In `{name}` I read `{before}`.",
        "The code of `{function}` has `{before}`.",
        "Here is the place: `{before}`.",
    ),
    "at_lines": (
        "The lines from {first} on in `{name}` are the place.",
        "It is this part of `{name}`, from line {first} on.",
    ),
    "explains": (
        "That explains `{failure}`.",
        "This is where `{failure}` comes from.",
        "So `{failure}` comes out.",
    ),
    "explains_issue": (
        "That is what the description is about.",
        "This gives the result that the description complains of.",
        "",
    ),
    "becomes": (
        "It should be `{after}`.",
        "`{after}` is right.",
        "I change it to `{after}`.",
    ),
    "mend": (
        "I mend these lines.",
        "I put that right.",
        "Let me change that.",
    ),
}


def say(chance: random.Random, what: str, **values: object) -> str:
    """One of the wordings of `what`, with the values that it names filled in."""
    return chance.choice(_WORDINGS[what]).format(**values)
