"""Commands in the forms of mini-swe-agent's environments; hostile ones end within limits, and nothing of them stays."""

import http.server
import os
import re
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.evaluate.swe.scripted import write_tasks
from tests.evaluate.swe.test_sandbox import others
from treadle.errors import TreadleError
from treadle.evaluate.swe.mini import TreadleEnvironment
from treadle.evaluate.swe.mini.environment import EnvironmentConfig, SandboxEnvironment
from treadle.evaluate.swe.sandbox import Limits, Sandbox, why_not

SAFE = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
NEEDS = pytest.mark.skipif(find_spec("minisweagent") is None, reason="needs the extra mini")
LIMITS = Limits(memory_mb=256, processes=24, file_mb=8, disk_mb=32)
SUBMITS = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.py").write_text("x = 1\n")
    return root


def environment(root, memory=None, unsafe_local=False, **settings):
    sandbox = Sandbox(root, python=Path(sys.prefix), limits=LIMITS, unsafe_local=unsafe_local)
    return SandboxEnvironment(EnvironmentConfig(**{"timeout": 10, **settings}), sandbox, memory)


def sh(place, command, **more):
    return place.execute({"command": command}, **more)


@SAFE
def test_answers_have_the_form_of_their_environments(root):
    place = environment(root, env={"GIVEN": "a b"})
    answer = sh(place, "pwd; cat a.py; echo $GIVEN; echo oops >&2; exit 3")
    assert answer.pop("extra") == {"seconds": pytest.approx(place.seconds)}
    assert answer == {"output": "/testbed\nx = 1\na b\noops\n", "returncode": 3, "exception_info": ""}
    assert sh(place, "mkdir sub; pwd", cwd="/tmp")["output"] == "/tmp\n"
    assert sh(place, "pwd", cwd="/testbed/none")["returncode"] == 1
    assert sh(environment(root, interpreter=["python", "-c"]), "print(6 * 7)")["output"] == "42\n"
    assert sh(place, "VARIABLE=1; cd /")["returncode"] == 0
    assert sh(place, "echo $VARIABLE; pwd")["output"] == "\n/testbed\n"


@SAFE
@pytest.mark.parametrize("command", ["", "if then", "x" * 70_000, "echo a\0b", "echo a\ud800b", "kill -9 $$"])
def test_whatever_a_command_is_it_is_answered(root, command):
    place = environment(root)
    answer = sh(place, command)
    assert set(answer) == {"output", "returncode", "exception_info", "extra"}
    assert bool(answer["exception_info"]) == (answer["returncode"] == -1)
    assert sh(place, "cat a.py")["output"] == "x = 1\n"


@SAFE
def test_nothing_of_the_machine_is_seen(root, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-to-be-seen")
    (tmp_path / "secret").write_text("not-to-be-seen")
    seen = sh(environment(root), f"cat /etc/shadow {tmp_path}/secret; env; cat /proc/*/environ; hostname")["output"]
    assert "/etc/shadow: No such file" in seen
    assert "root:" not in seen
    assert "not-to-be-seen" not in seen
    assert seen.endswith("sandbox\n")


@SAFE
def test_there_is_no_network(root):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{server.server_port}/', timeout=3)"
    answer = sh(environment(root), f'python -c "{code}"')
    server.shutdown()
    server.server_close()
    assert "Connection refused" in answer["output"]
    assert asked == []


@SAFE
def test_nothing_is_written_outside(root, tmp_path):
    mark = f"treadle-{os.getpid()}"
    line = f"for d in / /etc /usr /tmp /dev/shm /root /testbed/.. {tmp_path}; do echo x > $d/{mark}; done"
    sh(environment(root), f"ln -s {tmp_path} link; echo x > link/{mark}; {line}")
    places = [Path(place, mark) for place in ("/", "/etc", "/usr", "/tmp", "/dev/shm", Path.home(), tmp_path)]
    assert [place for place in places if place.exists()] == []


@SAFE
def test_a_command_that_never_ends_ends_with_all_that_it_started(root):
    marker = f"86{os.getpid()}.25"
    place = environment(root, timeout=1)
    answer = sh(place, f"trap '' TERM; (setsid nohup sleep {marker} >/dev/null 2>&1 &); echo begun; sleep {marker}")
    assert (answer["output"], answer["returncode"]) == ("begun\n", -1)
    assert "took too long" in answer["exception_info"]
    assert 1 <= place.seconds < 8
    assert others(marker) == []
    assert sh(place, f"(setsid sleep {marker} &) ; (sleep {marker} & disown); echo left")["output"] == "left\n"
    assert others(marker) == []


@SAFE
def test_hundreds_of_megabytes_of_output_are_cut_in_the_middle(root):
    answer = sh(
        environment(root, output_kb=16), "echo first; head -c 300000000 /dev/zero | tr '\\0' x; echo; echo last"
    )
    assert answer["returncode"] == 0
    assert len(answer["output"]) < 17_000
    assert answer["output"].startswith("first\nxxx")
    assert answer["output"].endswith("xxx\nlast\n")
    assert "bytes are left out here" in answer["output"]


@SAFE
@pytest.mark.parametrize(
    ("command", "limit"),
    [
        ("python -c 'x = bytearray(10**8); import os; os.fork(); os.fork(); y = b\"x\" * 10**8; input()'", "memory"),
        ("head -c 9000000 /dev/zero > big; echo $?", ""),
        ("for i in $(seq 90); do sleep 4 & done; wait", ""),
    ],
)
def test_what_takes_too_much_is_ended_or_refused(root, command, limit):
    # Ended by the limit at once; the rest is what a busy machine may take.
    answer = sh(environment(root, timeout=60), f"exec < <(sleep 50); {command}" if limit else command)
    assert (f"passed the limit of {limit}" in answer["exception_info"]) == bool(limit)
    if "big" in command:
        assert (root / "big").stat().st_size <= 8 * 2**20
    if "sleep 4" in command:
        assert "Resource temporarily unavailable" in answer["output"]


class Kept(dict):
    def put(self, step, observation, seconds):
        self[step] = observation, seconds


@SAFE
def test_a_continued_episode_is_told_what_it_saw_and_does_it_again(root):
    memory = Kept()
    first = sh(environment(root, memory), "echo made >> made; date +%N")
    again = environment(root, memory)
    assert sh(again, "echo made >> made; date +%N") == first
    assert again.seconds == first["extra"]["seconds"]
    assert (root / "made").read_text() == "made\nmade\n"


def test_without_a_sandbox_paths_are_those_of_the_prompts(root):
    place = environment(root, unsafe_local=True)
    place.sandbox.isolated, place.sandbox.path = False, str(root)
    assert sh(place, "pwd; cat /testbed/a.py")["output"] == "/testbed\nx = 1\n"


@SAFE
@NEEDS
def test_the_command_that_submits_ends_the_episode_with_what_it_printed(root):
    from minisweagent.exceptions import Submitted

    place = environment(root, output_kb=4)
    with pytest.raises(Submitted) as ended:
        sh(place, f"{SUBMITS} && cat a.py")
    [message] = ended.value.messages
    assert (message["role"], message["extra"]["exit_status"]) == ("exit", "Submitted")
    assert message["content"] == message["extra"]["submission"] == "x = 1\n"
    assert sh(place, f"{SUBMITS}; false")["returncode"] == 1
    cut = sh(place, f"{SUBMITS}; seq 9000")
    assert "longer than 4 KiB" in cut["exception_info"]


def test_prompts_may_name_settings_and_the_kernel_alone(root, monkeypatch):
    monkeypatch.setenv("SOME_VARIABLE", "not-to-be-seen")
    place = environment(root, unsafe_local=True)
    known = place.get_template_vars(more=1)
    assert (known["cwd"], known["system"], known["node"], known["more"]) == ("/testbed", "Linux", "sandbox", 1)
    assert "not-to-be-seen" not in str(known) + str(place.serialize())


def test_a_key_among_the_variables_is_refused(root):
    with pytest.raises(TreadleError, match=r"environment.env: OPENAI_API_KEY holds a secret"):
        environment(root, unsafe_local=True, env={"OPENAI_API_KEY": "sk-abcdefghijklmnopqrstuvwxyz"})


@pytest.fixture
def settings(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", ("correct", "lazy"))
    return {"tasks": str(tasks), "python": sys.prefix, "cache": str(tmp_path / "cache"), "timeout": 10}


@SAFE
def test_an_instance_has_a_checkout_that_goes_with_the_environment(settings):
    place = TreadleEnvironment(**settings, instance="tinyshape-0-correct", interpreter=["bash", "-c"], image="unused")
    assert "width + height" in sh(place, "git log --oneline | wc -l; cat tinyshape.py")["output"]
    root = place.sandbox.root
    assert root.is_dir()
    sh(place, "mkdir -p deep/er; chmod 000 deep; ln -s / all")
    place.cleanup()
    assert not root.parents[1].exists()


@SAFE
def test_the_first_command_names_the_instance_where_the_settings_do_not(settings):
    place = TreadleEnvironment(**settings)
    with pytest.raises(TreadleError, match=re.escape("run.env_startup_command: treadle-instance {{ instance_id }}")):
        sh(place, "ls")
    with pytest.raises(TreadleError, match="did you mean tinyshape-1-lazy"):
        sh(place, "treadle-instance tinyshape-1-lzy")
    assert sh(place, "treadle-instance tinyshape-1-lazy")["returncode"] == 0
    assert sh(place, "ls tests")["output"] == "test_shape.py\n"
    assert sh(place, "treadle-instance tinyshape-1-lazy")["returncode"] == 127


@pytest.mark.parametrize(
    ("settings", "said"),
    [({}, "environment.tasks: field required"), ({"tasks": "x", "timeout": 0}, "environment.timeout: input should be")],
)
def test_wrong_settings_are_said_by_their_key(settings, said):
    with pytest.raises(TreadleError, match=said):
        TreadleEnvironment(**settings)
