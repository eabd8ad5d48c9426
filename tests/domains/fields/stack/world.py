"""A stack of numbers: `push 3`, `add`, `mul`, `print 5000` (so many letters), `submit`, and `hang` and `raise`."""

from __future__ import annotations


class World:
    def reset(self, task):
        if not isinstance(task.setup, dict):
            raise ValueError("the setup has no target")
        self.stack, self.submitted = list(task.setup.get("stack", [])), None

    def step(self, action):
        word, *given = action.split()
        while word == "hang":
            pass
        if word == "raise":
            self.stack.append(99)
            raise RuntimeError("broken")
        if word == "print":
            return "x" * int(given[0]), False
        if word == "push":
            self.stack.append(int(given[0]))
        elif word in ("add", "mul") and len(self.stack) > 1:
            last, other = self.stack.pop(), self.stack.pop()
            self.stack.append(last + other if word == "add" else last * other)
        elif word == "submit" and self.stack:
            self.submitted = self.stack[-1]
            return f"submitted {self.submitted}", True
        else:
            return f"cannot {word}", False
        return str(self.stack), False

    def copy(self):
        other = World()
        other.stack, other.submitted = list(self.stack), self.submitted
        return other

    def close(self):
        pass


def judge(task, attempt, world):
    if world.submitted is None:
        return None, "nothing submitted"
    return world.submitted == task.setup["target"], f"submitted {world.submitted}"
