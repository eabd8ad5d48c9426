from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

from tests.hostile.recipes import SFT, SRL, recipe, write
from treadle.errors import ModelError, RecipeError
from treadle.evaluate.backends.http import normal_url
from treadle.evaluate.backends.server import ServerBackend
from treadle.files.secrets import find_in_text, hidden
from treadle.recipe.reading import load_recipe, parse_recipe

# Of the issuers' forms, made up.
HF = "hf_" + "QxTzVbNmKl" * 3
OPENAI = "sk-proj-" + "a1B2c3D4" * 5
PLAIN = "correct-horse-battery"
TOKENS = {
    "hugging face": HF,
    "openai": OPENAI,
    "openai, old": "sk-" + "a1B2c3D4" * 6,
    "anthropic": "sk-ant-api03-" + "a1B2c3D4" * 5,
    "github": "ghp_" + "a1B2c3D4" * 4,
    "github, new": "github_pat_" + "a1B2c3D4" * 4,
    "aws": "AKIA" + "A1B2C3D4" * 2,
    "google": "AIza" + "a1B2c3D" * 5,
    "slack": "xoxb-123456789012-abcdef",
    "signed": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1",
    "bearer": "Bearer abcdef0123456789abcdef",
    "password in an address": "https://me:hunter2hunter2@example.org/v1",
    "name in an address": "https://hunter2hunter2@example.org/v1",
    "password of a store": "s3://id:hunter2hunter2@bucket/x",
    "key in an address": "https://example.org/v1?api_key=hunter2hunter2",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", TOKENS)
def test_forms_of_secrets(name):
    assert find_in_text(f"x {TOKENS[name]} y") is not None
    assert "hunter2" not in hidden(TOKENS[name])
    for content in (recipe(model=TOKENS[name]), recipe(stages=[{**SRL, "trl": {"run_name": TOKENS[name]}}])):
        with pytest.raises(RecipeError, match=r"export [A-Z_]+=") as caught:
            parse_recipe(content)
        assert TOKENS[name] not in str(caught.value)


def test_a_token_in_a_recipe(treadle, scratch):
    file = write(scratch, stages=[{**SRL, "trl": {"hub_token": PLAIN}}])
    line = treadle("train", file, "--dry-run").refused("stages.0.trl.hub_token", "export HF_TOKEN=...")
    assert PLAIN not in line
    assert not (scratch / "run").exists()


@pytest.mark.parametrize(
    ("changes", "override", "where"),
    [
        ({}, f"stages.srl.trl.hub_token={PLAIN}", "override: stages.srl.trl.hub_token"),
        ({}, f"stages.srl.trl.hub_token=[{PLAIN}", "override: stages.srl.trl.hub_token"),
        ({}, f"stages.srl.trl.model_init_kwargs={{token: {PLAIN}}}", "stages.1.trl.model_init_kwargs.token"),
        ({}, f"nowhere.at.all={HF}", "override: nowhere.at.all"),
        ({}, HF, "override: a key"),
        ({"stages": [{**SRL, "trl": {"model_init_kwargs": {"a": [{"token": PLAIN}]}}}]}, "seed=1", "a.0.token"),
        ({"chat_template_kwargs": {"apiKey": PLAIN}}, "seed=1", "chat_template_kwargs.apiKey"),
        ({"tokenizer": f"https://u:{PLAIN}@h/x"}, "seed=1", "tokenizer"),
        ({"unknown": HF}, "seed=1", "unknown"),
        ({HF: 1}, "seed=1", "a key"),
    ],
)
def test_secrets_in_recipes_and_overrides(tmp_path, changes, override, where):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, **changes), [override])
    assert where in str(caught.value)
    assert PLAIN not in str(caught.value)
    assert HF not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "recipe.yaml", f"stages.srl.trl.run_name={HF}"),
        ("evaluate", HF, "-o", "run"),
        ("evaluate", "m", "--backend", "openai", "--base-url", f"http://u:{PLAIN}@127.0.0.1:9/v1", "-o", "run"),
        ("evaluate", "m", "--backend", "openai", "--api-key-env", OPENAI, "-o", "run"),
        ("evaluate", "m", "--api-key", OPENAI),
        ("prepare", f"https://{PLAIN}@huggingface.co/datasets/a/b", "-o", "run"),
        ("prepare", "x.jsonl", "-o", "run", "--tokenizer", HF),
    ],
)
def test_secrets_in_arguments(treadle, scratch, arguments):
    line = treadle(*arguments).refused("holds ", "export ")
    assert not any(secret in line for secret in (HF, OPENAI, PLAIN))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://u:{PLAIN}@h/v1",
        f"ftp://u:{PLAIN}@h",
        f"http://h/v1?api_key={PLAIN}",
        f"http://[u:{PLAIN}@h",
        f"http://h:{PLAIN}/v1",
        f"//u:{PLAIN}@h",
        f"http://h/v1?x={PLAIN}",
    ],
)
def test_addresses_are_not_repeated(url):
    with pytest.raises(ModelError) as caught:
        normal_url(url)
    assert PLAIN not in str(caught.value) or ("@" not in url and "=" not in url)


@pytest.mark.parametrize("given", [OPENAI, PLAIN, "my secret", " ", "a=b", "0123456789abcdef", "abcdef0123"])
def test_a_key_where_its_variable_belongs(given):
    with pytest.raises(ModelError, match="api-key-env") as caught:
        ServerBackend("m", url="http://127.0.0.1:9/v1", api_key_variable=given)
    assert not given.strip() or given not in str(caught.value)


@contextmanager
def echoing(status: int):
    """A server that gives the key back in whatever it says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(200, {"data": [{"id": "m"}]})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["Authorization"]
            choice = {"message": {"content": "\\boxed{2}"}, "finish_reason": "stop"}
            answer = {"choices": [choice], "usage": {"completion_tokens": 3}}
            self.say(status, answer if status == 200 else {"error": {"message": f"Incorrect API key provided: {key}"}})

        def say(self, code: int, content: dict) -> None:
            body = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()


def holding(folder: Path, *secrets: str) -> list[str]:
    """The files below a folder with one of these in them."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in found if any(secret.encode() in path.read_bytes() for secret in secrets)]


ENVIRONMENT = {"HF_TOKEN": HF, "OPENAI_API_KEY": PLAIN, "WANDB_API_KEY": OPENAI}


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_of_a_server_is_nowhere_in_a_run(treadle, scratch, status):
    (scratch / "rows.jsonl").write_text('{"problem": "1+1?", "answer": "2"}\n')
    with echoing(status) as url:
        run = ("evaluate", "m", "--backend", "openai", "--base-url", url, "--api-key-env", "OPENAI_API_KEY")
        more = ("--mode", "whole", "--data", "rows.jsonl", "-o", "run", "--retries", 0)
        outcome = treadle(*run, *more, environment=ENVIRONMENT)
    assert outcome.code == (0 if status == 200 else 2), outcome
    assert (scratch / "run" / "run.json").is_file()
    assert holding(scratch, *ENVIRONMENT.values()) == []
    assert not any(secret in outcome.out + outcome.err for secret in ENVIRONMENT.values())


def test_a_trained_run_holds_none_and_nothing_pickled_to_upload(treadle, solutions, scratch):
    assert treadle("prepare", solutions, "-o", "prepared", environment=ENVIRONMENT).code == 0
    file = write(scratch, stages=[SFT, SRL], report_to=["tensorboard"] if find_spec("tensorboard") else [])
    outcome = treadle("train", file, environment=ENVIRONMENT, seconds=180)
    assert outcome.code == 0, outcome
    models = list((scratch / "run").glob("*/model"))
    assert len(models) == 2
    assert [p.name for model in models for p in model.iterdir() if p.suffix in (".bin", ".pt", ".pkl", ".pth")] == []
    assert holding(scratch, *ENVIRONMENT.values()) == []
    assert not any(secret in outcome.out + outcome.err for secret in ENVIRONMENT.values())
