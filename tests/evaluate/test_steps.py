"""The expert's next steps, from a real back end: the quick start's own small model, which has learnt to give steps."""

from collections import Counter
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

import treadle.miniature
from tests.domains.folders import write_domain
from treadle.data.instances import step_instances
from treadle.domains.registry import use
from treadle.evaluate.backends import TransformersBackend
from treadle.evaluate.generation import generate
from treadle.evaluate.records import Finish, Generation, Sampling
from treadle.evaluate.steps import StepReport, evaluate_steps, joined
from treadle.scoring.completion import FormatFault, parse_completion
from treadle.scoring.rewards import srl_reward

BASE = Path(treadle.miniature.__file__).parent / "base"
LIMIT = 128


@pytest.fixture(scope="module")
def backend():
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    return TransformersBackend(AutoModelForCausalLM.from_pretrained(BASE), tokenizer)


@pytest.fixture(scope="module")
def instances(expert_trajectories):
    return [i for t in expert_trajectories[:4] for i in step_instances(t, targets="all")][:12]


def in_order(samples, instances):
    found = {(s.trajectory_id, s.step): s for s in samples}
    return [found[i.trajectory_id, i.step] for i in instances]


def test_trajectories_of_one_id_in_two_folders_are_two(instances):
    """Steps of two trajectories must not count as those of one."""
    first, second = instances[:3], instances[3:6]
    apart = {Path("x/a"): first, Path("x/b"): [replace(i, trajectory_id="other") for i in second]}
    assert joined(apart) == [*first, *apart[Path("x/b")]], "as they are"
    for folders, names in ((("x/a", "x/b"), ("a", "b")), (("x/a", "y/a"), ("x/a", "y/a"))):
        found = joined(dict(zip(map(Path, folders), (first, first), strict=True)))
        assert [i.trajectory_id for i in found] == [f"{name}/{i.trajectory_id}" for name in names for i in first]
        assert [i.prompt for i in found] == [i.prompt for i in (*first, *first)]


def test_every_step_is_there_once_and_its_parts_fit(backend, instances):
    report = StepReport()
    samples = list(evaluate_steps(backend, instances, Sampling(LIMIT), report=report))
    assert (report.given, report.scored, report.failed) == (12, 12, Counter())
    assert Counter((s.trajectory_id, s.step) for s in samples) == Counter((i.trajectory_id, i.step) for i in instances)
    for sample, instance in zip(in_order(samples, instances), instances, strict=True):
        assert (sample.n_steps, sample.expert_action) == (instance.n_steps, instance.expert_action)
        assert sample.prompt == instance.prompt
        assert 0 < sample.n_tokens <= LIMIT
        assert sample.thought_tokens <= sample.n_tokens
        assert (sample.action is None) == (sample.fault is not None)


def test_similarity_is_the_reward(backend, instances):
    """The reward function of training, which has its own reading of a completion, gives the same numbers."""
    samples = list(evaluate_steps(backend, instances, Sampling(LIMIT), think_tags="strict"))
    rewards = srl_reward(
        [s.text for s in samples],
        [s.expert_action for s in samples],
        truncated=[s.fault is FormatFault.TRUNCATED for s in samples],
    )
    assert any(s.fault is None for s in samples)
    assert [s.similarity if s.fault is None else -1.0 for s in samples] == rewards
    assert all(s.similarity == 0 for s in samples if s.fault is not None)


def test_agrees_with_transformers_own_generate_and_difflib(backend, instances):
    """Two generators (`TransformersBackend` and `generate`) and two ways of scoring, one greedy answer."""
    found = generate(backend.model, backend.tokenizer, [i.prompt for i in instances], LIMIT)
    parsed = [parse_completion(g.text, truncated=g.truncated, think_tags="optional") for g in found]
    faults = [p if isinstance(p, FormatFault) else None for p in parsed]
    actions = [None if isinstance(p, FormatFault) else p.action for p in parsed]
    experts = [i.expert_action for i in instances]
    samples = in_order(evaluate_steps(backend, instances, Sampling(LIMIT)), instances)
    assert [s.text for s in samples] == [g.text for g in found]
    assert [s.similarity for s in samples] == [
        0.0 if a is None else SequenceMatcher(None, a, e, autojunk=False).ratio()
        for a, e in zip(actions, experts, strict=True)
    ]
    assert [s.exact for s in samples] == [a == e for a, e in zip(actions, experts, strict=True)]
    assert [s.thought_tokens for s in samples if s.fault is None] == [
        len(backend.tokenizer(p.thought, add_special_tokens=False)["input_ids"])
        for p in parsed
        if not isinstance(p, FormatFault)
    ]
    assert Counter(s.fault for s in samples if s.fault is not None) == Counter(f for f in faults if f)


def test_a_sampled_step_does_not_depend_on_its_company(backend, instances):
    sampling = Sampling(24, temperature=1.0)
    together = in_order(evaluate_steps(backend, instances[:4], sampling), instances[:4])
    alone = [next(evaluate_steps(backend, [instance], sampling)) for instance in instances[:4]]
    assert [s.text for s in together] == [s.text for s in alone]


def test_a_cut_off_step_is_a_format_fault(backend, instances):
    samples = list(evaluate_steps(backend, instances[:2], Sampling(2)))
    assert [(s.fault, s.action, s.similarity) for s in samples] == [(FormatFault.TRUNCATED, None, 0.0)] * 2


def test_failed_generations_are_counted_and_left_out(backend, instances):
    """A prompt longer than the model's positions cannot be generated."""
    positions = backend.model.config.max_position_embeddings
    long = replace(instances[0], prompt=[{"role": "user", "content": "1" * (positions + 1)}], trajectory_id="long")
    report = StepReport()
    samples = list(evaluate_steps(backend, [instances[1], long], Sampling(8), report=report))
    assert [s.trajectory_id for s in samples] == [instances[1].trajectory_id]
    assert (report.given, report.scored, report.failed.total()) == (2, 1, 1)
    assert "positions" in next(iter(report.failed))


def test_no_instances(backend):
    assert list(evaluate_steps(backend, [], Sampling(8))) == []


class _Said(TransformersBackend):
    """Says what it is told to, a text for each request."""

    def __init__(self, texts):
        self.texts = texts

    def generate(self, requests, sampling):
        for index, text in enumerate(self.texts):
            yield index, Generation(text, 1, Finish.STOP)

    def count_tokens(self, texts):
        return [1] * len(texts)


def test_what_is_exact_may_be_said_by_the_domain(tmp_path, no_domains, expert_trajectories):
    """Letter for letter elsewhere: not even white space may differ."""
    folder = write_domain(tmp_path / "field", "name: field\nsame: code.py:same\n")
    (folder / "code.py").write_text("def same(a, b):\n    return sorted(a.split()) == sorted(b.split())\n")
    use(str(folder))
    first = next(iter(step_instances(expert_trajectories[0], targets="all")))
    asked = [replace(first, expert_action="go left", domain=domain) for domain in ("field", "math", "field", "lean")]
    texts = ["left go", "left go", "go right", "go left"]
    said = list(evaluate_steps(_Said([f"<think>x</think>{text}" for text in texts]), asked, Sampling(8)))
    assert [sample.exact for sample in said] == [True, False, False, True]
    assert [sample.meta.get("domain") for sample in said] == ["field", None, "field", "lean"]
