"""What is put to each engine: an export of the miniature world, and 200 completions with what treadle makes of them."""

from __future__ import annotations

import json
import random

import pyarrow.parquet as pq
from transformers import AutoTokenizer

from tests.chat.tokenizers import TEMPLATES, byte_tokenizer
from treadle.chat.chat import Chat
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.sources.native import to_row
from treadle.export.run import export
from treadle.recipe.reading import parse_recipe
from treadle.scoring.completion import FormatFault, parse_completion
from treadle.scoring.rewards import final_answer_reward, srl_reward

STAGE = {
    "kind": "srl",
    "prompts_per_step": 8,
    "rollouts": 4,
    "micro_batch": 4,
    "max_steps": 3,
    "clip_high": 0.28,
    "validate_every": 2,
    "validation": "answers",
}
FORMS = {
    None: "<think>a thought</think>{}",
    FormatFault.NO_THINK_BLOCK: "{}",
    FormatFault.SEVERAL_THINK_BLOCKS: "<think>a</think><think>b</think>{}",
    FormatFault.TEXT_BEFORE_THINK: "so <think>a</think>{}",
    FormatFault.EMPTY_THOUGHT: "<think> </think>{}",
    FormatFault.EMPTY_ACTION: "<think>a</think> ",
}


def tokenizers(name, data):
    """Qwen2.5's, and one whose thought tags are special tokens."""
    if name == "qwen":
        return AutoTokenizer.from_pretrained(data / "tokenizer" / "qwen2.5")
    return byte_tokenizer(TEMPLATES["qwen2_5"], special=("<think>", "</think>"))


def exported(folder, tokenizer, trajectories, engine, stage=STAGE, **more):
    """The recipe of one stage for `folder/model`, with further keys, and the folder of its export for one GPU."""
    tokenizer.save_pretrained(folder / "model")
    source = folder / "world.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in trajectories))
    prepare(source, folder / "data", PrepareSettings(targets="all", held_out=4))
    told = {"model": str(folder / "model"), "data": str(folder / "data"), "output": str(folder / "run")}
    recipe = parse_recipe({**told, **more, "stages": [stage]})
    export(recipe, engine, folder / "out", "recipe.yaml", gpus=1)
    return recipe, folder / "out"


def rows_of(out, name="train"):
    """Rows of the first stage."""
    return pq.read_table(out / "1-srl" / f"{name}.parquet").to_pylist()


def completions(tokenizer, out, columns):
    """160 of steps and 40 of whole problems: each fault, with other tokens than text in them, whole and cut off."""
    chat, draw = Chat(tokenizer), random.Random(0)
    found = []
    steps, answers = rows_of(out), rows_of(out, "validation")
    for number in range(200):
        row = draw.choice(answers if number % 5 == 4 else steps)
        truth = row[columns.reference]["ground_truth"]
        fault = list(FORMS)[number % len(FORMS)]
        action = draw.choice([truth, truth[: len(truth) // 2], truth[::-1], f"\\boxed{{{truth}}}", "no"])
        text, cut, special = FORMS[fault].format(action), number % 7 == 3, number % 3 == 1
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = ids[:-1] + [tokenizer.convert_tokens_to_ids("<|endoftext|>")] * special + ids[-1:]
        ids += [] if cut else chat.end[-1:]
        found.append({"ids": ids, "text": text, "cut": cut, "truth": truth, **row})
    return found


def check_rewards(asked, rewards, infos):
    """Rewards and figures are those of treadle's own functions, and each fault and verdict was among them."""
    found = set()
    for completion, reward, info in zip(asked, rewards, infos, strict=True):
        truth, cut, text = completion["truth"], completion["cut"], completion["text"]
        if completion["data_source"] == "treadle/answer":
            assert reward == final_answer_reward([text], [truth])[0]
            found.add(info["verdict"])
            continue
        assert reward == info["reward/srl_reward"] == srl_reward([text], [truth], truncated=[cut])[0]
        parsed = parse_completion(text, truncated=cut)
        assert info["format_fault"] == (parsed if isinstance(parsed, FormatFault) else "")
        assert info["truncated"] == cut
        assert info["similarity"] == (0 if isinstance(parsed, FormatFault) else reward)
        found.add(info["format_fault"])
    assert {"", *FormatFault, "right", "no_answer"} <= found
