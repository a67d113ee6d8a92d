"""Virtual time: what is to happen, in the order it happens in, as fast as it can be computed.

Equal instants are served in the order they were asked for, unless the schedule
was given dice for its ties (the adversarial mode: any order of simultaneous
things is a legal one, and the machine must bear it).
"""

import random
from collections.abc import Callable
from heapq import heappop, heappush

Act = Callable[[], None]


class Schedule:
    """now: ms UTC. Nothing is ever scheduled in the past: it happens now."""

    def __init__(self, start: int, ties: random.Random | None = None) -> None:
        self.now = start
        self._heap: list[tuple[int, float, int, str, Act]] = []
        self._count = 0
        self._ties = ties

    def at(self, instant: int, name: str, act: Act) -> None:
        self._count += 1
        tie = 0.0 if self._ties is None else self._ties.random()
        heappush(self._heap, (instant if instant > self.now else self.now, tie, self._count, name, act))

    def after(self, delay: int, name: str, act: Act) -> None:
        self.at(self.now + delay, name, act)

    @property
    def is_empty(self) -> bool:
        return not self._heap

    def run(self, until: int, then: Callable[[str], None] | None = None) -> None:
        """Everything up to and including ``until``; ``then`` after each, with the name of what happened."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, _, name, act = heappop(heap)
            act()
            if then is not None:
                then(name)
        self.now = max(self.now, until)


def stream(seed: int, name: str) -> random.Random:
    """The dice of one component. Named, so that a draw more in one place changes nothing in another."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - a scenario must be drawn again the same
