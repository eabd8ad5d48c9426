"""What is a secret, by its key or by its form, and what only looks a little like one."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from dataclasses import fields

import pytest
from peft import LoraConfig
from transformers import TrainingArguments
from trl import GRPOConfig, SFTConfig

from treadle.errors import RecipeError, TreadleError
from treadle.files.secrets import (
    find_in_text,
    find_secret,
    hidden,
    refuse_in_arguments,
    refuse_secrets,
    secret_key,
)

PLAIN = "correct-horse-battery"
ALNUM = "a1B2c3D4" * 10
FORMS = {
    "a Hugging Face token": [f"hf_{ALNUM[:34]}", f"api_org_{ALNUM[:34]}"],
    "an Anthropic key": [f"sk-ant-api03-{ALNUM}"],
    "an OpenAI key": [f"sk-proj-{ALNUM}", f"sk-svcacct-{ALNUM}", f"sk-or-v1-{ALNUM[:64]}", f"sk-{ALNUM[:48]}"],
    "a GitHub token": [f"{kind}_{ALNUM[:36]}" for kind in ("ghp", "gho", "ghu", "ghs", "ghr", "github_pat")],
    "a GitLab token": [f"glpat-{ALNUM[:20]}"],
    "an AWS key": ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"],
    "a Google key": [f"AIza{ALNUM[:35]}"],
    "a Slack token": ["xoxb-123456789012-abcdef"],
    "an NVIDIA key": [f"nvapi-{ALNUM[:64]}"],
    "an API key": [
        f"gsk_{ALNUM[:52]}",
        f"xai-{ALNUM}",
        f"r8_{ALNUM[:37]}",
        f"wandb_v1_{ALNUM[:40]}",
        f"pypi-AgEIcHlwaS5vcmc{ALNUM}",
    ],
    "a signed token": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1"],
    "a private key": ["-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"],
    "a bearer token": [f"Authorization: Bearer {ALNUM[:24]}"],
    "an address with a name or password": ["https://me:hunter2@example.org/v1", "http://hunter2@example.org"],
    "an address with a password": ["s3://id:hunter2@bucket/x", "postgresql://me:hunter2@host:5432/db"],
    "an address with a key in it": [
        "https://example.org/v1?api_key=hunter2hunter2",
        "http://h/?x=1&sig=hunter2hunter2",
    ],
}
"""What the issuers document of their forms, filled with made-up text."""


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in FORMS.items() for text in texts])
@pytest.mark.parametrize("around", ["{}", "x {} y", '{{"a": "{}"}}', "run/{}/model", "NAME={}"])
def test_forms(what, text, around):
    assert find_in_text(around.format(text))[0] == what
    left = hidden(around.format(text))
    assert "***" in left
    assert text not in left
    assert not any(part in left for part in ("hunter2", ALNUM[:20], "dBjftJ", "FODNN7"))
    assert find_in_text(left) is None or what.startswith("an address"), "what is hidden is found no more"


ORDINARY = [
    "Qwen/Qwen2.5-7B-Instruct",
    "runs/sk-learn-baseline-2024-with-a-long-name",
    "task-0123456789abcdefghijklmn",
    "hf_models/my_model",
    "hf_cache",
    "http://localhost:8000/v1",
    "https://huggingface.co/datasets/a/b?split=train&key=x",
    "s3://bucket/path@version",
    "me@example.org",
    "0123456789abcdef0123456789abcdef01234567",
    "<|endoftext|>",
    "AKIAN",
    "runs/qwen2.5-r8_alpha16_lr1e-5_dropout0_seed1",
    "xai-reasoning-benchmark-of-2025",
    "pypi-packages-most-downloaded-2025",
    "gsk_clinical_trials_of_2024_phase_3",
    "the bearer of bad news",
    "-----BEGIN PUBLIC KEY-----",
    "https://medium.com/@somebody/post",
    "git+https://github.com/a/b.git@0123456789abcdef",
    "hdfs://name:8020/user/data",
    "C:/Users/me@work/data",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_are_none(text):
    assert find_in_text(text) is None
    assert hidden(text) == text


def test_keys_of_the_libraries():
    """Of all settings that a recipe can reach there is one that holds a secret; older versions had more of its name."""
    names = {f.name for config in (GRPOConfig, SFTConfig, TrainingArguments, LoraConfig) for f in fields(config)}
    assert len(names) > 200
    assert {name for name in names if secret_key(name)} == {"hub_token"}
    assert secret_key("push_to_hub_token")


SECRET = """token hub_token use_auth_token hubToken api_key apiKey OPENAI_API_KEY key secret client_secret
password passwd aws_secret_access_key db_password credentials Authorization X-Api-Key private_key access_token"""


PUBLIC = """max_tokens pad_token eos_token image_token token_level tokens keys sort_key max_tree_tokens tokenizer
secretary include_num_input_tokens_seen keyboard monkey author max_token
num_key loss_per_token"""


@pytest.mark.parametrize("key", SECRET.split())
def test_keys_that_hold_secrets(key):
    assert secret_key(key)
    assert find_secret({"a": [{key: PLAIN}]}).where == f"a.0.{key}"
    assert find_secret({key: None}) is None
    assert find_secret({key: True}) is None, "the token of the environment"


@pytest.mark.parametrize("key", PUBLIC.split())
def test_keys_that_do_not(key):
    assert secret_key(key) is None


RANDOM = random.Random(0)
GENERATED = {
    "commits": [hashlib.sha1(str(n).encode()).hexdigest() for n in range(500)],
    "digests": [hashlib.sha256(str(n).encode()).hexdigest() for n in range(500)],
    "uuids": [str(uuid.UUID(int=RANDOM.getrandbits(128))) for _ in range(500)],
    "pictures": [f"data:image/png;base64,{base64.b64encode(RANDOM.randbytes(50_000)).decode()}"],
    "names of files": [f"{base64.urlsafe_b64encode(RANDOM.randbytes(24)).decode()}.safetensors" for _ in range(500)],
}


@pytest.mark.parametrize("kind", GENERATED)
def test_random_looking_texts_are_none(kind):
    for text in GENERATED[kind]:
        assert find_in_text(text) is None, text[:80]
        assert hidden(text) == text


def test_a_known_secret_is_hidden_whatever_its_form():
    assert hidden(f"no {PLAIN} here, {PLAIN}!", None, "", PLAIN) == "no *** here, ***!"


def test_variables_to_set():
    expected = {
        "hub_token": "HF_TOKEN",
        "token": "HF_TOKEN",
        "wandb_api_key": "WANDB_API_KEY",
        "OPENAI_API_KEY": "OPENAI_API_KEY",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "db_password": "an environment variable",
    }
    assert {key: secret_key(key) for key in expected} == expected


def test_a_refusal_says_where_and_not_what():
    with pytest.raises(RecipeError) as caught:
        refuse_secrets({"stages": [{"trl": {"hub_token": PLAIN}}]}, "r.yaml", RecipeError)
    assert str(caught.value) == (
        "r.yaml: stages.0.trl.hub_token holds a secret, which would be stored with the results; leave it out and set "
        "it in the environment: export HF_TOKEN=..."
    )
    refuse_secrets({"tokenizer": "a/b", "pad_token": "<pad>", "tokens": 5, "key": "<|key|>"}, "r.yaml", RecipeError)


def test_a_secret_as_a_key_is_not_repeated():
    secret = FORMS["an OpenAI key"][0]
    found = find_secret({"a": {secret: 1}})
    assert found == ("a key in a", "an OpenAI key", "OPENAI_API_KEY")


def test_depth_is_no_matter():
    value = {"token": PLAIN}
    for _ in range(10_000):
        value = [value]
    assert find_secret(value).what == "a secret"


def test_arguments():
    secret = FORMS["a Hugging Face token"][0]
    with pytest.raises(
        TreadleError, match=r"^argument 3, after --out: holds a Hugging Face token.*export HF_TOKEN="
    ) as caught:
        refuse_in_arguments(["prepare", "--out", secret])
    assert secret not in str(caught.value)
    refuse_in_arguments(["prepare", "--token", PLAIN])  # options are known by typer; no form, no secret
