"""Whole runs on a tiny model: what is written, resumed, refused, graded again, and missing."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from filelock import SoftFileLock

from tests.hostile.driver import contents
from tests.processes import forked
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepared import Prepared
from treadle.data.sources.native import to_row
from treadle.errors import OutputError
from treadle.evaluate.benchmarks import load_data
from treadle.evaluate.records import Finish, Generation
from treadle.evaluate.run import evaluate, regrade
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings, model_digest
from treadle.evaluate.store import read_lines
from treadle.evaluate.summary import failed
from treadle.evaluate.summary_table import as_table
from treadle.miniature.problems import as_tasks, held_out_problems
from treadle.report.evaluation import write_evaluation_report

SETTINGS = EvaluateSettings(samples=4, max_new_tokens=24, max_step_tokens=10, max_steps=3)


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "mini.jsonl"
    rows = [{"id": t.id, "problem": t.problem, "answer": t.answer} for t in as_tasks(held_out_problems(5), "m")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def benchmark(problems):
    return load_data(problems, domain="miniature")


def content(folder, name="samples.jsonl"):
    return list(read_lines(folder / name))


def test_a_run_folder(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    results = evaluate(str(tiny_folder), [benchmark], SETTINGS, out, page=write_evaluation_report)
    assert {p.name for p in out.iterdir()} >= {
        "run.json",
        "problems.jsonl",
        "generations.jsonl",
        "samples.jsonl",
        "results.json",
        "report.html",
    }
    run = read_run(out)
    assert run.results == json.loads(json.dumps(results))
    assert run.problems == {"mini": list(benchmark.problems)}
    samples = list(run.samples())
    assert len(samples) == 5 * (1 + 4) * 2
    assert [s.key.index for s in samples if s.key[:4] == ("mini", "m-0", "whole", "sampled")] == [0, 1, 2, 3]
    right = run.right("mini", "whole", "sampled")
    assert right.shape == (5, 4)
    assert set(np.unique(right)) <= {0.0, 1.0}
    figures = results["benchmarks"]["mini"]["modes"]["whole"]["sampled"]
    assert figures["accuracy"]["value"] == right.mean()
    assert sum(figures["stops"].values()) == sum(figures["verdicts"].values()) == 20
    assert figures["failed"] == failed(results) == 0
    lines = content(out, "generations.jsonl")
    assert {line["step"] for line in lines} <= {0, 1, 2, 3}
    assert figures["tokens"] == pytest.approx(
        np.mean([x["n_tokens"] for x in lines if (x["mode"], x["decoding"]) == ("whole", "sampled")])
    )
    assert len({(line["seed"], line["step"]) for line in lines if line["decoding"] == "sampled"}) > 40
    with pytest.raises(OutputError, match=r"no greedy attempts of other in mode loop; it has mini whole greedy, "):
        run.right("other", "loop", "greedy")


def test_a_second_run_generates_nothing_and_gives_the_same(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    first = evaluate(str(tiny_folder), [benchmark], SETTINGS, out)
    journal, samples = (out / "generations.jsonl").read_bytes(), content(out)
    assert evaluate(str(tiny_folder), [benchmark], SETTINGS, out) == first
    assert (out / "generations.jsonl").read_bytes() == journal
    assert content(out) == samples


@pytest.mark.parametrize("lines", [1, 25])
def test_a_run_continues_to_the_samples_of_an_uninterrupted_one(tiny_folder, benchmark, tmp_path, lines):
    whole, part = tmp_path / "whole", tmp_path / "part"
    expected = evaluate(str(tiny_folder), [benchmark], SETTINGS, whole)
    evaluate(str(tiny_folder), [benchmark], SETTINGS, part, options={"batch_size": 3})
    journal = (part / "generations.jsonl").read_bytes().splitlines(keepends=True)
    (part / "generations.jsonl").write_bytes(b"".join(journal[:lines]) + journal[lines][:30])
    (part / "results.json").unlink()
    found = evaluate(str(tiny_folder), [benchmark], SETTINGS, part, options={"batch_size": 7})
    assert content(part) == content(whole)
    assert found == expected


def test_killed_and_run_again(tiny_folder, problems, tmp_path, capsys):
    """SIGKILL in the middle, then to the end: the samples are those of a run that nothing disturbed."""
    out, journal = tmp_path / "killed", tmp_path / "killed" / "generations.jsonl"
    command = ["evaluate", tiny_folder, "--data", problems, "-o", out, "--samples", "32", "--max-new-tokens", "24"]
    command += ["--max-step-tokens", "10", "--max-steps", "3", "--batch-size", "8", "--domain", "miniature"]
    with forked("treadle.cli.main", *command, out=tmp_path / "said") as process:
        until = time.monotonic() + 200
        while not (journal.exists() and journal.stat().st_size > 40_000):
            assert process.poll() is None, process.output
            assert time.monotonic() < until
            time.sleep(0.002)
    assert not (out / "results.json").exists()
    with journal.open("ab") as file:
        file.write(b'{"benchmark": "mini", "prob')  # what a kill within a write leaves
    before = journal.stat().st_size

    arguments = (str(tiny_folder), [load_data(problems, domain="miniature")], replace(SETTINGS, samples=32))
    found = evaluate(*arguments, out)
    assert "generations are there already, the last line was torn and is generated again" in capsys.readouterr().out
    assert found == evaluate(*arguments, tmp_path / "whole")
    assert before < (tmp_path / "whole" / "generations.jsonl").stat().st_size
    assert content(out) == content(tmp_path / "whole")
    assert len(content(out)) == 5 * 33 * 2


def test_other_settings_never_mix(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    evaluate(str(tiny_folder), [benchmark], SETTINGS, out)
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}

    def refused(message, settings=SETTINGS, sets=(benchmark,)):
        with pytest.raises(OutputError, match=rf"(?s)-o, or replace the run with --overwrite\n.*{message}"):
            evaluate(str(tiny_folder), list(sets), settings, out)

    refused(r"settings.temperature: 1.0 there, 0.5 now", replace(SETTINGS, temperature=0.5))
    refused(r"settings.seed: 0 there, 1 now", replace(SETTINGS, seed=1))
    refused(r"samples of mini: 4 there, 5 now", replace(SETTINGS, samples=5))
    refused(r"benchmark mini: '5 problems, .*' there, None now", sets=[benchmark.first(3)])
    ids = tuple(replace(p, id=f"{p.id}x") for p in benchmark.problems)
    refused(r"ids, kinds and prompts: ", sets=[replace(benchmark, problems=ids)])
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()} == before
    replaced = evaluate(str(tiny_folder), [benchmark], replace(SETTINGS, seed=1), out, overwrite=True)
    assert replaced["settings"]["seed"] == 1


def test_a_model_that_was_trained_on_is_another(tiny_folder, tiny_model):
    digest = model_digest(str(tiny_folder))
    tiny_model.save_pretrained(tiny_folder)
    assert model_digest(str(tiny_folder)) == digest
    tiny_model.lm_head.weight.data[0, 0] += 1.0
    tiny_model.save_pretrained(tiny_folder)
    assert model_digest(str(tiny_folder)) != digest
    assert model_digest("Qwen/Qwen2.5-7B-Instruct") is None


def test_a_folder_that_is_no_run_is_left_alone(tiny_folder, benchmark, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="mine"):
            evaluate(str(tiny_folder), [benchmark], SETTINGS, tmp_path / "mine", overwrite=overwrite)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(OutputError, match=r"run.json: no such file; expected a folder written by `treadle evaluate"):
        read_run(tmp_path / "mine")


def test_failed_generations_are_counted_kept_out_and_tried_again(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    settings = replace(SETTINGS, modes=("whole",))
    expected = evaluate(str(tiny_folder), [benchmark], settings, out)
    samples = content(out)
    path = out / "generations.jsonl"
    lines = content(out, "generations.jsonl")
    lost = [x for x in lines if x["decoding"] == "sampled" and x["problem"] == "m-1"][:2]
    for line in lost:
        generation = asdict(Generation("", 0, Finish.FAILED, "status 500"))
        line.update(generation, finish="failed")
    path.write_text("".join(json.dumps(x) + "\n" for x in lines))

    results = regrade(out)
    figures = results["benchmarks"]["mini"]["modes"]["whole"]["sampled"]
    assert (figures["failed"], figures["problems_kept_out"], figures["errors"]) == (2, 1, {"status 500": 2})
    assert failed(results) == 2
    assert sum(figures["verdicts"].values()) == 18
    assert len(content(out)) == len(samples) - 2
    with pytest.raises(OutputError, match=r"2 of 20 sampled attempts of mini, mode whole, are missing"):
        read_run(out).right("mini", "whole", "sampled")

    results, whole = evaluate(str(tiny_folder), [benchmark], settings, out), expected
    results.pop("files"), whole.pop("files")  # the journal keeps the line of the failure
    assert results == whole
    assert content(out) == samples


def test_a_benchmark_that_failed_altogether(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    settings = replace(SETTINGS, modes=("whole",))
    evaluate(str(tiny_folder), [benchmark], settings, out)
    (out / "generations.jsonl").write_text("")
    (out / "results.json").unlink()  # as in a run in which no request was answered
    results = regrade(out)
    figures = results["benchmarks"]["mini"]["modes"]["whole"]["greedy"]
    assert (figures["accuracy"], figures["failed"], figures["tokens"]) == (None, 5, None)
    assert failed(results) == 25


def test_grading_again_needs_no_model(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    evaluate(str(tiny_folder), [benchmark], SETTINGS, out)
    expected = content(out)
    (out / "samples.jsonl").unlink()
    lines = content(out, "generations.jsonl")
    answer = benchmark.problems[0].answer
    changed = next(x for x in lines if (x["problem"], x["mode"], x["decoding"]) == ("m-0", "whole", "greedy"))
    changed["text"] = f"so \\boxed{{{answer}}}"
    (out / "generations.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    for file in tiny_folder.iterdir():
        file.unlink()
    pages = []
    regrade(out, pages.append)
    assert pages == [out]
    found = content(out)
    differing = [(a, b) for a, b in zip(expected, found, strict=True) if a != b]
    assert len(differing) == 1
    assert differing[0][1]["verdict"] == "right"
    assert read_run(out).right("mini", "whole", "greedy")[:, 0].tolist() == [1, 0, 0, 0, 0]


def test_a_model_that_emits_nothing(tiny_folder, tiny_model, benchmark, tmp_path):
    """Every text is empty: one token, the end of the turn."""
    network, end = tiny_model.model, tiny_model.generation_config.eos_token_id
    with torch.no_grad():
        for layer in network.layers:  # the last state is then the same whatever the prompt
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        tiny_model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(tiny_model.lm_head.weight))
        tiny_model.lm_head.weight[end] = 100.0
        network.embed_tokens.weight.fill_(1.0)
    tiny_model.config.tie_word_embeddings = False
    tiny_model.save_pretrained(tiny_folder)
    results = evaluate(str(tiny_folder), [benchmark], SETTINGS, tmp_path / "run")
    for mode, stop in (("whole", "ended"), ("loop", "format_fault")):
        for decoding, count in (("greedy", 5), ("sampled", 20)):
            figures = results["benchmarks"]["mini"]["modes"][mode][decoding]
            assert figures["tokens"] == 1
            assert figures["verdicts"] == {"no_answer": count}
            assert figures["stops"] == {stop: count}
            assert figures["format_faults"] == {"empty_action": count}
            assert (figures["empty"], figures["accuracy"]["value"]) == (count, 0)


def test_next_steps_of_a_prepared_folder(tiny_folder, expert_trajectories, tmp_path):
    source = tmp_path / "w.jsonl"
    source.write_text("".join(json.dumps(to_row(t)) + "\n" for t in expert_trajectories[:3]))
    prepare(source, tmp_path / "data", PrepareSettings(held_out=0, targets="all"))
    instances = list(Prepared(tmp_path / "data").instances("train"))
    settings = replace(SETTINGS, modes=(), steps=True)
    out = tmp_path / "run"
    floor = Prepared(tmp_path / "data").floors["floor"]
    results = evaluate(str(tiny_folder), [], settings, out, instances=instances, floor=floor)
    assert results["steps"]["failed"] == 0
    assert results["steps"]["floor"] == floor
    above = results["steps"]["similarity"]["value"] - floor["value"]
    assert results["steps"]["above_floor"]["value"] == pytest.approx(above)
    assert f"(floor {floor['value']:.1%}), exact" in as_table(results)
    assert regrade(out)["steps"] == results["steps"]
    without = evaluate(str(tiny_folder), [], settings, tmp_path / "other", instances=instances, no_floor="it is lost")
    assert without["steps"]["no_floor"] == "it is lost"
    assert regrade(tmp_path / "other")["steps"] == without["steps"]
    assert "(floor not known), exact" in as_table(without)
    assert "the floor of their similarity is not known: it is lost" in as_table(without)
    assert results["steps"]["steps"] == len(instances)
    steps = list(read_run(out).steps())
    assert [(s.trajectory_id, s.step) for s in steps] == [(i.trajectory_id, i.step) for i in instances]
    lines = (out / "steps.jsonl").read_bytes().splitlines(keepends=True)
    (out / "steps.jsonl").write_bytes(b"".join(lines[::-1][:4]) + lines[0][:9])
    evaluate(str(tiny_folder), [], settings, out, instances=instances)
    assert (out / "steps.jsonl").read_bytes() == b"".join(lines)


def test_a_run_that_another_process_writes(tiny_folder, benchmark, tmp_path):
    out = tmp_path / "run"
    evaluate(str(tiny_folder), [benchmark], SETTINGS, out)
    before = contents(out)
    with SoftFileLock(tmp_path / ".run.lock"), pytest.raises(OutputError, match=r"run is being written by .* process"):
        evaluate(str(tiny_folder), [benchmark], SETTINGS, out)
    with SoftFileLock(tmp_path / ".run.lock"), pytest.raises(OutputError, match=r"run is being written by .* process"):
        regrade(out)
    assert contents(out) == before


def test_a_run_that_is_continued_on_another_day_keeps_its_date(tiny_folder, tiny_tokenizer, benchmark, tmp_path):
    tiny_tokenizer = type(tiny_tokenizer).from_pretrained(tiny_folder)
    tiny_tokenizer.chat_template = "{{ strftime_now('%d') }}" + tiny_tokenizer.chat_template
    tiny_tokenizer.save_pretrained(tiny_folder)
    out, settings = tmp_path / "run", replace(SETTINGS, modes=("whole",), samples=0)
    evaluate(str(tiny_folder), [benchmark], settings, out, options={"date": "2026-11-28"})
    lines = content(out, "generations.jsonl")
    (out / "generations.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines[:2]))
    evaluate(str(tiny_folder), [benchmark], settings, out)
    assert content(out, "generations.jsonl") == lines
    info = json.loads((out / "run.json").read_text())
    assert info["backend"]["chat"] == {"date": "2026-11-28"}
    with pytest.raises(OutputError, match=r"chat.date: '2026-11-28' there, '2026-11-29' now"):
        evaluate(str(tiny_folder), [benchmark], settings, out, options={"date": "2026-11-29"})
    evaluate(str(tiny_folder), [benchmark], settings, out, options={"date": "2026-11-29"}, overwrite=True)


def test_other_variables_of_the_template_are_another_run(tiny_folder, tiny_tokenizer, benchmark, tmp_path):
    tiny_tokenizer = type(tiny_tokenizer).from_pretrained(tiny_folder)
    tiny_tokenizer.chat_template += "{% if brief %}2{% endif %}"
    tiny_tokenizer.save_pretrained(tiny_folder)
    out, settings = tmp_path / "run", replace(SETTINGS, modes=("whole",), samples=0)
    evaluate(str(tiny_folder), [benchmark], settings, out)
    with pytest.raises(OutputError, match=r"chat.chat_template_kwargs: None there, \{'brief': True\} now"):
        evaluate(str(tiny_folder), [benchmark], settings, out, options={"chat_template_kwargs": {"brief": True}})
