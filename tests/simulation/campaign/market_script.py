"""A market for one scenario: stretches of calm, trend, spike, gap and thin trading, drawn from the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from qts.domain.instrument import Instrument
from qts.execution.events import Quote

SCRIPTS = ("calm", "trend", "spike", "gap", "thin", "funding")


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``at`` on (ms) the market behaves like ``script``; sign: which way it leans."""

    at: int
    script: str
    sign: int


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """seed: of the small moves. stretches: ascending. every_ms: the distance of two quotes of a symbol."""

    seed: int
    every_ms: int
    stretches: tuple[Stretch, ...]


def draw_market(rng: random.Random, seed: int, start: int, end: int) -> MarketPlan:
    at, stretches = start, []
    while at < end:
        stretches.append(Stretch(at, rng.choice(SCRIPTS), rng.choice((-1, 1))))
        at += rng.randrange(300_000, 1_800_000)
    return MarketPlan(seed, rng.choice((4_000, 5_000, 6_000)), tuple(stretches))


class Walk:
    """The price path of one instrument, in ticks; two walks of one plan and symbol are equal."""

    def __init__(self, plan: MarketPlan, instrument: Instrument, first: Decimal) -> None:
        self._plan = plan
        self._tick = instrument.tick
        self.symbol = instrument.symbol
        self._rng = random.Random(f"{plan.seed}/walk/{instrument.symbol}")  # noqa: S311 - drawn again the same
        self._ticks = float(first / instrument.tick)
        self._back: float | None = None

    def quotes(self, start: int, end: int) -> Iterator[Quote]:
        plan, rng = self._plan, self._rng
        at = start + rng.randrange(plan.every_ms)
        number = 0
        stretches = plan.stretches
        while at <= end:
            while number + 1 < len(stretches) and stretches[number + 1].at <= at:
                number += 1
            yield self._next(at, stretches[number])
            at += plan.every_ms

    def _next(self, at: int, stretch: Stretch) -> Quote:
        rng, script = self._rng, stretch.script
        move = rng.gauss(0.0, 0.00015)
        spread = 1
        if self._back is not None:
            self._ticks, self._back = self._back, None
        if script == "trend":
            move += 0.0001 * stretch.sign
        elif script == "spike" and rng.random() < 0.01:
            self._back = self._ticks
            move += rng.uniform(0.01, 0.04) * stretch.sign
        elif script == "gap" and rng.random() < 0.004:
            move += rng.uniform(0.005, 0.03) * stretch.sign
        elif script == "thin":
            spread = rng.randrange(3, 30)
        self._ticks = max(1000.0, self._ticks * (1.0 + move))
        middle = round(self._ticks)
        return Quote(
            self.symbol,
            (middle - spread) * self._tick,
            (middle + spread) * self._tick,
            middle * self._tick,
            at,
        )
