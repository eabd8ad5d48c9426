"""Turns with calls beside their text (`tool_calls`, `function_call`), and which result belongs to which call.

A call's result names its id, and belongs to its call also where it comes after a later turn. Where calls have no ids,
or the same, or results name none, as many results as calls are paired by the names of their tools, where these tell, or
in their order. One message may hold all results, as a list of texts or of objects with ids, or be the result of
several calls (SWE-agent's `tool_call_ids`): it then follows the last of them. What is no call's result follows the last
call. The last call of a run may lack a result, as the run ends with it.

Calls of one response may also stand in messages of their own, one after the other, with the results behind them; these
are paired in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from treadle.data.sources.agents.calls import as_json, read_call, render
from treadle.data.sources.agents.harness import refused
from treadle.data.sources.agents.turn import Turn, beside, reasoning_of, refused_turn
from treadle.data.sources.form import expect
from treadle.data.sources.messages import Exchange, Message, as_dict, as_list
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected

_RESULT_TEXTS = ("content", "output", "result", "text")
_NONE = ("", "null", "none", "[]", "{}", "nan")


def has_calls(raw: dict[str, Any]) -> bool:
    return _given(raw.get("tool_calls")) or _given(raw.get("function_call"))


def _given(value: Any) -> bool:
    return bool(value) and not (isinstance(value, str) and value.strip().lower() in _NONE)


def calls_of(raw: dict[str, Any], where: str) -> list[Any]:
    """The calls of an assistant's message, each as an object where the source has it as text.

    Raises:
        Rejected: `tool_calls` is no list.
    """
    if _given(raw.get("tool_calls")):
        calls = raw["tool_calls"]
        if isinstance(calls, str) and (read := as_list(calls)) is not None:
            calls = read
        elif as_dict(calls):
            calls = [as_dict(calls)]
        return [as_dict(call) or call for call in expect(calls, list, f"tool_calls of {where}")]
    return [as_dict(raw["function_call"]) or raw["function_call"]] if _given(raw.get("function_call")) else []


def turn_of_calls(
    exchange: Exchange,
    calls: Sequence[Any],
    action: Callable[[str, dict[str, Any]], str] = render,
    answers: list[list[str]] | None = None,
    is_last: bool = False,
) -> Turn:
    """The turn of a message with calls, a step for each.

    Args:
        action: What the environment consumes, from a call's name and arguments.
        answers: The texts that answered each call; `None` pairs what followed the message.
        is_last: Whether the run ends with this turn.

    Raises:
        Rejected: A call is broken, or it is open which of several were carried out.
    """
    where = exchange.where
    if refused(exchange.answers, in_doubt=False):
        return refused_turn(exchange)
    try:
        if answers is None:
            answers = paired(calls, exchange.answers, where, is_last)
        text = exchange.message.text
        prose = [text] + [""] * (len(calls) - 1)
        steps = [
            beside(said, action(*read_call(call, where)), as_json(call))
            for said, call in zip(prose, calls, strict=True)
        ]
    except Rejected:
        if refused(exchange.answers, in_doubt=True):
            return refused_turn(exchange)
        raise
    return Turn(text, steps, answers, reasoning_of(exchange.message.raw))


def paired(calls: Sequence[Any], answers: Sequence[Message], where: str, is_last: bool = False) -> list[list[str]]:
    """The texts that answered each call. What answers none of several by its id follows the last of them.

    Raises:
        Rejected: It is open which of several calls were carried out.
    """
    if len(calls) == 1:
        return [[answer.text for answer in answers]]
    answers = list(_single_results(answers, len(calls)))
    ids = [_key(call.get("id")) if isinstance(call, dict) else None for call in calls]
    places = [_places(answer, ids) for answer in answers]
    found = {k for several in places for k in several}
    texts: list[list[str]] = [[] for _ in calls]
    if len(set(ids)) < len(ids) or None in ids or not found:
        results = [answer for answer in answers if answer.role == "tool"] or answers
        if len(results) != len(calls):
            raise Rejected(
                DropReason.SEVERAL_ACTIONS,
                f"{where} has {len(calls)} calls and {len(results)} results, which no ids pair with each other",
            )
        order = iter(_by_name(calls, results))
        places = [[next(order)] if any(answer is result for result in results) else [] for answer in answers]
    elif not found.issuperset(range(len(calls) - is_last)):
        raise Rejected(
            DropReason.SEVERAL_ACTIONS,
            f"{where} has {len(calls)} calls, of which {len(found)} have a result of their own",
        )
    for answer, several in zip(answers, places, strict=True):
        texts[several[-1] if several else len(calls) - 1].append(answer.text)
    return texts


def _by_name(calls: Sequence[Any], results: Sequence[Message]) -> Sequence[int]:
    """The call of each result: by the tool's name where all names are there and none twice, else in order."""
    called = [_name(as_dict(call).get("function", call)) for call in calls]
    named = [_name(result.raw) for result in results]
    tells = None not in called and len(set(called)) == len(called) and sorted(map(str, named)) == sorted(called)
    return [called.index(name) for name in named] if tells else range(len(calls))


def _name(value: Any) -> str | None:
    found = as_dict(value).get("name") if not isinstance(value, str) or value[:1] == "{" else value
    return found if isinstance(found, str) else None


def _places(answer: Message, ids: list[str | None]) -> list[int]:
    """The calls that a message answers by their ids."""
    several = answer.raw.get("tool_call_ids")  # SWE-agent's
    own = {_key(i) for i in (answer.raw.get("tool_call_id"), *(several if isinstance(several, list) else ()))} - {None}
    return [k for k, i in enumerate(ids) if i in own]


def _key(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int) and not isinstance(value, bool) else None


def _single_results(answers: Sequence[Message], count: int) -> Iterator[Message]:
    """The answers, a message that holds the results of all calls being one for each."""
    results = [answer for answer in answers if answer.role == "tool"]
    for answer in answers:
        parts = _parts(answer) if len(results) == 1 and answer.role == "tool" else None
        if parts is None or len(parts) != count:
            yield answer
            continue
        for text, i in parts:
            yield Message("tool", text, {"tool_call_id": i})


def _parts(answer: Message) -> list[tuple[str, Any]] | None:
    """Text and id of each result that a message holds; `None` if it is not a list of results."""
    found = []
    for part in as_list(answer.raw.get("content")) or ():
        part = {"text": part} if isinstance(part, str) else as_dict(part)
        text = next((part[name] for name in _RESULT_TEXTS if isinstance(part.get(name), str)), None)
        if text is None:
            return None
        found.append((text, part.get("tool_call_id") or part.get("id")))
    return found or None


def turns_of_calls(
    exchanges: Sequence[Exchange],
    action: Callable[[str, dict[str, Any]], str] = render,
) -> dict[int, Turn]:
    """The turns of all messages with calls, by their number.

    Raises:
        Rejected: As `turn_of_calls`.
    """
    found: dict[int, Turn] = {}
    group: list[tuple[Exchange, list[Any]]] = []
    last = exchanges[-1].number if exchanges else 0
    called = [calls_of(exchange.message.raw, exchange.where) for exchange in exchanges]
    _bring_home(exchanges, called)
    for exchange, calls in zip(exchanges, called, strict=True):
        if calls:
            group.append((exchange, calls))
        if group and (not calls or exchange.answers or exchange.number == last):
            found |= _turns_of_group(group, action, is_last=group[-1][0].number == last)
            group = []
    return found


def _bring_home(exchanges: Sequence[Exchange], called: Sequence[list[Any]]) -> None:
    """Move the results that name an unanswered call of an earlier turn to that turn."""
    home: dict[str, Exchange] = {}
    for exchange, calls in zip(exchanges, called, strict=True):
        home |= {i: exchange for call in calls if (i := _key(as_dict(call).get("id"))) is not None}
        kept = []
        for answer in exchange.answers:
            own = home.pop(_key(answer.raw.get("tool_call_id")) or "", exchange) if answer.role == "tool" else exchange
            (kept if own is exchange else own.answers).append(answer)
        exchange.answers[:] = kept


def _turns_of_group(group: list[tuple[Exchange, list[Any]]], action: Any, is_last: bool) -> dict[int, Turn]:
    answers = group[-1][0].answers
    if len(group) == 1 or not answers or (not any(_places(a, _ids(group[:-1])) for a in answers) and _in_doubt(group)):
        return {e.number: turn_of_calls(e, calls, action, is_last=is_last and e is group[-1][0]) for e, calls in group}
    every = [call for _, calls in group for call in calls]
    texts = paired(every, answers, group[-1][0].where, is_last)
    found, at = {}, 0
    for exchange, calls in group:
        found[exchange.number] = turn_of_calls(exchange, calls, action, texts[at : at + len(calls)])
        at += len(calls)
    return found


def _ids(group: list[tuple[Exchange, list[Any]]]) -> list[str | None]:
    return [_key(call.get("id")) if isinstance(call, dict) else None for _, calls in group for call in calls]


def _in_doubt(group: list[tuple[Exchange, list[Any]]]) -> bool:
    """Whether results cannot be told apart by their number, so that they stay with the message before them."""
    results = [answer for answer in group[-1][0].answers if answer.role == "tool"]
    return len(results) != sum(len(calls) for _, calls in group)
