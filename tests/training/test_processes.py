"""What processes exchange: the real one of a single process, and simulated ones that meet on a board."""

from __future__ import annotations

import threading
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.simulated import alone, in_processes

COUNTS = st.integers(1, 4)


def test_a_single_process_holds_everything_itself():
    processes = alone()
    assert (processes.count, processes.index, processes.is_main) == (1, 0, True)
    assert processes.device.type == "cpu"
    assert processes.all(["a", "b"]) == processes.share(["a", "b"]) == ["a", "b"]
    assert processes.sums(3, True, 0) == [3, 1, 0]
    rows = torch.arange(6).view(3, 2)
    assert torch.equal(processes.own_rows(rows), rows)
    assert torch.equal(processes.gather(rows), rows)


def test_a_mean_is_over_all_values_also_where_a_process_has_none():
    """(1 + 2 + 6) / 3 and 4 / 1."""
    values = [{"a": [1.0, 2.0]}, {}, {"b": [4.0], "a": [6.0]}]
    assert in_processes(3, lambda processes: processes.means(values[processes.index])) == [{"a": 3.0, "b": 4.0}] * 3
    assert alone().means({"a": [1.0, 2.0]}) == {"a": 1.5}


def test_several_exchange_by_hand():
    def work(processes):
        number = processes.index + 1
        return (
            processes.is_main,
            processes.all([f"{number}a", f"{number}b"]),
            processes.sums(number, number == 2),
            processes.gather(torch.tensor(number)).tolist(),
            processes.gather(torch.tensor([[number, 0]])).tolist(),
        )

    found = in_processes(3, work)
    assert [main for main, *_ in found] == [True, False, False]
    everything = [["1a", "1b", "2a", "2b", "3a", "3b"], [6, 1], [1, 2, 3], [[1, 0], [2, 0], [3, 0]]]
    assert [rest for _, *rest in found] == [everything] * 3


@given(COUNTS, st.integers(1, 20))
def test_shares_are_equal_in_size_and_all_in_order_with_the_last_repeated(count, size):
    items = list(range(size))
    shares = in_processes(count, lambda processes: processes.share(items))
    assert len({len(share) for share in shares}) == 1
    dealt = [item for share in shares for item in share]
    assert dealt[:size] == items
    assert set(dealt[size:]) <= {items[-1]}
    assert len(dealt) - size < count


@given(COUNTS, st.integers(0, 5))
def test_own_rows_are_the_way_back_from_gathering(count, rows):
    def work(processes):
        own = torch.full((rows, 2), processes.index)
        return torch.equal(processes.own_rows(processes.gather(own)), own)

    assert all(in_processes(count, work))


def test_something_is_said_once_and_by_the_main_process_alone():
    def work(processes):
        for text in ("first", "second", "first"):
            processes.warn_once(text)

    for count in (1, 3):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            in_processes(count, work)
        assert [str(w.message) for w in said] == ["first", "second"]


def test_the_simulation_finds_processes_that_do_not_exchange_alike():
    def differing(processes):
        return processes.all([1]) if processes.is_main else processes.gather(torch.tensor([1]))

    with pytest.raises(AssertionError):
        in_processes(2, differing)

    def failing(processes):
        if processes.is_main:
            raise ValueError("no")
        processes.all([])

    with pytest.raises(ValueError, match="no"):
        in_processes(2, failing)
    assert threading.active_count() < 20
