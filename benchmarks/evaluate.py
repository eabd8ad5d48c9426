"""Evaluation: generation against stock `generate`, the grading rate, and the report's size and time.

    python benchmarks/evaluate.py [--parts generation grading report] [--rounds 3] [--threads 1]

The generation part draws `--samples` whole solutions for each of `--problems` problems, at temperature 1 from a random
Qwen2 in float32, in four ways that alternate in one run:

    generate          transformers' `generate`, one prompt at a time with `num_return_sequences`
    back end          `treadle.evaluate.backends.TransformersBackend`, one prompt at a time
    generate, padded  as above, with as many left-padded prompts in a batch as give `--rows` rows
    back end, all     all problems at once, in batches of `--rows` rows

Prompts are the paper's for mathematics around problems made of words, rendered with a ChatML template and a tokenizer
trained on this project's own documents. Lengths of completions spread as a constant chance to end gives them: of the
vocabulary as many tokens are end tokens as the mean asks for, and none of a random model's is much likelier than
another. So that all ways generate the same completions, `generate` is made to draw them by a processor of logits, whose
time is left out; its own multinomial draw still takes place. The last column is the share of equal texts.

The other parts are `evaluate_grading.py` (wants TREADLE_DATA) and `evaluate_report.py` beside this file.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from treadle.data.prompts import solve_prompt
from treadle.evaluate.backends import TransformersBackend
from treadle.evaluate.backends.decoding import DrawByRow, as_generation
from treadle.evaluate.records import Finish, Generation, Request, Sampling
from treadle.rollout.generate import row_numbers

HERE = Path(__file__).parent
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def documents() -> list[str]:
    """Text to train the tokenizer on and to make problems of."""
    return [path.read_text(encoding="utf-8") for path in sorted(HERE.parent.glob("**/*.md"))]


def tokenizer_of(vocab: int) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with at most `vocab` tokens."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        documents(),
        trainers.BpeTrainer(vocab_size=vocab, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = CHATML
    return tokenizer


def model_of(arguments: argparse.Namespace) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=arguments.vocab,
            hidden_size=arguments.hidden,
            intermediate_size=int(2.75 * arguments.hidden),
            num_hidden_layers=arguments.layers,
            num_attention_heads=arguments.hidden // 32,
            num_key_value_heads=max(1, arguments.hidden // 128),
            max_position_embeddings=32768,
            tie_word_embeddings=True,
        )
    ).eval()
    model.generation_config.eos_token_id = list(range(2, 2 + max(1, round(arguments.vocab / arguments.mean_tokens))))
    return model


def problems(count: int) -> list[list[dict[str, str]]]:
    words = " ".join(documents()).split()
    draw = random.Random(0)
    return [solve_prompt("math", " ".join(draw.choices(words, k=draw.randint(30, 140)))) for _ in range(count)]


class Scripted(DrawByRow):
    """Makes `generate` draw what the back end draws, and keeps count of the time that this takes."""

    spent = 0.0

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        began = time.perf_counter()
        scores = super().__call__(input_ids, scores)
        Scripted.spent += time.perf_counter() - began
        return scores


def by_generate(
    backend: TransformersBackend, requests: list[Request], samples: int, rows: int, sampling: Sampling
) -> list[Generation]:
    """Generations by stock `generate`, `rows // samples` prompts in a batch, sorted by length."""
    tokenizer, pad = backend.tokenizer, backend.tokenizer.pad_token_id
    limit = sampling.max_new_tokens
    config = GenerationConfig(
        max_new_tokens=limit,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        num_return_sequences=samples,
        pad_token_id=pad,
        disable_compile=True,
    )
    heads = range(0, len(requests), samples)
    prompts = {
        i: tokenizer.apply_chat_template(requests[i].prompt, add_generation_prompt=True, return_dict=False)
        for i in heads
    }
    by_length = sorted(heads, key=lambda i: len(prompts[i]))
    step = max(1, rows // samples)
    found: list[Generation | None] = [None] * len(requests)
    for start in range(0, len(by_length), step):
        batch = by_length[start : start + step]
        width = max(len(prompts[i]) for i in batch)
        ids = torch.tensor([[pad] * (width - len(prompts[i])) + prompts[i] for i in batch])
        mask = torch.tensor([[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in batch])
        places = [i + k for i in batch for k in range(samples)]
        script = Scripted(sampling, row_numbers([requests[i].seed for i in places], limit), width)
        with torch.inference_mode():
            output = backend.model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=config,
                logits_processor=LogitsProcessorList([script]),
            )
        for i, row in zip(places, output[:, width:].tolist(), strict=True):
            found[i] = as_generation(backend.chat.decode, row, backend.ends, limit)
    return found


def by_backend(backend: TransformersBackend, requests: list[Request], sampling: Sampling) -> list[Generation]:
    return [generation for _, generation in sorted(backend.generate(requests, sampling), key=lambda pair: pair[0])]


def measure(arguments: argparse.Namespace, backend: TransformersBackend) -> None:
    messages = problems(arguments.problems)
    samples, rows, sampling = arguments.samples, arguments.rows, Sampling(arguments.limit, temperature=1.0)
    lengths = [len(backend.tokenizer.apply_chat_template(m, add_generation_prompt=True)["input_ids"]) for m in messages]
    timings = {name: Timing() for name in ("generate", "back end", "generate, padded", "back end, all")}
    seeds = itertools.count()
    for _ in range(arguments.rounds):
        requests = [Request(m, next(seeds)) for m in messages for _ in range(samples)]
        for start in range(0, len(requests), samples):
            one = requests[start : start + samples]
            timings["generate"].take(lambda one=one: by_generate(backend, one, samples, samples, sampling))
            timings["back end"].take(lambda one=one: by_backend(backend, one, sampling))
        every = tuple(requests)
        timings["generate, padded"].take(lambda every=every: by_generate(backend, every, samples, rows, sampling))
        timings["back end, all"].take(lambda every=every: by_backend(backend, every, sampling))
        for timing in timings.values():
            timing.end_round()
    stock = timings["generate"]
    tokens = [g.n_tokens for g in stock.found]
    print(
        f"{len(messages)} problems of {min(lengths)} to {max(lengths)} tokens, {samples} samples of {min(tokens)} to "
        f"{max(tokens)}, {mean(tokens):.0f} on average, {sum(g.finish is Finish.LENGTH for g in stock.found)} of "
        f"{len(tokens)} cut off\n"
    )
    print("| | seconds | problems/s | tokens/s | | equal texts |\n|---|---|---|---|---|---|")
    for name, timing in timings.items():
        seconds = median(timing.rounds)
        rate = sum(g.n_tokens for g in timing.found) / sum(timing.rounds)
        equal = mean(a == b for a, b in zip(timing.found, stock.found, strict=True))
        print(
            f"| {name} | {seconds:.1f} | {len(messages) / seconds:.3f} | {rate:.0f} "
            f"| {median(stock.rounds) / seconds:.2f}x | {equal:.0%} |",
            flush=True,
        )


class Timing:
    """Seconds of each round, and all generations, of one way."""

    def __init__(self) -> None:
        self.rounds: list[float] = []
        self.found: list[Generation] = []
        self._now = 0.0

    def take(self, way: Callable[[], list[Generation]]) -> None:
        began, Scripted.spent = time.perf_counter(), 0.0
        self.found += way()
        self._now += time.perf_counter() - began - Scripted.spent

    def end_round(self) -> None:
        self.rounds.append(self._now)
        self._now = 0.0


def generation(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    model = model_of(arguments)
    backend = TransformersBackend(model, tokenizer_of(arguments.vocab), batch_size=arguments.rows)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    print(
        f"Qwen2 of {size:.1f} million parameters, {arguments.threads} thread(s), medians of {arguments.rounds} rounds"
    )
    measure(arguments, backend)


def other(name: str) -> int:
    """Run the script of another part; its exit code."""
    sys.path.insert(0, str(HERE))
    return importlib.import_module(f"evaluate_{name}").main([]) or 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("generation", "grading", "report")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--problems", type=int, default=6)
    parser.add_argument("--samples", type=int, default=8, help="of each problem")
    parser.add_argument("--rows", type=int, default=64, help="most rows of a batch")
    parser.add_argument("--limit", type=int, default=384, help="of new tokens")
    parser.add_argument("--mean-tokens", type=float, default=100, help="of a completion without the limit")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--vocab", type=int, default=8192)
    arguments = parser.parse_args()
    code = 0
    for part in arguments.parts:
        print(f"## {part}\n", flush=True)
        if part == "generation":
            generation(arguments)
        else:
            code = max(code, other(part))
        print(flush=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
