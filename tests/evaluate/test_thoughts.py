"""Evaluation of models whose thoughts have other tags, are special tokens, or begin in the prompt."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from tests.chat.byte_tokenizer import END, byte_tokenizer
from tests.evaluate.test_solving import SETTINGS, TASKS, Replay
from tests.models import random_model
from treadle.chat.chat import Chat
from treadle.chat.settings import ChatSettings
from treadle.errors import ModelError
from treadle.evaluate.backends import TransformersBackend
from treadle.evaluate.backends.chat import read_completion
from treadle.evaluate.backends.decoding import as_generation
from treadle.evaluate.backends.vllm_engine import _generation
from treadle.evaluate.records import Finish, Problem, Sampling, Stop
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.solving import solve
from treadle.evaluate.steps import evaluate_steps
from treadle.evaluate.summary import summarise
from treadle.evaluate.turns import Turns
from treadle.scoring.completion import FormatFault
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags
from treadle.trajectory import StepInstance

OPENED, OTHER = ThoughtTags(block="opened"), ThoughtTags("[T]", "[/T]")


@pytest.mark.parametrize("special", [(), ("<think>", "</think>"), ("</think>",)])
def test_generations_keep_tags_that_are_special_tokens(special):
    tokenizer = byte_tokenizer(special=(*special, "<|other|>"))
    chat, text = Chat(tokenizer), "<think>a</think>b"
    ids = tokenizer(f"{text}<|other|>{END}c")["input_ids"]
    ended = as_generation(chat.decode, ids, chat.ends, 99)
    assert (ended.text, ended.finish) == (text, Finish.STOP)
    cut = as_generation(chat.decode, ids, chat.ends, len(tokenizer(text)["input_ids"]))
    assert (cut.text, cut.finish) == (text, Finish.LENGTH)
    bare = tokenizer.decode(ids[:-1], skip_special_tokens=True)
    by_vllm = SimpleNamespace(text=bare, token_ids=ids[:-1], finish_reason="stop")
    assert _generation(by_vllm, chat.decode).text == text


def test_a_back_end_knows_its_models_tags():
    for template, block in (("qwen2_5", Block.NONE), ("deepseekv3", Block.OPENED)):
        tokenizer = byte_tokenizer(template)
        backend = TransformersBackend(random_model(vocab_size=len(tokenizer)), tokenizer)
        assert backend.thought_tags == ThoughtTags(block=block)
    chat = Chat(tokenizer := byte_tokenizer(), ChatSettings(thought_tags=OTHER.pair))
    assert TransformersBackend(random_model(vocab_size=len(tokenizer)), tokenizer, chat=chat).thought_tags == OTHER


def test_a_server_gives_thoughts_apart_or_within_the_tags():
    def read(message, finish="stop", tags=OTHER):
        return read_completion({"choices": [{"message": message, "finish_reason": finish}]}, 64, tags).text

    assert read({"reasoning_content": "a", "content": "b"}) == "[T]a[/T]b"
    assert read({"reasoning": "a", "content": None}, "length") == "[T]a"
    assert read({"reasoning": "a", "content": "b"}, tags=PLAIN) == "<think>a</think>b"


def solved(text, mode, tags, task=TASKS[0]):
    settings = EvaluateSettings(**{**vars(SETTINGS), "thought_tags": tags})
    backend = Replay([("", text)])
    (sample,) = solve(backend, [task], mode, "greedy", settings, Turns())
    return sample, backend


@pytest.mark.parametrize("mode", ["whole", "loop"])
@pytest.mark.parametrize(
    ("text", "tags"), [(r"hm</think>\boxed{64}", OPENED), (r"[T]hm[/T]\boxed{64}", OTHER), (r"hm[/T]\boxed{64}", OTHER)]
)
def test_thoughts_are_told_from_the_answer(mode, text, tags):
    sample, _ = solved(text, mode, tags)
    assert (sample.thoughts, sample.answer, sample.fault) == (["hm"], "64", None)
    assert sample.thought_tokens == 2


def test_a_thought_that_never_ends_is_no_action():
    whole, _ = solved(r"so \boxed{64}", "whole", OPENED)
    assert (whole.fault, whole.thoughts) == (FormatFault.NO_THINK_BLOCK, [r"so \boxed{64}"])
    loop, _ = solved("so 64", "loop", OPENED)
    assert (loop.stop, loop.fault, loop.steps) == (Stop.FORMAT_FAULT, FormatFault.NO_THINK_BLOCK, [])


def test_prompts_ask_for_the_models_own_tags():
    task = Problem("p", "1 + 1", "2")
    for mode in ("whole", "loop"):
        _, backend = solved(r"\boxed{2}", mode, OTHER, task)
        asked = backend.asked[0][0].prompt[-1]["content"]
        assert "between [T] and [/T]" in asked
        assert "think>" not in asked


@pytest.mark.parametrize(("text", "tags"), [("hm</think>act", OPENED), ("[T]hm[/T]act", OTHER)])
def test_single_steps_are_read_with_the_tags(text, tags):
    instance = StepInstance("t", 1, 2, [{"role": "user", "content": "q"}], "act", None, None)
    for think_tags in ("strict", "optional"):
        (sample,) = evaluate_steps(
            Replay([("q", text)]), [instance], Sampling(99), think_tags=think_tags, thought_tags=tags
        )
        assert (sample.thought, sample.action, sample.exact, sample.thought_tokens) == ("hm", "act", True, 2)


def test_a_run_keeps_its_tags_and_older_runs_have_the_papers():
    settings = replace(SETTINGS, thought_tags=ThoughtTags("[T]", "[/T]", "opened"))
    record = json.loads(json.dumps(asdict(settings)))
    assert EvaluateSettings.read(record) == settings
    del record["thought_tags"]
    assert EvaluateSettings.read(record).thought_tags == PLAIN


def test_figures_look_outside_of_the_runs_own_thoughts():
    text = "[T]1. **A** x\n\n2. **B** y[/T]1. **C** z"
    sample, _ = solved(text, "whole", OTHER)
    info = {"model": "m", "backend": {}, "settings": asdict(replace(SETTINGS, thought_tags=OTHER))}
    info["benchmarks"] = [{"name": "problems", "count": 1, "sha256": "", "left_out": {}}]
    figures = summarise(info, {"problems": TASKS}, [sample], {})
    assert figures["benchmarks"]["problems"]["modes"]["whole"]["greedy"]["steps"] == 1.0
    assert figures["behaviours"]["problems/whole/greedy"]["without_thoughts"] == 0


def test_a_wrong_file_beside_a_model_is_named(tmp_path):
    from treadle.chat.settings import read_settings

    (tmp_path / "treadle_chat.json").write_text('{"thought_tags": "<think>"}')
    with pytest.raises(ModelError, match=r"treadle_chat\.json: thought_tags: found '<think>'; expected two texts"):
        read_settings(str(tmp_path))
