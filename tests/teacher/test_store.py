"""The store: nothing is lost, nothing is asked twice, nothing of another model gets in."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from treadle.errors import ModelError, OutputError
from treadle.evaluate.records import Finish, Generation, Request, Sampling
from treadle.teacher.store import ANSWERS, Store, key_of, recorded

IDENTITY = {"model": "m", "temperature": 1.0, "chat.system_role": "user"}
SAMPLING = Sampling(100, 1.0)


def request(number, seed=0):
    return Request([{"role": "user", "content": f"ü {number}"}], seed)


def answer(number, **fields):
    return Generation(f"<think>{number}\n</think>", 7, Finish.STOP, **fields)


def put(store, number, generation=None, prompt_tokens=3):
    asked = request(number)
    store.put(key_of(asked, SAMPLING), asked, generation or answer(number), prompt_tokens)


def test_what_is_put_is_there_at_once_and_in_the_next_run(tmp_path):
    store = Store(tmp_path / "s", IDENTITY)
    keys = [key_of(request(n), SAMPLING) for n in range(20)]
    for n in range(20):
        assert store.get(keys[n]) is None
        put(store, n)
        assert store.get(keys[n]) == answer(n)
    store.close()
    again = Store(tmp_path / "s", IDENTITY)
    assert len(again) == 20
    assert [again.get(key) for key in keys] == [answer(n) for n in range(20)]
    assert keys[3] in again
    assert key_of(request(20), SAMPLING) not in again
    again.close()


def test_a_key_depends_on_messages_seed_and_decoding():
    keys = {
        key_of(request(1), SAMPLING),
        key_of(request(2), SAMPLING),
        key_of(request(1, 5), SAMPLING),
        key_of(request(1), Sampling(101, 1.0)),
        key_of(request(1), Sampling(100, 0.5)),
    }
    assert len(keys) == 5
    assert key_of(request(1), SAMPLING) == key_of(request(1), Sampling(100, 1.0))


@pytest.mark.parametrize("left", [1, 17, -1])
def test_a_torn_last_line_is_cut_and_counted(tmp_path, left):
    store = Store(tmp_path, IDENTITY)
    put(store, 1)
    put(store, 2)
    store.close()
    lines = (tmp_path / ANSWERS).read_bytes().splitlines(keepends=True)
    (tmp_path / ANSWERS).write_bytes(lines[0] + lines[1][:left])
    again = Store(tmp_path, IDENTITY)
    assert (len(again), again.torn) == (1, 1)
    put(again, 2)
    assert again.get(key_of(request(2), SAMPLING)) == answer(2)
    again.close()
    assert (tmp_path / ANSWERS).read_bytes().splitlines(keepends=True) == lines


def test_failures_are_kept_and_are_no_answers(tmp_path):
    store = Store(tmp_path, IDENTITY)
    put(store, 1, Generation("", 0, Finish.FAILED, "timeout: nothing came"))
    assert len(store) == 0
    assert "timeout: nothing came" in (tmp_path / ANSWERS).read_text()
    put(store, 1)
    store.close()
    assert len(Store(tmp_path, IDENTITY)) == 1


def test_tokens_are_the_servers_or_estimated(tmp_path):
    store = Store(tmp_path, IDENTITY)
    put(store, 1, answer(1, prompt_tokens=11))
    put(store, 2, prompt_tokens=3)
    put(store, 3, Generation("", 0, Finish.FAILED, "x"))
    for found in (store, Store(tmp_path, IDENTITY)):
        assert vars(found.tokens) == {"answers": 2, "prompt": 14, "completion": 14, "estimated": 1}


def test_another_model_under_way_is_refused_and_its_answer_not_kept(tmp_path):
    store = Store(tmp_path, IDENTITY)
    put(store, 1, answer(1, model="m-2024"))
    put(store, 2)
    with pytest.raises(ModelError, match=r"answers with the model 'm-2025' now, and did with 'm-2024' before; serve"):
        put(store, 3, answer(3, model="m-2025"))
    store.close()
    again = Store(tmp_path, IDENTITY)
    assert (len(again), again.served) == (2, "m-2024")


def test_other_settings_are_refused_by_name(tmp_path):
    Store(tmp_path, IDENTITY).close()
    with pytest.raises(
        OutputError, match=r"\(temperature: 1.0 there, 0.5 now; seed: None there, 3 now\); give another"
    ):
        Store(tmp_path, {**IDENTITY, "temperature": 0.5, "seed": 3})


def test_what_a_store_was_made_with_is_recorded(tmp_path):
    assert recorded(tmp_path, "model") is None
    Store(tmp_path, IDENTITY).close()
    assert (recorded(tmp_path, "model"), recorded(tmp_path, "chat.date")) == ("m", None)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (b"[1]\n", "line 2: no JSON object"),
        (b'{"key": "zz", "text": "", "n_tokens": 1, "finish": "stop"}\n', "line 2: key 'zz'"),
        (b'{"key": "00", "n_tokens": 1, "finish": "stop"}\n', "line 2: text: field required"),
    ],
)
def test_damage_is_named_by_line(tmp_path, damage, said):
    store = Store(tmp_path, IDENTITY)
    put(store, 1)
    store.close()
    line = (tmp_path / ANSWERS).read_bytes()
    (tmp_path / ANSWERS).write_bytes(line + damage + line)
    with pytest.raises(OutputError, match=rf"{ANSWERS}, {said}"):
        Store(tmp_path, IDENTITY)


def test_memory_is_an_index_alone(tmp_path):
    """Two thousand answers of 2 kB are 4 MB; the index of a hundred thousand must fit beside everything else."""
    store = Store(tmp_path, IDENTITY)
    put(store, 0)
    store.close()
    line = json.loads((tmp_path / ANSWERS).read_text())
    with (tmp_path / ANSWERS).open("w") as file:
        for n in range(2_000):
            file.write(json.dumps({**line, "key": key_of(request(n), SAMPLING), "text": "x" * 2000}) + "\n")
    tracemalloc.start()
    again = Store(tmp_path, IDENTITY)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(again) == 2_000
    assert held < 1e6
