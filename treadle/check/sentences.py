"""What is said for each state: the figures that decided, and what to do."""

from __future__ import annotations

from treadle.check.doubts import doubts
from treadle.check.figures import broken, cut_short, differing, more_room, rates, shares, similarities
from treadle.check.measured import Answers, Measured, Steps
from treadle.check.state import MOST, SIGNAL, State, above
from treadle.scoring.completion import FormatFault

NO_ANSWERS = "the data has no final answers, so that RLVR has nothing to reward"


def sentence(state: State, measured: Measured) -> str:
    """One or two sentences for people."""
    answers, steps, experts = measured.answers, measured.steps, measured.demonstrations
    if state in _OF_ANSWERS:
        assert answers is not None
        return _of_answers(state, answers, steps)
    if state is State.TOO_FEW:
        return _too_few(measured)
    assert steps is not None
    told = rates(answers) if answers else NO_ANSWERS
    ranked, similar = differing(steps), similarities(steps)
    many = f"{experts.count:,} demonstrations of {experts.characters:,.0f} characters in the mean"
    match state:
        case State.CUT_OFF:
            cut = cut_short(steps, "steps")
            return f"{cut}: neither format nor similarity is measured. Give {more_room(steps)}"
        case State.OWN_STYLE:
            return (
                f"The experts' thoughts are as likely to the model as its own words ({experts.surprise:.2f} and "
                f"{experts.own_surprise:.2f} nats a token): SFT on traces is enough to begin with"
            )
        case State.FORMAT:
            return f"{broken(steps)}: begin with a warm-up, then SRL{_of_format(steps)}"
        case State.MASTERED:
            left = f"{told}: go on with SRL, which carries over to whole solutions, then RLVR"
            done = f"{told}: there is little left to learn from these steps, take harder problems"
            return f"Single steps are done, {similar}. Meanwhile {left if answers else done}"
        case State.NOTHING_TO_COMPARE:
            return (
                f"Neither has a signal: {told}, and steps differ in similarity in {ranked}. RLVR with a prefix of the "
                "expert's steps needs no comparable actions; SFT on steps (unit: both) is the other way"
            )
        case State.NO_SPREAD:
            nothing = f"Steps differ in similarity in {ranked}, so that SRL has nothing to rank"
            return f"{nothing}; {told}: begin with SFT on steps (unit: both)"
        case State.FLOOR_MANY_SHORT:
            return (
                f"Steps are no better than a text that has not read the problem, {similar}, and there are many short "
                f"demonstrations ({many}): begin with SFT on steps (unit: both), then SRL"
            )
        case State.FLOOR:
            return (
                f"Steps are no better than a text that has not read the problem, {similar}: SRL with reward: margin, "
                f"which takes the floor off. SFT fell below its base in the paper on demonstrations as few or as long "
                f"({many})"
            )
        case State.AGENTS:
            return (
                "Agents' data has no final answer that RLVR could reward: SRL on their calls, which differ in "
                f"similarity in {ranked}, {similar}"
            )
        case State.NO_ANSWERS:
            columns = "--columns problem=...,solution=...,answer=..."
            alone = f"SRL alone, or prepare the answers too ({columns})"
            return f"SRL has a signal in {ranked}, {similar}, but {NO_ANSWERS}: {alone}"
        case _:
            prefix = "; where steps cannot be compared, RLVR with a prefix is the alternative"
            first = f"SRL, then RLVR{prefix if experts.several_steps >= MOST else ''}"
            return f"RLVR has no signal: {told}. SRL has one in {ranked}, {similar}: {first}{_doubtful(measured)}"


_OF_ANSWERS = (State.RLVR_SIGNAL, State.TOO_EASY, State.NO_STEPS)


def _of_answers(state: State, answers: Answers, steps: Steps | None) -> str:
    if state is State.NO_STEPS:
        return (
            f"RLVR has no signal: {rates(answers)}; and SRL has no steps. Have solutions written (treadle teach "
            "solve), or take problems that are solved now and then (treadle teach select --band learnable)"
        )
    both = f"{shares(answers.mixed, answers.groups)} have right and wrong ones"
    if state is State.TOO_EASY:
        return (
            f"Little to learn for RLVR: {rates(answers)}, but only {both}. Take problems of a band: treadle teach "
            "select --band learnable for RLVR, --band hard for SRL"
        )
    first = "; SRL before it was still the stronger order in the paper" if steps else ""
    if steps and steps.broken_share.value >= MOST:
        first += f", but here {broken(steps)}, so that a warm-up would have to come first"
    return f"RLVR has a signal: {rates(answers)}, {both}. It can begin at once{first}"


def _of_format(steps: Steps) -> str:
    """What else helps, by the fault and by how many there are."""
    said = ""
    if steps.fault == FormatFault.NO_THINK_BLOCK:
        said = ". A model that does not think aloud: think_tags: optional and prompts: {think: false}"
    elif steps.fault == FormatFault.TRUNCATED:
        said = ". Where steps would end later, a higher max_completion_length helps"
    if sum(steps.broken) == steps.total:
        said += ". If the warm-up finds none well-formed either, SFT on traces comes first"
    elif steps.broken_share.low < MOST:
        said += ". Whether most do is not sure; the warm-up measures it again before it trains"
    return said


def _too_few(measured: Measured) -> str:
    said = f"The sample is too small to decide: {'; and '.join(doubts(measured))}"
    answers = measured.answers
    if measured.steps and answers and not above(answers.solved, answers.groups, SIGNAL):
        said += ". Until then SRL, then RLVR is the order that serves with a signal for RLVR and without"
    return said


def _doubtful(measured: Measured) -> str:
    found = doubts(measured)
    return f". Not decided: {'; '.join(found)}" if found else ""
