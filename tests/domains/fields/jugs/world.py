"""Jugs that are filled, emptied and poured into one another, until one of them holds what is wanted."""

from string import ascii_uppercase


class World:
    def reset(self, task):
        self.sizes, self.wanted = task.setup["sizes"], task.setup["wanted"]
        self.held = [0] * len(self.sizes)

    def step(self, action):
        jugs = {letter: place for place, letter in enumerate(ascii_uppercase[: len(self.sizes)])}
        match action.split():
            case ["fill", one] if one in jugs:
                self.held[jugs[one]] = self.sizes[jugs[one]]
            case ["empty", one] if one in jugs:
                self.held[jugs[one]] = 0
            case ["pour", one, other] if one in jugs and other in jugs and one != other:
                source, target = jugs[one], jugs[other]
                moved = min(self.held[source], self.sizes[target] - self.held[target])
                self.held[source] -= moved
                self.held[target] += moved
            case _:
                return 'not understood; expected "fill A", "empty A" or "pour A B"', False
        shown = ", ".join(f"{letter} holds {self.held[place]}" for letter, place in jugs.items())
        return shown, self.solved

    @property
    def solved(self):
        return self.wanted in self.held

    def copy(self):
        other = World()
        other.sizes, other.wanted, other.held = self.sizes, self.wanted, list(self.held)
        return other

    def close(self):
        pass
