"""Completions whose thoughts are special tokens, begin in the prompt, or were parsed away: through a whole step.

The completions are given, by TRL's `rollout_func`; rewards, records and metrics are what the trainer makes of them.
"""

from __future__ import annotations

import json

import pytest
from datasets import Dataset
from trl.chat_template_utils import add_response_schema

from tests.chat.byte_tokenizer import END, byte_tokenizer
from tests.models import random_model
from treadle import SRLConfig, SRLTrainer, srl_reward
from treadle.scoring.rewards import completion_text

ACTION = "1. **Multiply** 3 * 2 = 6"
THOUGHT = "first multiply"  # 14 characters, each a token
SPECIAL = ("<think>", "</think>")
ROWS = [{"prompt": [{"role": "user", "content": f"q{n}"}], "expert_action": ACTION} for n in range(2)]


def trained(tokenizer, texts, folder, rows=ROWS, reward_funcs=None, **changes):
    """One step on G=2 completions a prompt; returns the lines of rollouts.jsonl, the metrics and the prompts."""
    prompts_seen = []

    def rollout(prompts, trainer):
        ids = [tokenizer(text)["input_ids"] for _, text in zip(prompts, texts * len(prompts), strict=False)]
        prompt_ids, _, _ = trainer._tokenize_prompts(prompts)
        prompts_seen.extend(tokenizer.batch_decode(prompt_ids))
        return {"prompt_ids": prompt_ids, "completion_ids": ids, "logprobs": None}

    settings = {
        "prompts_per_step": 2, "num_generations": 2, "per_device_train_batch_size": 4, "max_steps": 1, "use_cpu": True,
        "max_completion_length": 80, "report_to": "none", "bf16": False, "gradient_checkpointing": False,
        "learning_rate": 0.0, "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True,
    }  # fmt: skip
    trainer = SRLTrainer(
        random_model(vocab_size=len(tokenizer)),
        reward_funcs,
        SRLConfig(str(folder), **{**settings, **changes}),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        rollout_func=rollout,
    )
    trainer.train()
    lines = [json.loads(line) for line in (folder / "rollouts.jsonl").open()]
    return lines, trainer.state.log_history[0], prompts_seen


@pytest.mark.parametrize(
    ("special", "added"),
    [(SPECIAL, ()), (SPECIAL[1:], ()), (SPECIAL[1:], SPECIAL[:1]), ((), SPECIAL), ((), ())],
    ids=["special", "close special", "one special, one added", "added", "text"],
)
def test_tags_that_are_special_tokens_survive_and_other_special_tokens_do_not(special, added, tmp_path):
    tokenizer = byte_tokenizer(special=(*special, "<|other|>"), added=added)
    text = f"<think>{THOUGHT}</think>{ACTION}"
    lines, metrics, _ = trained(tokenizer, [f"{text}<|other|>{END}", f"<think>{THOUGHT}"], tmp_path)
    for line in lines:
        assert line["completions"] == [text, f"<think>{THOUGHT}"]
        assert line["truncated"] == [False, True]
        assert line["rewards"] == [1.0, -1.0]
    assert metrics["thought_tokens"] == 14


@pytest.mark.parametrize("name", ["deepseek_r1_distill", "qwen3_5_think"])
def test_a_block_that_the_template_opens_begins_in_the_prompt(name, tmp_path):
    tokenizer = byte_tokenizer(name)
    texts = [f"{THOUGHT}</think>{ACTION}{END}", f"<think>{THOUGHT}</think>{ACTION}{END}"]
    lines, metrics, prompts = trained(tokenizer, texts, tmp_path)
    assert all(prompt.endswith("<think>\n") for prompt in prompts)
    for line in lines:
        assert line["rewards"] == [1.0, -1.0]  # the second opens it again
    assert metrics["thought_tokens"] == 14
    lines, *_ = trained(tokenizer, texts, tmp_path / "lenient", think_tags="lenient", dynamic_sampling=False)
    assert [line["rewards"] for line in lines] == [[1.0, 1.0]] * 2


def test_a_block_that_the_template_closes_leaves_the_action_alone(tmp_path):
    texts = [f"{ACTION}{END}", f"<think>{THOUGHT}</think>{ACTION}{END}"]
    lines, metrics, prompts = trained(
        byte_tokenizer("qwen3"), texts, tmp_path, chat_template_kwargs={"enable_thinking": False}
    )
    assert all(prompt.endswith("<think>\n\n</think>\n\n") for prompt in prompts)
    assert [line["rewards"] for line in lines] == [[1.0, -1.0]] * 2
    assert metrics["thought_tokens"] == 7


def test_a_prompt_that_is_text_says_itself_what_it_holds(tmp_path):
    rows = [{"prompt": f"q\n{end}", "expert_action": ACTION} for end in ("<think>\n", "")]
    texts = [f"{THOUGHT}</think>{ACTION}{END}", f"<think>{THOUGHT}</think>{ACTION}{END}"]
    lines, *_ = trained(byte_tokenizer(None), texts, tmp_path, rows)
    assert {line["prompt"]: line["rewards"] for line in lines} == {"q\n<think>\n": [1.0, -1.0], "q\n": [-1.0, 1.0]}


def test_other_tags_are_a_setting(tmp_path):
    tags = ("<|begin_of_thought|>", "<|end_of_thought|>")
    texts = [f"{tags[0]}{THOUGHT}{tags[1]}{ACTION}{END}", f"<think>{THOUGHT}</think>{ACTION}{END}"]
    for special in ((), tags):
        folder = tmp_path / str(len(special))
        lines, metrics, _ = trained(byte_tokenizer(special=special), texts, folder, thought_tags=list(tags))
        assert [line["rewards"] for line in lines] == [[1.0, -1.0]] * 2
        assert lines[0]["completions"] == [text.removesuffix(END) for text in texts]
        assert metrics["thought_tokens"] == 7


def test_what_a_response_template_parses_away_is_read_as_it_was_written(tmp_path):
    """TRL gives `reasoning_content` beside `content`, and of several thoughts the last."""
    tokenizer, given = add_response_schema(byte_tokenizer("qwen3")), []

    def spy(completions, **kwargs):
        given.extend(completions)
        return srl_reward(completions, **kwargs)

    texts = [f"<think>{THOUGHT}</think>{ACTION}{END}", f"<think>a</think>b<think>{THOUGHT}</think>{ACTION}{END}"]
    lines, metrics, _ = trained(tokenizer, texts, tmp_path, reward_funcs=spy)
    assert given[0][0]["reasoning_content"] == given[1][0]["reasoning_content"] == THOUGHT
    for line in lines:
        assert line["completions"] == [text.removesuffix(END) for text in texts]
        assert line["rewards"] == [1.0, -1.0]
    assert metrics["thought_tokens"] == (14 + len("a\n") + 14) / 2


def test_a_tool_call_that_was_parsed_away_does_not_vanish(tmp_path):
    tokenizer, given = add_response_schema(byte_tokenizer("qwen3")), []
    call = '<tool_call>\n{"name": "run", "arguments": {"cmd": "ls"}}\n</tool_call>'

    def spy(completions, **kwargs):
        given.extend(completions)
        return [float(n) for n in range(len(completions))]

    text = f"<think>{THOUGHT}</think>{call}"
    lines, *_ = trained(tokenizer, [text + END], tmp_path, reward_funcs=spy)
    assert given[0][0]["tool_calls"][0]["function"]["name"] == "run"
    assert completion_text(given[0]) == text
    assert lines[0]["completions"] == [text, text]
