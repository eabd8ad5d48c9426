"""The server back end against a real server that misbehaves as told: texts, attempts and order, nothing lost."""

from __future__ import annotations

import json
import time
import warnings

import pytest

from tests.evaluate.backends.faulty import serving, text_for
from tests.evaluate.backends.models import ask, collected
from treadle.errors import ModelError
from treadle.evaluate.backends import open_backend
from treadle.evaluate.backends.chat import Dialect
from treadle.evaluate.backends.http import Fault
from treadle.evaluate.records import Finish, Generation, Sampling

SAMPLING = Sampling(64, temperature=1.0)
QUICK = {"first_wait": 0.01, "longest_wait": 0.02}


def backend_of(server, **options):
    return open_backend("tiny", "openai", **({"url": server.url} | QUICK | options))


def right(prompt, seed=0, count=7):
    return Generation(text_for(prompt, seed), count, Finish.STOP)


def test_each_request_gets_its_answer():
    prompts = [f"p{i}" for i in range(30)]
    requests = [ask(p, seed) for p in prompts for seed in (3, 4)]
    with serving(delay=0.02) as server:
        found = collected(backend_of(server, concurrency=8), requests, SAMPLING)
    assert found == [right(p, seed) for p in prompts for seed in (3, 4)]
    assert set(server.asked.values()) == {2}
    assert 2 <= server.most_under_way <= 8


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        ("status:429", Fault.RATE_LIMIT),
        ("status:500", Fault.SERVER_ERROR),
        ("status:503:0.01", Fault.SERVER_ERROR),
        ("status:408", Fault.SERVER_ERROR),
        ("half", Fault.HALF_BODY),
        ("chunk", Fault.HALF_BODY),
        ("nothing", Fault.CONNECTION),
        ("empty", Fault.EMPTY_BODY),
        ("garbage", Fault.NOT_JSON),
        ("list", Fault.NOT_JSON),
        ("choiceless", Fault.NO_TEXT),
        ("aborted", Fault.NO_TEXT),
        ("slow:0.6", Fault.TIMEOUT),
        ("drip:0.9", Fault.TIMEOUT),
    ],
)
def test_what_passes_is_tried_again(way, fault):
    prompts = ["good", "bad", "fine"]
    with serving({"bad": [way, way]}) as server:
        backend = backend_of(server, timeout=0.3 if fault is Fault.TIMEOUT else 5.0)
        found = collected(backend, [ask(p) for p in prompts], SAMPLING)
    assert found == [right(p) for p in prompts]
    assert server.asked == {"good": 1, "bad": 3, "fine": 1}
    assert backend.faults == {fault: 2}


def test_what_does_not_pass_costs_one_request():
    faults = {"bad": ["status:500:always"], "worse": ["half", "status:429", "nothing:always"]}
    with serving(faults) as server:
        backend = backend_of(server, retries=3)
        found = collected(backend, [ask(p) for p in ("good", "bad", "fine", "worse")], SAMPLING)
    assert [g.finish for g in found] == [Finish.STOP, Finish.FAILED, Finish.STOP, Finish.FAILED]
    assert found[1] == Generation(
        "", 0, Finish.FAILED, "server_error: status 500, try later (4 attempts, no attempt left)"
    )
    assert found[3].error.startswith("connection: ")
    assert server.asked == {"good": 1, "bad": 4, "fine": 1, "worse": 4}
    assert backend.faults == {Fault.SERVER_ERROR: 4, Fault.HALF_BODY: 1, Fault.RATE_LIMIT: 1, Fault.CONNECTION: 2}


def test_a_storm_of_faults_loses_nothing():
    ways = ["status:429", "status:500", "half", "nothing", "empty", "garbage", "choiceless", "status:502"]
    prompts = [f"p{i}" for i in range(40)]
    with serving({"*": ways * 6}) as server:
        backend = backend_of(server, concurrency=12, retries=20)
        found = collected(backend, [ask(p, i) for i, p in enumerate(prompts)], SAMPLING)
    assert found == [right(p, i) for i, p in enumerate(prompts)]
    assert sum(backend.faults.values()) == 48
    assert sum(server.asked.values()) == 88


def test_the_server_says_when_to_come_back():
    with serving({"busy": ["status:429:0.4"], "other": ["status:429"]}) as server:
        found = collected(backend_of(server), [ask("busy"), ask("other")], SAMPLING)
    assert found == [right("busy"), right("other")]
    first, second = server.times["busy"]
    assert 0.4 <= second - first < 1.5
    first, second = server.times["other"]
    assert second - first < 0.4


def test_waits_double_up_to_the_longest():
    with serving({"bad": ["status:500:always"]}) as server:
        backend = backend_of(server, first_wait=0.04, longest_wait=0.16, retries=4)
        collected(backend, [ask("bad")], SAMPLING)
    waits = [b - a for a, b in zip(server.times["bad"], server.times["bad"][1:], strict=False)]
    for wait, longest in zip(waits, (0.04, 0.08, 0.16, 0.16), strict=True):
        assert longest / 2 <= wait
    assert sum(waits) < 1.5


def test_a_request_ends_with_its_deadline():
    with serving({"bad": ["status:429:30:always"], "slow": ["slow:5"]}) as server:
        backend = backend_of(server, deadline=0.5)
        began = time.monotonic()
        found = collected(backend, [ask("bad"), ask("slow"), ask("good")], SAMPLING)
        assert time.monotonic() - began < 2.5
    assert found[0].error == "rate_limit: status 429, try later (1 attempts, deadline of 0.5 s)"
    assert found[1].finish is Finish.FAILED
    assert found[1].error.startswith("timeout: no complete answer within 0.5 s (1 attempts, deadline")
    assert found[2] == right("good")


def test_a_prompt_that_is_too_long_costs_one_request():
    with serving({"long": ["long"]}) as server:
        backend = backend_of(server, concurrency=1)
        found = collected(backend, [ask("long"), ask("good")], SAMPLING)
    assert found[0].finish is Finish.FAILED
    assert "maximum context length is 4096 tokens" in found[0].error
    assert found[1] == right("good")
    assert server.asked == {"long": 1, "good": 1}


def test_a_wrong_model_name_ends_the_run_with_the_right_ones():
    with serving(models=("Qwen/Qwen2.5-7B-Instruct", "other")) as server:
        backend = backend_of(server, concurrency=4)
        with pytest.raises(ModelError) as caught:
            list(backend.generate([ask(f"p{i}") for i in range(200)], SAMPLING))
    for part in (
        f"{server.url}/chat/completions",
        "status 404",
        "model 'tiny'",
        "The model `tiny` does not exist.",
        "expected one of its models: Qwen/Qwen2.5-7B-Instruct, other",
    ):
        assert part in str(caught.value)
    assert sum(server.asked.values()) <= 8


def test_a_refusal_in_the_middle_keeps_what_came_before():
    with serving({"p5": ["status:403:0:model withdrawn"]}) as server:
        stream = backend_of(server, concurrency=1).generate([ask(f"p{i}") for i in range(9)], SAMPLING)
        kept = []
        with pytest.raises(ModelError, match="status 403 for model 'tiny': model withdrawn; name the environment"):
            kept.extend(stream)
    # `extend` takes what was yielded before the error.
    assert kept == [(i, right(f"p{i}")) for i in range(5)]


def test_a_server_that_is_gone_ends_the_run():
    with serving({"p3": ["status:500:always"], "*": []}) as server:
        backend = backend_of(server, concurrency=1, retries=1, give_up_after=3)
        # One lost request between others is no reason to stop.
        found = collected(backend, [ask(f"p{i}") for i in range(6)], SAMPLING)
        assert [g.finish for g in found].count(Finish.FAILED) == 1
        server.faults["*"] = ["status:500:always"]
        kept = []
        with pytest.raises(ModelError, match=r"the last 3 requests failed after all their attempts.*status 500"):
            kept.extend(backend.generate([ask(f"q{i}") for i in range(50)], SAMPLING))
        assert len(kept) == 2
        assert sum(server.asked[f"q{i}"] for i in range(50)) == 6


def test_no_server_and_no_answer_at_the_start():
    with pytest.raises(ModelError, match=r"127.0.0.1:9/v1: no server answers \(.*refused.*vllm serve tiny --port 8000"):
        open_backend("tiny", "openai", url="http://127.0.0.1:9")


def test_the_key_comes_from_the_environment_and_stays_there(monkeypatch):
    monkeypatch.delenv("TREADLE_TEST_KEY", raising=False)
    with serving(key="sk-123") as server:
        with pytest.raises(ModelError, match=r"status 401.*Invalid API key; name the environment variable"):
            collected(backend_of(server), [ask("a")], SAMPLING)
        with pytest.raises(ModelError, match="TREADLE_TEST_KEY is not set; export TREADLE_TEST_KEY=KEY"):
            backend_of(server, api_key_variable="TREADLE_TEST_KEY")
        monkeypatch.setenv("TREADLE_TEST_KEY", "sk-123")
        backend = backend_of(server, api_key_variable="TREADLE_TEST_KEY")
        assert collected(backend, [ask("a")], SAMPLING) == [right("a")]
    assert "sk-123" not in json.dumps(backend.describe())


def test_sampling_is_neutral_and_the_seed_goes_with_it():
    with serving() as server:
        sampling = Sampling(64, temperature=0.6, top_p=0.9, top_k=20)
        collected(backend_of(server), [ask("a", 2**64 + 5)], sampling)
        collected(backend_of(server), [ask("b", 7)], Sampling(32))
    first, second = server.bodies
    assert first == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "a"}],
        "max_tokens": 64,
        "temperature": 0.6,
        "top_p": 0.9,
        "top_k": 20,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": 5,
        "stream": False,
    }
    assert (second["temperature"], second["top_k"], second["seed"]) == (0.0, -1, 7)


def test_a_server_that_refuses_fields_gets_fewer():
    requests = [ask(f"p{i}") for i in range(20)]
    with serving(refused=("top_k", "min_p", "repetition_penalty")) as server:
        backend = backend_of(server, concurrency=6)
        assert collected(backend, requests, SAMPLING) == [right(f"p{i}") for i in range(20)]
        assert backend.dialect is Dialect.CONFIG
        assert not backend.faults
        answered = [b for b in server.bodies if "generation_config" in b]
        assert len(answered) == 20
        assert json.loads(answered[0]["generation_config"])["do_sample"] is True
        # Only those that were under way together learned it by themselves.
        assert len(server.bodies) <= 26
    with serving(refused=("top_k", "min_p", "repetition_penalty", "generation_config")) as server:
        backend = backend_of(server, concurrency=6)
        with pytest.warns(UserWarning, match="its own defaults hold"):
            assert collected(backend, requests, SAMPLING) == [right(f"p{i}") for i in range(20)]
        assert backend.dialect is Dialect.PLAIN


THOUGHT = {"role": "assistant", "content": "\n\nSo 4.", "reasoning_content": "2+2"}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"message": THOUGHT}, Generation("<think>2+2</think>\n\nSo 4.", 7, Finish.STOP)),
        (
            {"message": {"content": "So 4.", "reasoning": "2+2"}},
            Generation("<think>2+2</think>So 4.", 7, Finish.STOP),
        ),
        (
            {"message": {"content": None, "reasoning_content": "2+"}, "finish_reason": "length"},
            Generation("<think>2+", 7, Finish.LENGTH),
        ),
        ({"message": {"content": None}}, Generation("", 7, Finish.STOP)),
        ({"message": {"content": ""}, "finish_reason": "length"}, Generation("", 7, Finish.LENGTH)),
    ],
)
def test_thoughts_are_put_back_and_emptiness_is_a_text(reply, expected):
    with serving(reply={"a": reply}) as server:
        assert collected(backend_of(server), [ask("a")], SAMPLING) == [expected]


def test_tokens_that_are_not_reported_are_counted_or_estimated(tiny_folder, tiny_tokenizer):
    text = "12+3 "
    reply = {"a": {"message": {"content": text}, "usage": None}}
    with serving(reply=reply) as server:
        backend = backend_of(server)
        with pytest.warns(UserWarning, match=r"does not report tokens; their counts are: estimated, 3.5 bytes a token"):
            (found,) = collected(backend, [ask("a")], SAMPLING)
        # 5 bytes / 3.5, upwards.
        assert found.n_tokens == 2
        assert backend.count_tokens(["", "x", "é" * 7]) == [0, 1, 4]
        assert backend.describe()["token_counts"] == "estimated, 3.5 bytes a token"
        counting = backend_of(server, tokenizer=str(tiny_folder))
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            (found,) = collected(counting, [ask("a")], SAMPLING)
        assert found.n_tokens == len(tiny_tokenizer(text)["input_ids"])
        assert counting.describe()["token_counts"] == f"tokenizer {tiny_folder}"


def test_a_run_that_is_left_sends_no_more():
    with serving(delay=0.05) as server:
        stream = backend_of(server, concurrency=2).generate([ask(f"p{i}") for i in range(100)], SAMPLING)
        next(stream)
        stream.close()
        time.sleep(0.2)
        asked = sum(server.asked.values())
        time.sleep(0.2)
        assert sum(server.asked.values()) == asked <= 8


@pytest.mark.parametrize(("said", "count"), [(5, 5), (0, None), (-3, None), ("5", None), (True, None), (2**40, None)])
def test_what_a_server_says_of_the_prompt_is_believed_within_reason(said, count):
    reply = {"p": {"usage": {"prompt_tokens": said, "completion_tokens": 7}}}
    with serving(reply=reply) as server:
        (found,) = collected(backend_of(server), [ask("p")], SAMPLING)
    assert found == right("p")
    assert (found.prompt_tokens, found.model) == (count, None)
