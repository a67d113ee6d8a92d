"""Many loops, on a venue that only says yes and on the simulated one, end when they are done and are stopped by nobody.

A stop that no policy asked for would be: an account that is not NORMAL any more, a
symbol in quarantine, a strategy halted, executions paused, an escape, a decision
dropped. A loop whose policy does ask ends by that policy and by no other.

Proves: P4-8
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest

from qts.domain.instant import MINUTE_MS
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, Command, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.contracts import ExecutionAlert, OrderDecision, SplitAlgorithm, Urgency
from qts.execution.controller import ExecutionController
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    Decided,
    Event,
    ModifyAck,
    OrderAck,
    QueryAnswer,
    SendOutcome,
    Snapshot,
    TimeReached,
)
from qts.execution.stop_policy import StopAfterCount
from qts.risk.safety_state import SafetyState
from qts.simulation.backtest import Terms
from qts.simulation.costs import Frictions
from tests.execution.front_desk import BTC, SYMBOL, T0
from tests.generators import ALL_WAIVERS, WORDS, Improviser, Knobs, market
from tests.properties.event_line import EventLine, Worker

NOT_FILLED_IN_TIME = {SafetyCode.FS093, SafetyCode.FS094}
"""What a venue that fills nothing must bring about. Each is of one execution; three in an hour halt a strategy."""


@dataclass
class NoOpVenue:
    """Takes every order and never fills one."""

    live: dict[str, bool]

    def answer(self, command: Command, now: int) -> Event | None:
        match command:
            case SendOrder(order):
                assert order.client_id not in self.live, "an id is sent once, ever"
                self.live[order.client_id] = True
                return OrderAck(order.client_id, SendOutcome.ACCEPTED, "v")
            case CancelOrder(client_id):
                was_live, self.live[client_id] = self.live[client_id], False
                return CancelAck(client_id, CancelOutcome.CANCELED if was_live else CancelOutcome.UNKNOWN, ZERO)
            case ModifyOrder(client_id, _, price, quantity):
                return ModifyAck(client_id, accepted=True, price=price, quantity=quantity)
            case QueryOrder(client_id):
                return QueryAnswer(client_id, None)
            case TakeSnapshot(symbol):
                return Snapshot(symbol, ZERO, (), (), now)
            case ExecutionAlert():
                return None


class Loop:
    """One machine on a no-op venue. Answers take ``latency`` ms; time is served as the machine asks for it."""

    def __init__(self, machine: ExecutionController, latency: int) -> None:
        self.machine, self.venue, self.latency = machine, NoOpVenue({}), latency
        self.alerts: list[ExecutionAlert] = []
        self.handled = 0
        self._queue: list[tuple[int, int, Event]] = []
        self._number = count()

    def say(self, at: int, event: Event) -> None:
        heappush(self._queue, (at, next(self._number), event))

    def run(self) -> None:
        """Until nothing is on the way and nothing is due."""
        while self._queue or self.machine.due is not None:
            due = self.machine.due
            if due is not None and (not self._queue or due < self._queue[0][0]):
                self._handle(TimeReached(), due)
            else:
                at, _, event = heappop(self._queue)
                self._handle(event, at)

    def _handle(self, event: Event, now: int) -> None:
        self.handled += 1
        assert self.handled < 5_000, "it does not come to an end"
        for command in self.machine.handle(event, now):
            if isinstance(command, ExecutionAlert):
                self.alerts.append(command)
            answer = self.venue.answer(command, now)
            if answer is not None:
                self.say(now + self.latency, answer)


def decisions(dice: Random) -> Iterator[tuple[int, OrderDecision]]:
    """When, and what. Several strategies, so that what fails three times an hour for one of them halts none."""
    at = T0
    for number in range(dice.randint(1, 6)):
        at += dice.choice([0, 1_000, 40_000, 25 * MINUTE_MS])
        limit = dice.choice([None, Decimal(99), Decimal("100.5")])
        order = Order(
            order_id=f"d{number}",
            symbol=SYMBOL,
            side=dice.choice([Side.BUY, Side.SELL]),
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            quantity=Decimal(dice.choice(["0.1", "1", "3.333", "40"])),
            effect=dice.choice([Effect.INCREASE, Effect.INCREASE, Effect.REDUCE]),
            price=limit,
            stop_loss=None,
            take_profit=None,
            created_at=at,
            good_until=None if limit is None else at + dice.choice([1, 30_000, 10 * MINUTE_MS]),
            reason="",
        )
        algorithm = dice.choice([None, *SplitAlgorithm])
        spread = dice.choice([5_000, 7 * MINUTE_MS])
        yield (
            at,
            OrderDecision(
                order,
                Decimal(100),
                strategy_id=f"s{number}",
                algorithm=algorithm,
                urgency=dice.choice(list(Urgency)),
                horizon_ms=spread if algorithm in (SplitAlgorithm.TWAP, SplitAlgorithm.VWAP) else 0,
            ),
        )


def assert_nobody_stopped_it(machine: ExecutionController) -> None:
    account = machine.account
    assert account.safety.state is SafetyState.NORMAL
    assert not account.safety.quarantined
    assert not account.safety.halted_strategies
    assert not account.paused
    assert not account.escaping
    assert machine._loop.stopped is None
    assert machine._loop.dropped == []
    assert all(result.escape is None for result in machine.results)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_on_a_venue_that_only_says_yes_every_loop_ends_by_itself(first: int) -> None:
    for seed in range(first, first + 50):
        dice = Random(seed)  # noqa: S311 - a repeatable script, no secret
        loop = Loop(ExecutionController(ExecutionSettings(instruments={SYMBOL: BTC})), dice.choice([0, 3, 900]))
        wanted = list(decisions(dice))
        for at, decision in wanted:
            loop.say(at, Decided((decision,)))
        with exact_arithmetic():
            loop.run()
        assert_nobody_stopped_it(loop.machine)
        assert sorted(each.decision.order.order_id for each in loop.machine.results) == sorted(
            decision.order.order_id for _, decision in wanted
        )
        assert {each.code for each in loop.alerts if each.code.value.startswith("FS")} <= NOT_FILLED_IN_TIME
        assert not any(loop.venue.live.values()), "an order was left at the venue"
        assert not list(loop.machine.account.orders.live())
        assert loop.machine.account.positions.of(SYMBOL).quantity == 0


def test_a_policy_that_asks_for_a_stop_gets_its_own() -> None:
    for seed in range(50):
        dice = Random(seed)  # noqa: S311 - a repeatable script, no secret
        machine = ExecutionController(ExecutionSettings(instruments={SYMBOL: BTC}), policy=StopAfterCount(2))
        loop = Loop(machine, 3)
        for at, decision in decisions(dice):
            increasing = replace(decision, order=replace(decision.order, effect=Effect.INCREASE))
            loop.say(at, Decided((increasing,)))
        loop.run()
        assert len(machine.results) <= 2
        assert bool(machine._loop.dropped) == (machine._loop.stopped is not None)
        if machine._loop.stopped is not None:
            assert machine._loop.stopped.policy == "count"
        assert machine.account.safety.state is SafetyState.NORMAL


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_on_the_simulated_venue_every_loop_ends_by_itself(first: int) -> None:
    """Whatever the strategies say; the account is large enough not to be lost, since that is a stop by itself."""
    filled = 0
    for seed in range(first, first + 50):
        dice = Random(seed)  # noqa: S311 - a repeatable script, no secret
        given = Knobs(
            seed=seed,
            rows=40,
            tick="0.01",
            wildness=dice.choice([0.002, 0.01]),
            gaps=dice.random() < 0.3,
            silent_bars=dice.random() < 0.3,
            funding=dice.random() < 0.5,
            mark="none",
            brackets="none",
        )
        kind = dice.choice([Improviser, Worker])
        strategy = kind(seed=seed, talk=dice.choice([0.1, 0.5]), words=dice.choice(WORDS))
        frictions = Frictions(participation_max=dice.choice([Decimal("0.02"), Decimal(1)]), leverage=3)
        run_terms = Terms(capital=Decimal(10_000), frictions=frictions, waivers=ALL_WAIVERS)
        line = EventLine(market(given), strategy, run_terms).run()
        if line.venue.book.wallet > 1_000:
            assert_nobody_stopped_it(line.machine)
        filled += len(line.venue.fills)
        live = {each.order.client_id for each in line.machine.account.orders.live()}
        assert live == set(line.venue.orders.open), "the two sides disagree on what is open"
        assert all(each.state is OrderState.ACCEPTED for each in line.machine.account.orders.live())
    assert filled > 500
