"""`treadle evaluate` and servers that flood, stall, lie, redirect and answer what was not asked."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest

import treadle.cli.main
import treadle.evaluate.compare
import treadle.evaluate.run
import treadle.report.evaluation  # noqa: F401, what a forked command finds imported
from tests.hostile.driver import UNSEEN, Outcome
from tests.hostile.servers import GOOD, Stub, Wire, stub
from treadle.errors import ModelError
from treadle.evaluate.backends import open_backend
from treadle.evaluate.records import Doubt, Finish, Generation, Request, Sampling

PROBLEMS = 2
MIB = 2**20
KEY = "sk-0123456789abcdef"


def completion(content="\\boxed{2}", usage=None, **more):
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **more}
    return {"choices": [choice], "usage": {"completion_tokens": 7} if usage is None else usage}


def asked(server: Stub, requests: int = 1, **options) -> list[Generation]:
    """What the back end makes of a server's answers, one after the other; one try for each."""
    settings = {"retries": 0, "concurrency": 1, "first_wait": 0.01, "longest_wait": 0.01, **options}
    backend = open_backend("tiny", "openai", url=server.url, **settings)
    sampling = Sampling(64)
    requests = [Request([{"role": "user", "content": "1 + 1"}], n) for n in range(requests)]
    return [generation for _, generation in sorted(backend.generate(requests, sampling), key=lambda pair: pair[0])]


@pytest.fixture
def evaluated(treadle, scratch):
    """Two problems that a server is asked, with one try for each."""
    rows = [{"problem": f"What is {n} + {2 - n}?", "answer": "2"} for n in range(PROBLEMS)]
    (scratch / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(server, *more, **settings) -> Outcome:
        url = server if isinstance(server, str) else server.url
        fixed = ("evaluate", "tiny", "--backend", "openai", "--base-url", url, "--data", "p.jsonl", "-o", "run")
        small = ("--mode", "whole", "--max-new-tokens", 64, "--retries", 0, "--concurrency", 2)
        return treadle(*fixed, *small, *more, **settings)

    return run


def is_sound(treadle, folder: Path) -> dict:
    """Asserts that a run's folder is read by all commands that read one; returns its results."""
    other = shutil.copytree(folder, folder.with_name("other"), dirs_exist_ok=True)
    again = treadle("evaluate", "--regrade", folder)
    assert again.code in (0, 1), f"{again.out}\n{again.err}"
    again.is_clean()
    compared = treadle("compare", folder, other, "-o", "compared.html")
    if again.code == 1:
        compared.refused("are missing, because the back end did not give them")
    else:
        assert compared.code == 0, compared.err
    return json.loads((folder / "results.json").read_text())


# What does not end


def flood(wire: Wire) -> None:
    wire.write(b'HTTP/1.1 200 OK\r\n\r\n{"choices": [{"message": {"content": "')
    wire.endless(b"a" * MIB)


def chunks(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire.endless(b"10000\r\n" + b"a" * 65536 + b"\r\n")


def small_chunks(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire.endless(b"1;" + b"x" * 60000 + b"\r\na\r\n")


def trailers(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n")
    wire.endless(b"X: y\r\n" * 1000)


def continues(wire: Wire) -> None:
    wire.endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def headers(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\n")
    wire.endless(b"X-A: b\r\n" * 1000)


def one_header(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    wire.endless(b"a" * MIB)


def error_body(wire: Wire) -> None:
    wire.write(b'HTTP/1.1 500 Oh\r\n\r\n{"error": "')
    wire.endless(b"a" * MIB)


def announced(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
    wire.endless(b"a" * MIB)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (flood, "too_long: more than"),
        (chunks, "too_long: more than"),
        (small_chunks, "too_long: the answer's headers or chunks do not end"),
        (trailers, "too_long: the answer's headers or chunks do not end"),
        (continues, "too_long: the answer's headers or chunks do not end"),
        (headers, "connection: got more than 100 headers"),
        (one_header, "connection: got more than 65536 bytes"),
        (error_body, "server_error: status 500"),
        (announced, "too_long: more than"),
    ],
)
def test_what_floods_is_cut_off(way, said, evaluated):
    with stub(way) as server:
        outcome = evaluated(server, more_mib=600)
    outcome.refused(f"none of {PROBLEMS} requests gave a text", said)
    assert outcome.mib < 120, outcome.mib
    assert server.asked == PROBLEMS
    assert max(server.sent) < 40 * MIB, "the client goes away"


def drip_body(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\n\r\n")
    wire.endless(b" ", 0.1)


def drip_head(wire: Wire) -> None:
    wire.write(b"HTTP/1.1 200 OK\r\nX: ")
    wire.endless(b"a", 0.1)


def drip_status(wire: Wire) -> None:
    wire.endless(b"H", 0.1)


def silence(wire: Wire) -> None:
    wire.gone.wait(30)


@pytest.mark.parametrize("way", [drip_body, drip_head, drip_status, silence])
def test_what_drips_ends_with_the_time_of_a_request(way, evaluated):
    with stub(way) as server:
        outcome = evaluated(server, "--timeout", 1)
    outcome.refused("timeout: no complete answer within 1 s")
    assert outcome.seconds < 30


def test_many_at_a_time_take_what_the_documentation_says(evaluated, scratch):
    """Sixteen answers that are as large as they may be, and of what takes most memory as JSON."""
    rows = [{"problem": f"What is {n} + 1?", "answer": "2"} for n in range(16)]
    (scratch / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    body = b'{"choices": [' + b"{}," * 340_000 + b"{}]}"
    with stub(lambda wire: wire.answer(body)) as server:
        outcome = evaluated(server, "--concurrency", 16)
    outcome.refused("no_text: no completion, or several, in the answer")
    assert outcome.mib < 120 + 16 * 3 + 30 * 2, outcome.mib


# What is no answer

NO_ANSWERS = {
    "gzip": (lambda w: w.answer(gzip.compress(b"[" * 10**6), headers="Content-Encoding: gzip\r\n"), "not_json"),
    "a bomb without a name": (lambda w: w.answer(gzip.compress(bytes(10**8))), "not_json"),
    "nested": (lambda w: w.answer(b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "not_json"),
    "nested objects": (lambda w: w.answer(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "not_json"),
    "a number of 10,000 digits": (lambda w: w.answer(b'{"choices": ' + b"9" * 10_000 + b"}"), "not_json"),
    "half a body": (lambda w: w.answer(b'{"choices"', length=500), "half_body"),
    "no length": (lambda w: w.answer(b"<html>", length="many"), "not_json"),
    "a negative length": (lambda w: w.answer(b"<html>", length=-5), "not_json"),
    "a huge length": (lambda w: w.answer(b"<html>", length="9" * 5000), "not_json"),
    "no http": (lambda w: w.write(b"SSH-2.0-OpenSSH_9.6\r\n\x1b]0;PWN\x07\r\n"), "connection"),
    "no choice": (lambda w: w.json({"choices": []}), "no_text"),
    "two choices": (lambda w: w.json({"choices": GOOD["choices"] * 2}), "no_text"),
    "choices that are none": (lambda w: w.json({"choices": {"0": 1}}), "no_text"),
    "a text that is a number": (lambda w: w.json(completion(5)), "no_text"),
    "a text that is 0": (lambda w: w.json(completion(0)), "no_text"),
    "a text that is a list": (lambda w: w.json(completion([{"type": "text", "text": "a"}])), "no_text"),
    "a text longer than its tokens": (lambda w: w.json(completion("a" * 500_000)), "too_long"),
    "a finish that is an object": (lambda w: w.json(completion(finish_reason={"a": 1})), "no_text"),
    "an error with status 200": (
        lambda w: w.json({"error": {"message": "out \x1b[31m of \u202e luck"}}),
        "server_error",
    ),
    "waiting for 30 years": (lambda w: w.json({}, "429 Slow", "Retry-After: 1e9\r\n"), "rate_limit"),
    "waiting for less than nothing": (lambda w: w.json({}, "429 Slow", "Retry-After: -5\r\n"), "rate_limit"),
    "waiting for a word": (lambda w: w.json({}, "429 Slow", "Retry-After: Tue, 99 Foo 99999\r\n"), "rate_limit"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_a_fault_of_that_request(name):
    way, fault = NO_ANSWERS[name]
    with stub(way) as server:
        (generation,) = asked(server)
    assert generation.finish is Finish.FAILED
    assert generation.error.startswith(f"{fault}: ")
    assert len(generation.error) < 600
    assert not UNSEEN.search(generation.error)


def test_what_asks_to_wait_for_ever_is_not_waited_for():
    with stub(lambda wire: wire.json({}, "503 Busy", "Retry-After: 1e300\r\n")) as server:
        (generation,) = asked(server, retries=3)
    assert "server_error: status 503" in generation.error
    assert "deadline of 7200 s" in generation.error


def test_all_of_them_in_one_run_leave_it_sound(evaluated, treadle, scratch):
    """As many problems as there are ways to answer nothing, good answers and odd ones between them."""
    odd = [completion(text, usage={}) for text in TEXTS.values()]
    odd += [completion(usage={"completion_tokens": count}) for count in COUNTS]
    ways = [*(way for way, _ in NO_ANSWERS.values()), *(partial(Wire.json, content=content) for content in odd)]
    rows = [{"problem": f"What is {n} + {2 - n}?", "answer": "2"} for n in range(len(ways))]
    (scratch / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with stub(lambda wire: ways[wire.number](wire)) as server:
        outcome = evaluated(server, "--concurrency", 1)
    assert outcome.code == 1, outcome.err
    outcome.is_clean()
    assert outcome.mib < 200
    assert "usage not believed" in outcome.out
    figures = is_sound(treadle, scratch / "run")["benchmarks"]["p"]["modes"]["whole"]["greedy"]
    assert figures["failed"] == len(NO_ANSWERS)
    assert figures["verdicts"] == {"right": len(odd)}
    assert figures["doubts"] == {"usage_not_believed": len(COUNTS), "surrogates_replaced": 2}
    view = treadle("view", "run")
    assert view.code == 0, view.err
    view.is_clean()


def test_some_that_fail_are_counted_and_the_others_kept(evaluated, treadle, scratch):
    with stub(lambda wire: wire.json(GOOD) if wire.number else flood(wire)) as server:
        outcome = evaluated(server)
    assert outcome.code == 1
    outcome.is_clean()
    figures = is_sound(treadle, scratch / "run")["benchmarks"]["p"]["modes"]["whole"]["greedy"]
    assert (figures["failed"], figures["stops"]) == (1, {"ended": 1})


# What an answer says of itself


COUNTS = [-5, 0, 129, 10**400, 7.0, 1e308, float("nan"), float("inf"), "many", True, [7], {"a": 1}]


@pytest.mark.parametrize("count", COUNTS)
def test_counts_that_cannot_be_are_not_believed(count):
    with (
        stub(lambda wire: wire.json(completion(usage={"completion_tokens": count}))) as server,
        pytest.warns(UserWarning, match="reports tokens that cannot be; their counts are: estimated"),
    ):
        (generation,) = asked(server)
    # Nine bytes at 3.5 a token, upwards.
    assert generation == Generation("\\boxed{2}", 3, Finish.STOP, doubts=(Doubt.USAGE,))


@pytest.mark.parametrize("usage", [{"completion_tokens": None}, {}, [], "none"])
def test_counts_that_are_missing_are_estimated_and_no_lie(usage):
    with (
        stub(lambda wire: wire.json(completion(usage=usage))) as server,
        pytest.warns(UserWarning, match="does not report tokens"),
    ):
        (generation,) = asked(server)
    assert generation == Generation("\\boxed{2}", 3, Finish.STOP)


def test_the_most_tokens_that_are_believed():
    with stub(lambda wire: wire.json(completion(usage={"completion_tokens": 128}))) as server:
        assert asked(server) == [Generation("\\boxed{2}", 128, Finish.STOP)]


TEXTS = {
    "half a character": "\ud800 \\boxed{2}",
    "halves in the wrong order": "\udc00\ud800 \\boxed{2}",
    "what terminals obey": "\x1b]0;PWN\x07\x1b[2J \u202e \x00 \\boxed{2}",
    "what pages obey": "</script><script>alert(1)</script> \\boxed{2}",
    "an escape in words": "\\ud800 \\boxed{2}",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("apart", [False, True])
def test_texts_are_taken_as_they_are_but_for_halves_of_characters(name, apart):
    message = {"content": "" if apart else TEXTS[name], "reasoning_content": TEXTS[name] if apart else None}
    answer = completion(usage={"completion_tokens": 9}, message=message)
    with stub(lambda wire: wire.json(answer)) as server:
        (generation,) = asked(server)
    expected = re.sub("[\ud800-\udfff]", "\ufffd", TEXTS[name])
    assert generation.text == (f"<think>{expected}</think>" if apart else expected)
    assert generation.doubts == ((Doubt.SURROGATES,) if expected != TEXTS[name] else ())
    generation.text.encode()


def test_no_text_at_all_is_an_empty_text():
    with stub(lambda wire: wire.json(completion(None, usage={"completion_tokens": 0}))) as server:
        assert asked(server) == [Generation("", 0, Finish.STOP)]


# Where a key goes


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    return {"api_key_variable": "THE_KEY"}


@pytest.mark.parametrize("place", ["http://127.0.0.1:{port}/v1/stolen", "file:///etc/passwd", "//127.0.0.1:{port}/x"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Over there", "308 For ever"])
def test_a_redirect_is_refused_and_nothing_goes_there(place, status, key):
    def redirect(wire: Wire) -> None:
        wire.json({}, status, f"Location: {place.format(port=thief.server_address[1])}\r\n")

    with (
        stub(lambda wire: wire.json(GOOD), lambda wire: wire.json({})) as thief,
        stub(redirect, redirect) as server,
        pytest.raises(ModelError, match=f"status {status[:3]}.*give the address that the server redirects to"),
    ):
        asked(server, **key)
    assert thief.requests == []
    assert {head["authorization"] for _, head, _ in server.requests} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("status", ["401 No", "400 No", "500 No", "429 No", "200 OK"])
def test_a_key_that_a_server_repeats_is_not_said(status, key):
    with stub(lambda wire: wire.json({"error": {"message": f"\x1b[31mkey=Bearer {KEY}"}}, status)) as server:
        try:
            said = asked(server, **key)[0].error
        except ModelError as error:
            said = str(error)
    assert re.search(r"\\x1b\[31mkey=Bearer (\[key\]|\*\*\*)", said)
    assert KEY not in said


def test_a_key_is_in_nothing_that_is_printed_or_written(evaluated, scratch):
    def tells(wire: Wire) -> None:
        wire.json({"error": {"message": "a" * 490 + f"Bearer {KEY}"}}, f"500 Bearer {KEY}")

    with stub(tells) as server:
        outcome = evaluated(server, "--api-key-env", "THE_KEY", environment={"THE_KEY": KEY})
    outcome.refused("none of 2 requests gave a text")
    assert KEY[:9] not in outcome.out + outcome.err
    for file in filter(Path.is_file, (scratch / "run").rglob("*")):
        assert KEY[:9] not in file.read_text(errors="replace"), file


@pytest.mark.parametrize("key", ["sk-\n1", "sk-1\r\nX-Evil: 1", "schlüssel"])
def test_a_key_that_is_none_is_not_shown(key, monkeypatch):
    monkeypatch.setenv("THE_KEY", key)
    with (
        stub(lambda wire: wire.json(GOOD)) as server,
        pytest.raises(ModelError, match="environment variable THE_KEY holds") as caught,
    ):
        asked(server, api_key_variable="THE_KEY")
    assert "sk-1" not in str(caught.value)
    assert "schl" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:port/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1/\u00fc",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(ModelError, match="expected the address of a server"):
        open_backend("tiny", "openai", url=url)


# Lists of models


def test_a_list_of_models_that_does_not_end(evaluated):
    with stub(lambda wire: wire.json(GOOD), flood) as server:
        outcome = evaluated(server, more_mib=600)
    outcome.refused("no server answers", "more than")
    assert outcome.mib < 120


@pytest.mark.parametrize(
    "listed",
    [
        {"data": [{"id": "m" * 1000}] * 500},
        {"data": [{"id": {"a": ["b"] * 1000}}, {"id": "\x1b]0;PWN\x07"}, 5, None]},
        {"data": "none"},
        {"data": {"id": 5}},
        [],
    ],
)
def test_a_list_of_models_that_is_none(listed):
    with (
        stub(lambda wire: wire.json({"error": "no such model"}, "404 No"), lambda wire: wire.json(listed)) as server,
        pytest.raises(ModelError, match="status 404 for model 'tiny': no such model; expected one of") as caught,
    ):
        asked(server)
    assert len(str(caught.value)) < 2500
    assert not UNSEEN.search(str(caught.value))
