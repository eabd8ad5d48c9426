"""Whoever waits for a model sees what it was asked and how far it is, though nothing is finished yet."""

from __future__ import annotations

import sys
import time

import treadle.chat.progress as module
from treadle.chat.progress import progress


def test_lines_come_by_the_clock_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.01)
    written = []
    monkeypatch.setattr(sys.stderr, "write", written.append)
    with progress("whole, greedy", 12, 4096) as told:
        while "whole, greedy: 0 of 12 after 0 s" not in written:
            time.sleep(0.01)
        told()
        while "whole, greedy: 1 of 12 after 0 s" not in written:
            time.sleep(0.01)
    assert written[0] == "whole, greedy: 12 requests of up to 4,096 tokens"
    assert capsys.readouterr().out == ""


def test_nothing_comes_after_the_end(capsys, monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.05)
    with progress("next steps", 1, 64) as told:
        told()
    assert capsys.readouterr().err.splitlines()[0] == "next steps: 1 request of up to 64 tokens"
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar_that_says_the_same(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("loop, greedy, step 1", 2, 2048) as told:
        told()
        told()
    shown = capsys.readouterr().err
    assert "loop, greedy, step 1: 2 requests of up to 2,048 tokens: 100%" in shown
    assert "2/2" in shown


def test_who_asks_for_none_sees_none(capsys):
    with progress("whole, greedy", 12, 4096, shown=False) as told:
        told()
    assert capsys.readouterr() == ("", "")


def test_what_it_costs_is_said_beside_and_several_may_finish_at_once(capsys, monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.01)
    written = []
    monkeypatch.setattr(sys.stderr, "write", written.append)
    with progress("tiny", 3, 64, unit="sample", note=lambda done: f"cost {done}.00") as told:
        told(2)
        while "tiny: 2 of 3 after 0 s, cost 2.00" not in written:
            time.sleep(0.01)
    assert written[0] == "tiny: 3 samples of up to 64 tokens"
    monkeypatch.undo()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("tiny", 3, 64, unit="sample", note=lambda done: f"cost {done}.00") as told:
        told(3)
    assert "cost 3.00" in capsys.readouterr().err
