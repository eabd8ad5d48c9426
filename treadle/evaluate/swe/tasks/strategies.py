"""What an expert of a made task does: one of several ways to the place of the bug, the edit, and a check.

A strategy is a generator: it yields an act, is sent what the tools answered, and goes on by that. Which way it goes is
chosen by the task. The lines that are edited were shown by one of the two acts before the edit, so that a prompt with
two pairs of context has them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from treadle.evaluate.swe.agent.prompts import MOUNT, call_text
from treadle.evaluate.swe.tasks.acts import Acts, Hands
from treadle.evaluate.swe.tasks.cases import Case, frame_in, passes
from treadle.evaluate.swe.tasks.mends import changed_lines
from treadle.evaluate.swe.tasks.reasons import reason_of

_SCRIPT = f"{MOUNT}/reproduce.py"
_WHOLE = 40
"""Lines of a function that is read in one go."""
_LISTED = 50
"""Names of functions that one look may list."""
_COMMON = 12
"""Definitions of one name above which its class is looked for instead."""


def strategy(case: Case) -> Acts:
    """The acts of the expert of a task, from the first look to the second `submit`: 4 to 10."""
    return _Expert(case).acts()


class _Expert(Hands):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.script = False

    def acts(self) -> Acts:
        opening = self._opening()
        yield from opening()
        yield from self._find_and_read()
        if not self.ran and self.chance.random() < 0.4 and opening != self._read_test:
            yield from self._run("run_after_look")
        yield from self.do(
            self._why(), self.editor("str_replace", old_str=self.case.mend.old, new_str=self.case.mend.new)
        )
        self.lead = ""
        yield from self._verify()
        yield from self.do(self.say("submit"), call_text("submit"))
        self.lead = ""
        yield from self.do(self.say("confirm"), call_text("submit"))

    def _opening(self) -> Callable[[], Acts]:
        ways, weights = [self._nothing, self._run, self._read_test], [35, 25, 15]
        if self.case.name not in self.seen:
            weights[0] = 0
        if self.case.script:
            ways, weights = [*ways, self._reproduce], [*weights, 20]
        if self.case.others and self.case.name in self.seen:
            ways, weights = [*ways, self._wrong_look], [*weights, 12]
        return self.chance.choices(ways, weights)[0]

    def _nothing(self) -> Acts:
        yield from ()

    def _run(self, what: str = "run") -> Acts:
        """Run tests that fail."""
        options = self.chance.choice((" --tb=short", " --tb=short", " -x --tb=short", ""))
        tail = "" if options else f" 2>&1 | tail -n {self.chance.choice((15, 20, 25))}"
        command = f"cd {MOUNT} && {self.case.runner}{options} {self.tests(self.chance.randint(1, 3))}{tail}"
        observation = yield from self.do(self.say(what), self.bash(command))
        self.take_failure(observation)

    def _read_test(self) -> Acts:
        """Look for the test, and read it."""
        case, span = self.case, self.case.test_span
        path = f"{MOUNT}/{case.test_file}"
        where = self.chance.choice(
            (f'grep -n "def {case.test_name}" {path}', f'grep -rn "{case.test_name}" {MOUNT} --include="*.py"')
        )
        yield from self.do(self.say("read_test"), self.bash(where))
        if span is None:
            return
        last = min(span[1] + self.chance.randint(0, 2), span[0] + 30)
        yield from self.do(self.say("read_test_body"), self.shown(path, span[0], last))
        self.lead = self.say("tested")

    def _reproduce(self) -> Acts:
        """Write the test's lines as a script, and run it."""
        script = self.case.script
        assert script is not None
        yield from self.do(self.say("script"), self.editor("create", _SCRIPT, file_text=script))
        observation = yield from self.do(self.say("run_script"), self.bash(f"cd {MOUNT} && python {_SCRIPT}"))
        self.script = True
        self.take_failure(observation)

    def _wrong_look(self) -> Acts:
        """Look into a file that the function is not in."""
        case = self.case
        package = next((other for other in case.others if other.endswith("__init__.py")), None)
        other = package if package and self.chance.random() < 0.5 else self.chance.choice(case.others)
        path = f"{MOUNT}/{other}"
        call = self.chance.choice(
            (self.bash(f'grep -nw "{case.name}" {path}'), self.shown(path, 1, self.chance.randint(12, 25)))
        )
        observation = yield from self.do(self.say("wrong_look", other=other), call)
        found = re.search(rf"\b{re.escape(case.name)}\b", observation)
        self.lead = self.say("wrong_named" if found else "wrong_nothing", other=other)

    def _find_and_read(self) -> Acts:
        case, (first, last) = self.case, self.case.span
        frame = frame_in(self.seen, case.mend.file)
        if frame and self.chance.random() < 0.7:
            around = self.chance.randint(8, 14)
            thought = self.say("look_frame", line=frame)
            yield from self._read(max(frame - around, 1), frame + around, thought, "look_called")
            return
        short = case.mend.last - first <= _WHOLE and not case.owner
        if short and case.name in self.seen and self.chance.random() < 0.2:
            more = min(max(last, case.mend.last) - first + self.chance.randint(0, 6), _WHOLE + 6)
            where = self.chance.choice((f'{MOUNT} --include="*.py"', self._top()))
            call = self.bash(f'grep -rn -A {more} "def {case.name}(" {where}')
            observation = yield from self.do(self.say("look_direct"), call)
            if self._is_shown(observation):
                return
        else:
            yield from self._locate()
        if last - first <= _WHOLE and self.chance.random() < 0.6:
            window = first - self.chance.randint(0, 4), last + self.chance.randint(1, 8)
        elif last - first <= _WHOLE:
            window = (
                max(first, case.mend.line - self.chance.randint(8, 15)),
                case.mend.line + self.chance.randint(6, 14),
            )
        else:
            window = first, first + self.chance.randint(18, 28)
        thought = self.say("look", line=first) if self._line_is_seen() else self.say("look_file")
        yield from self._read(*window, thought)

    def _locate(self) -> Acts:
        case = self.case
        if case.name not in self.seen:
            yield from self._list()
        if case.name in self.seen and self._line_is_seen():
            return
        pattern = f"def {case.name}\\b"
        if case.owner:
            pattern = f"class {case.owner}\\b" if self._is_common() else f"class {case.owner}\\b|{pattern}"
        ways = [
            f'grep -rnE "{pattern}" {MOUNT} --include="*.py"',
            f'grep -rnE "{pattern}" {self._top()}',
            f'cd {MOUNT} && grep -rnE "{pattern}" . --include="*.py"',
            f'grep -nE "{pattern}" $(find {MOUNT} -name "*.py" -not -path "*/tests/*")',
        ]
        module = case.mend.file.rpartition("/")[2].removesuffix(".py")
        if f".{module}." in self.seen and self.chance.random() < 0.4:
            command = f'grep -nE "{pattern}" {case.path}'
            yield from self.do(self.say("locate_in", module=module), self.bash(command))
        else:
            thought = self.say("locate_after" if self.lead else "locate")
            yield from self.do(thought, self.bash(self.chance.choice(ways)))

    def _list(self) -> Acts:
        """Names that may be meant, where the function's own was not named yet."""
        case = self.case
        what = "def _\\w+" if case.name.startswith("_") else "def \\w+"
        folder = (case.root / case.mend.file).parent
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in folder.rglob("*.py")]
        if "/" in case.mend.file and sum(len(re.findall(what, text)) for text in texts) <= _LISTED:
            where = f"-r {self._top()}"
        elif len(re.findall(what, case.source)) <= _LISTED:
            where = case.path
        else:
            return
        yield from self.do(self.say("list"), self.bash(f'grep -nE "{what}" {where}'))
        self.lead = self.say("listed")

    def _line_is_seen(self) -> bool:
        return re.search(rf"(^|:){self.case.span[0]}:.*\bdef {self.case.name}\b", self.seen, re.MULTILINE) is not None

    def _read(self, first: int, last: int, thought: str, further: str = "look_on") -> Acts:
        """Read lines, and those of the edit if they are not among them."""
        case, mend = self.case, self.case.mend
        yield from self.do(thought, self.shown(case.path, max(first, 1), min(last, case.lines)))
        if mend.first < first or mend.last > last:
            before, after = self.chance.randint(4, 10), self.chance.randint(4, 10)
            follows = last < mend.first <= last + 25
            start = last + 1 if follows else max(mend.first - before, 1)
            end = min(max(mend.last, start) + after, case.lines)
            yield from self.do(self.say(further), self.shown(case.path, start, end))

    def _is_shown(self, observation: str) -> bool:
        return all(line in observation for line in self.case.mend.old.split("\n"))

    def _is_common(self) -> bool:
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in self.case.root.rglob("*.py"))
        return sum(text.count(f"def {self.case.name}(") for text in texts) > _COMMON

    def _top(self) -> str:
        """The folder of the package; the file itself where it stands alone."""
        folder = self.case.mend.file.rpartition("/")[0]
        return f'{MOUNT}/{folder} --include="*.py"' if folder else self.case.path

    def _verify(self) -> Acts:
        case = self.case
        if self.script:
            yield from self.do(self.say("verify_script"), self.bash(f"cd {MOUNT} && python {_SCRIPT}"))
            command = f"rm {_SCRIPT} && cd {MOUNT} && {case.runner} {self.tests(self.chance.randint(1, 3))}"
            self.take_result((yield from self.do(self.say("clean"), self.bash(command))))
            return
        whole = f"cd {MOUNT} && {case.runner} {shlex.quote(case.test_file)}"
        same = f"cd {MOUNT} && {case.runner} {self.tests(self.chance.randint(1, 3))}"
        by_name = f"{whole} -k {case.test_name}"
        every = f"cd {MOUNT} && {case.runner} 2>&1 | tail -n {self.chance.randint(2, 5)}"
        ways = (
            [],
            [("verify", same)],
            [("verify_file", f"{whole} 2>&1 | tail -n {self.chance.randint(3, 6)}")],
            [("verify", by_name)],
            [("verify_all", every)],
            [("verify", same), ("verify_file", f"{whole} 2>&1 | tail -n 3")],
        )
        way = self.chance.choices(ways, (12, 35, 20, 13, 8, 12))[0]
        for what, command in way:
            observation = yield from self.do(self.say(what), self.bash(command))
            self.take_result(observation)
            if not passes(observation):
                again = f"cd {MOUNT} && {case.runner} {self.tests(2)}"
                if len(way) == 1:
                    self.take_result((yield from self.do(self.say("verify_again"), self.bash(again))))

    def _why(self) -> str:
        """What is wrong and what is done about it, in sight of the code."""
        mend = self.case.mend
        before, after = changed_lines(mend.old, mend.new)
        single = before and after and "\n" not in before + after and "`" not in before + after
        numbered = f"{mend.line}\t" in self.seen
        where = ("at_line" if numbered else "at") if single else "at_lines"
        why = [
            self.say(where, before=before, first=mend.first),
            reason_of(str(self.case.instance.meta.get("kind", ""))),
        ]
        why.append(self.say("explains", failure=self.failure) if self.failure else self.say("explains_issue"))
        why.append(self.say("becomes", after=after) if single else self.say("mend"))
        return " ".join(each for each in why if each)
