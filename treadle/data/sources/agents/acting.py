"""What the turns of a chat did, in whichever way each of them acts.

Most chats act in one way; some end in another (`<function=submit>` after fenced commands), and models fall back to
what they know. Each turn is asked for a call beside its text, then for a `<function=...>` block, then for a fenced
command, then for an answer that ends the run. What a model only thinks of, in tags, is none of these.

Blocks of code are actions only where something carried them out, see `agents.executed`. Beside turns that
act by calls they are so only if a program's answer says it, or as many turns act by them.

A turn that cannot be read as one action, and that a harness answered with its message about that, did nothing.
"""

from __future__ import annotations

from collections import Counter

from treadle.data.sources.agents.answers import ending
from treadle.data.sources.agents.call_turns import turns_of_calls
from treadle.data.sources.agents.executed import Answered, doubt, is_output
from treadle.data.sources.agents.fences import Block, blocks
from treadle.data.sources.agents.fences import step_of as fenced_step
from treadle.data.sources.agents.harness import refused
from treadle.data.sources.agents.turn import unspoken
from treadle.data.sources.agents.turn_thoughts import without_thought
from treadle.data.sources.agents.turns import Turn, assemble, refused_turn, sliced, turn_of
from treadle.data.sources.agents.xml_blocks import FUNCTION
from treadle.data.sources.agents.xml_blocks import blocks as xml_blocks
from treadle.data.sources.agents.xml_blocks import step_of as xml_step
from treadle.data.sources.messages import Conversation, Exchange
from treadle.data.sources.report import DropReason
from treadle.files.rows import Rejected, Row
from treadle.trajectory import Step, Trajectory


def read_chat(row: Row, conversation: Conversation, system: str | None = None) -> Trajectory:
    """The trajectory of a chat.

    Args:
        system: The system text, where it is more than the conversation's.

    Raises:
        Rejected: As `agents.turns.assemble`; a turn holds several actions, or a broken one; nothing
            carried out the blocks of code.
    """
    turns = _Chat(conversation).turns()
    return assemble(row, conversation.problem, turns, system or conversation.system, meta=conversation.meta)


class _Chat:
    """The messages of the assistant with what is known of the whole chat."""

    def __init__(self, conversation: Conversation) -> None:
        self.exchanges = conversation.exchanges
        self.opening = f"{conversation.system or ''}\n\n{conversation.problem}"
        self.called = turns_of_calls(self.exchanges)
        self.seen = {e.number: without_thought(e.message.text) for e in self.exchanges if e.number not in self.called}
        self.fenced = {n: found for n, text in self.seen.items() if "```" in text and (found := blocks(text))}
        self.by_xml = self._by_xml()
        for number in self.by_xml:
            self.fenced.pop(number, None)
        labels = Counter(found[0].label for found in self.fenced.values() if len(found) == 1)
        self.label = labels.most_common(1)[0][0] if labels else None
        self.fences_act = self._fences_act()

    def _by_xml(self) -> set[int]:
        """The turns that act by a block; one in a fence is the fence's content where most act by fences."""
        found, inside = set(), set()
        for number, text in self.seen.items():
            if "<function=" in text and FUNCTION.search(text):
                around = self.fenced.get(number, ())
                is_inside = any(_encloses(fence, b.start) for fence in around for b in xml_blocks(text))
                (inside if is_inside else found).add(number)
        others = self.fenced.keys() - inside - found
        return found | inside if len(found) >= len(others) else found

    def _fences_act(self) -> bool:
        answered = [
            Answered(block.label, self.seen[e.number][block.close :], answer.text, answer.role == "user")
            for e in self.exchanges
            if e.number in self.fenced and e.answers and not refused(e.answers, in_doubt=True)
            for block, answer in [(self._chosen(e.number)[-1], e.answers[0])]
        ]
        others = len(self.called) + len(self.by_xml)
        why = doubt(self.opening, answered) if answered else None
        if others:
            marked = any(not block.by_user or is_output(block.answer) for block in answered)
            return bool(answered) and why is None and (marked or len(answered) >= others)
        if why is not None:
            raise Rejected(
                DropReason.NOT_EXECUTED,
                f"{why}; if a program answered, give its messages the role tool",
            )
        return bool(answered)

    def _chosen(self, number: int) -> list[Block]:
        """The blocks of a turn of which one is the action, as far as labels tell."""
        found = self.fenced[number]
        labelled = [block for block in found if block.label == self.label]
        return found if len(found) == 1 else labelled or found

    def turns(self) -> list[Turn]:
        return unspoken(self.exchanges, [self.called.get(e.number) or self._by_text(e) for e in self.exchanges])

    def _by_text(self, exchange: Exchange) -> Turn:
        try:
            step = self._step(exchange)
        except Rejected:
            if refused(exchange.answers, in_doubt=True):
                return refused_turn(exchange)
            raise
        return turn_of(exchange, [step] if step else [])

    def _step(self, exchange: Exchange) -> Step | None:
        number, text, where = exchange.number, exchange.message.text, exchange.where
        if number in self.by_xml:
            return xml_step(text, where, exchange.message.raw.get("finish_reason") != "length", self.seen[number])
        if number in self.fenced and self.fences_act:
            chosen = self._chosen(number)
            if len(chosen) > 1:
                found = len(self.fenced[number])
                raise Rejected(DropReason.SEVERAL_ACTIONS, f"{where} has {found} fenced blocks: {text[:80]!r}")
            return fenced_step(text, chosen[0], where)
        if found := ending(self.seen[number], self.opening):
            return sliced(text, *found, where)
        return None


def _encloses(fence: Block, position: int) -> bool:
    return fence.content <= position < fence.close
