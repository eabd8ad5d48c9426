"""Texts of harnesses about a missing action, from their repositories, told from users and programs."""

from __future__ import annotations

import pytest

from treadle.data.sources.agents.harness import is_refusal, refused
from treadle.data.sources.messages import Message


@pytest.mark.parametrize(
    "text",
    [
        "Please continue working on the task on whatever approach you think is suitable.\nIf you think you have ...",
        "Your last response did not include a function call or a message. Please use a tool to proceed.",
        "Please always provide EXACTLY ONE action in triple backticks, found 0 actions.",
        "Format error:\n\n<error>\nExpected exactly 1 action, found 2.\n</error>",
        "Tool call error:\n\n<error>\nUnknown tool 'x'.\n</error>",
        "No tool calls found in the response. Every response MUST include at least one tool call.",
        "Your last output did not use any tool calls!\nPlease include exactly _ONE_ function call!",
        "Your output was not formatted correctly. You must always include one discussion and one command.",
        "Your output could not be parsed as JSON. Please make sure your output 1) is valid JSON",
        "Previous response had parsing errors:\nERROR: No valid JSON found in response",
        "I don't understand your input. \nIf you want to execute code, please use <execute> YOUR_CODE_HERE </execute>.",
        "Invalid Format: Missing 'Action:' after 'Thought:'",
        "No executable tool calls found. Please call a tool instead",
        "Error: you must call a tool in every response.",
        "Your response must contain exactly one code block.",
        "The previous message is not a valid action. Use one of the listed commands.",
        "You didn't provide a command. Try again.",
        "No command found in your reply.",
        "Please provide a bash command in ```bash ... ``` format.",
        "Error: no action specified.",
        "Error: Could not parse your response. Please use the correct format.",
        "I could not find any code block in your response.",
        "No tool was called. Please call one of the available tools.",
        "The tool call was malformed: missing closing tag",
        "Failed to parse tool call: Expecting ',' delimiter",
        "Error: Invalid JSON in tool call arguments",
        "[ERROR] You did not use a tool in your previous response! Please retry with a tool use.",
        "Function call format error. Please follow the specified format strictly.",
        "Observation: Invalid Format: Missing 'Action:' after 'Thought:'",
        "There was no action in your response. Please include an action.",
        "Your reply must end with a single code block.",
        "Please continue.",
        "ok, go on",
        "continue",
    ],
)
def test_harnesses(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "No, please cancel the order instead.",
        "My user id is mia_li_3668. I do not remember the reservation number.",
        "Please do not exchange anything yet.",
        "Now count the lines of b.txt.",
        "Continue with the second part: write the tests, and then a README that explains what was changed.",
        "<returncode>1</returncode>\n<output>\nerror: no such file\n</output>",
        "a.py please, the function call foo() must not fail",
        "Your last response did not give the format I asked for: JSON with actions.",
        "The function must not return null.",
        "Can you give me a command to list files?",
        "No action needed, thanks!",
        "It must be valid JSON.",
        "I don't have a tool.",
        "You should use the search function.",
        "Please provide a command to list files",
        "The order must be cancelled, not exchanged.",
        "I want you to fix the parse error in the JSON output",
        "bash: foo: command not found",
        "Your action was right. Next: sort the list.",
        "Don't use a function for this",
        "My tool is not working",
        "###STOP###",
    ],
)
def test_users_and_programs(text):
    assert not is_refusal(text)


def test_the_sources_own_mark_and_texts_of_no_program_count_for_turns_with_an_action_too():
    marked = Message("user", "Unknown.", {"extra": {"interrupt_type": "FormatError"}})
    plain = Message("user", "Please always provide EXACTLY ONE action in triple backticks, found 0 actions.", {})
    unsure = Message("user", "error: no function call found in line 3", {})
    assert all(refused([answer], in_doubt) for answer in (marked, plain) for in_doubt in (True, False))
    assert refused([unsure], in_doubt=True)
    assert not refused([unsure], in_doubt=False)
    assert not refused([], in_doubt=True)
    assert not refused([plain, Message("user", "out", {})], in_doubt=True)
