import json

import pytest

from treadle.errors import TreadleError
from treadle.evaluate.swe.mini.settings import DEFAULT, read_config

mini = pytest.importorskip("minisweagent", reason="needs the extra mini")


def file(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return str(path)


def test_the_default_is_the_packages_own_config():
    found, unused = read_config()
    assert found["agent"]["step_limit"] == 250
    assert found["environment"]["timeout"] == 60
    assert found["environment"]["env"]["PAGER"] == "cat"
    assert found["model"]["action_regex"] == "```mswea_bash_command\\s*\\n(.*?)\\n```"
    assert unused == ["environment.environment_class", "model.model_name", "model.model_kwargs"]
    assert json.loads(json.dumps(found)) == found


def test_defaults_of_the_model_are_those_of_theirs():
    litellm = pytest.importorskip("minisweagent.models.litellm_textbased_model")
    theirs = litellm.LitellmTextbasedModelConfig(model_name="x").model_dump()
    found, _ = read_config(["mini_textbased", f"model={json.dumps({'format_error_template': 'x'})}"])
    from treadle.evaluate.swe.mini.model import ModelConfig

    ours = ModelConfig(model_name="x").model_dump()
    assert {key: theirs[key] for key in ours} == ours
    assert found["model"]["format_error_template"] == "x"


def test_later_configs_and_the_command_line_win(tmp_path):
    own = file(
        tmp_path, "agent: {step_limit: 9, surprise: 1}\nmodel: {model_name: gpt}\nrun: {env_startup_command: ls}\n"
    )
    found, unused = read_config([DEFAULT, own, "environment.timeout=7", "environment.env.A=b"])
    assert (found["agent"]["step_limit"], found["environment"]["timeout"]) == (9, 7.0)
    assert found["environment"]["env"]["A"] == "b"
    assert {"run", "agent.surprise", "model.model_name"} <= set(unused)
    found, _ = read_config([DEFAULT, own], max_steps=3, seconds=1.5)
    assert (found["agent"]["step_limit"], found["environment"]["timeout"]) == (3, 1.5)


def test_commands_may_have_another_form():
    found, _ = read_config(["swebench_xml"])
    assert found["model"]["action_regex"] == "<mswea_bash_command>(.*?)</mswea_bash_command>"


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (["swebench.yaml"], "ask for calls of tools, such as swebench.yaml"),
        (["nowhere.yaml"], "--mini-config nowhere.yaml: no such file"),
        (["agent.step_limit=3"], "agent.system_template: field required; begin with --mini-config swebench_backticks"),
        ([DEFAULT, "agent.step_limit=many"], "agent.step_limit: input should be a valid integer"),
        ([DEFAULT, "environment.timeout=0"], "environment.timeout: input should be greater than 0"),
        ([DEFAULT, "agent.agent_class=interactive"], "agent.agent_class 'interactive': expected default"),
        ([DEFAULT, "model.action_regex=("], "model.action_regex '\\('"),
        ([DEFAULT, "model.action_regex=(a)(b)"], "expected one group"),
        ([DEFAULT, "agent.system_template={% if %}"], "agent.system_template, line 1"),
        ([DEFAULT, "model=3"], "model: found int"),
        ([DEFAULT, ".=3"], "empty config key"),
    ],
)
def test_a_wrong_config_is_one_line(specs, said):
    with pytest.raises(TreadleError, match=said) as error:
        read_config(specs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("text", "said"), [("a: [", "expected YAML"), ("- a\n", "found list"), ("", "found NoneType")])
def test_a_file_that_is_no_config_is_one_line(tmp_path, text, said):
    with pytest.raises(TreadleError, match=said):
        read_config([file(tmp_path, text)])
