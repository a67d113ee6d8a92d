"""A run driven event by event: one queue, ordered by time, and every hop of every message is an entry of its own.

The direct line of a backtest performs commands at once and hands answers
straight back. Here a command travels to the venue as one entry, its answer
comes back as another, and so does every piece of the venue's own news: nothing
is handled inside the handling of something else. There is no latency, so at
equal instants what was put in first comes out first, and the wire is empty
before a bar closes or the next one opens.

Inside a bar the market calls the venue's stream and goes on when it returns:
between two of its steps the queue is served until the wire is empty, which is
what "as soon as the entry has filled" means in docs/assumptions.md.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import exact_arithmetic
from qts.domain.order import Order
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, Command, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.controller import ExecutionController
from qts.execution.cycle import DecisionCycle, Desk, Ways
from qts.execution.events import Decided, Event, OrderEnded, ProtectionWanted, TimeReached
from qts.execution.journal import Journal, JournalRow, RowKind, decode
from qts.execution.stages.precheck import PreCheckLimits
from qts.market.dataset import Dataset
from qts.market.view import Cursor, NotWarm, View
from qts.risk.gate import AccountState, RiskGate
from qts.risk.rules import rules_of
from qts.simulation.backtest import Terms
from qts.simulation.bar_market import BarMarket
from qts.simulation.columns import market_columns
from qts.simulation.inputs import require_inputs
from qts.simulation.run_guard import RunGuard
from qts.simulation.run_limits import RunLimits
from qts.simulation.venue import Venue
from qts.simulation.venue_rules import VenueRules
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.intent import Action, Answer, Intent, Targets
from qts.strategy.strategy import Strategy
from tests.generators import Improviser


class Rank(IntEnum):
    """What goes first at one instant: what is on the wire, then the bar that ends, then the one that begins."""

    WIRE = 0
    CLOSE = 1
    OPEN = 2


class EventLine:
    """One strategy over one market. rows: the journal as a store would have it. heard: every event, once each."""

    def __init__(
        self, dataset: Dataset, strategy: Strategy, terms: Terms, *, cancels_are_streamed: bool = False
    ) -> None:
        self._dataset, self._bars, self._strategy = dataset, dataset.bars, strategy
        instrument, frictions = dataset.instrument, terms.frictions
        self.settings = ExecutionSettings(
            instruments={instrument.symbol: instrument},
            limits=PreCheckLimits(leverage=frictions.leverage),
            on_bars=True,
        )
        self.machine = ExecutionController(self.settings, journal=Journal())
        columns = market_columns(dataset, require_inputs(dataset, terms.waivers), frictions.slippage)
        self.venue = Venue(
            instrument,
            frictions,
            terms.capital,
            rules=VenueRules(cancels_are_streamed=cancels_are_streamed),
            brackets=columns.brackets,
            stream=self._streamed,
        )
        self._market = BarMarket(self.venue, columns)
        policies = terms.policies
        self.limits = None if policies is None else RunLimits(self.venue, self.machine, columns, policies)
        ways = Ways(
            instrument=instrument,
            limits=terms.limits,
            interval_ms=self._bars.interval_ms,
            leverage=frictions.leverage,
            cost_rate=frictions.expected_cost_rate(),
            rounding=frictions.rounding(dataset.instrument.tick),
        )
        gate = RiskGate(rules_of(terms.limits))
        self._cycle = DecisionCycle(ways, gate)
        self._guard = RunGuard(self.venue, self.machine, columns, policies, limits=self.limits, gate=gate)
        self._cursor = Cursor()
        self._view = View(
            self._bars, FeatureColumns(self._bars, float(instrument.tick)), self._cursor, self.venue.book.holding()
        )
        self._fills_told = 0
        self._queue: list[tuple[Instant, Rank, int, Callable[[], None]]] = []
        self._number = count()
        self._on_the_wire = 0
        self._serving = False
        self.now: Instant = 0
        self.rows: list[JournalRow] = []
        self.orders: list[Order] = []
        self.heard = 0

    def run(self) -> "EventLine":
        self._strategy.on_start()
        for row in range(len(self._bars)):
            self._put(int(self._bars.opened_at[row]), Rank.OPEN, lambda row=row: self._opens(row))
            self._put(self._bars.closed_at(row), Rank.CLOSE, lambda row=row: self._closes(row))
        while self._queue:
            self.now, rank, _, happen = heappop(self._queue)
            assert rank is not Rank.WIRE, "the wire is served before anything else happens"
            happen()
        return self

    # -- the queue --------------------------------------------------------------------

    def _put(self, at: Instant, rank: Rank, happen: Callable[[], None]) -> None:
        self._on_the_wire += rank is Rank.WIRE
        heappush(self._queue, (at, rank, next(self._number), happen))

    def _news(self, event: Event) -> None:
        self._put(self.now, Rank.WIRE, lambda: self._hear(event))

    def _serve(self) -> None:
        """One entry at a time until the wire is empty; what an entry puts in waits for its turn."""
        if self._serving:
            return
        self._serving = True
        with exact_arithmetic():
            while self._on_the_wire:
                at, rank, _, happen = heappop(self._queue)
                assert (at, rank) == (self.now, Rank.WIRE)
                self._on_the_wire -= 1
                happen()
        self._serving = False

    # -- the two ends of the wire -------------------------------------------------------

    def _hear(self, event: Event) -> None:
        self.heard += 1
        commands = self.machine.handle(event, self.now)
        self.rows += self.machine.journal.taken()  # stored, and only then performed
        for command in commands:
            self._put(self.now, Rank.WIRE, lambda command=command: self._perform(command))

    def _perform(self, command: Command) -> None:
        venue = self.venue
        match command:
            case SendOrder(order):
                self._news(venue.send(order, self.now))
            case CancelOrder(client_id):
                self._news(venue.cancel(client_id, self.now))
            case ModifyOrder():
                self._news(venue.modify(command.client_id, command.price, command.quantity, self.now))
            case QueryOrder():
                self._news(venue.query(command.client_id, conditional=command.conditional, now=self.now))
            case TakeSnapshot():
                self._news(venue.snapshot(command.fills_after, self.now))

    def _streamed(self, news: Fill | OrderEnded) -> None:
        self._news(news)
        self._serve()

    # -- what happens -------------------------------------------------------------------

    def _time(self) -> None:
        due = self.machine.due
        if due is not None and due <= self.now:
            self._news(TimeReached())
            self._serve()

    def _opens(self, row: int) -> None:
        self._time()
        self._market.step(row)

    def _closes(self, row: int) -> None:
        self._time()
        self._view.holding = self.venue.book.holding()
        if self.limits is not None:
            with exact_arithmetic():
                self.limits.changed(row, self.venue.book.holding())
                self.limits.mark(row)
        self._cursor.row = row
        fills = self.venue.fills
        new, self._fills_told = fills[self._fills_told :], len(fills)
        for fill in new:
            self._strategy.on_fill(fill)
        answer = None
        if row >= self._strategy.warmup:
            with suppress(NotWarm):
                answer = self._strategy.on_bar(self._view)
        if self._guard.gives_back(row) or answer is not None:
            self._decide(row, answer)

    def _decide(self, row: int, answer: Answer) -> None:
        """What the strategy said, as up to two events; the second is said when the first has been dealt with."""
        instrument, book = self._dataset.instrument, self.venue.book
        with exact_arithmetic():
            price = instrument.price(float(self._bars.close[row]))
            coming = self.machine.on_the_way(instrument.symbol)
            state = AccountState(
                position=book.position,
                pending_buy=coming.buy,
                pending_sell=coming.sell,
                equity=book.equity(price),
                last_price=price,
                price_known_at=self.now,
            )
            equity = book.equity(price)
            desk = Desk(state, book.available, coming.at_market, price, book.wallet, equity, equity)
            if self.limits is not None:
                self.limits.begin(row, price, equity, coming)
            plan = self._guard.joined(self._cycle.plan(answer, desk, self.now, self.limits), state, price, self.now)
        if plan.decisions:
            self.orders += [each.order for each in plan.decisions]
            self._news(Decided(plan.decisions))
            self._serve()
        pair = plan.protection
        if pair is not None:
            self._news(ProtectionWanted(instrument.symbol, pair.stop_loss, pair.take_profit))
            self._serve()

    # -- afterwards -----------------------------------------------------------------------

    def replayed(self) -> ExecutionController:
        """A fresh machine that was told the journal's events again."""
        machine = ExecutionController(self.settings, journal=Journal())
        with exact_arithmetic():
            for row in self.rows:
                if row.kind is RowKind.EVENT:
                    event: Any = decode(row.text)
                    machine.handle(event, row.at)
        return machine


class Worker(Improviser):
    """An Improviser that also says how its orders are to be worked."""

    def on_bar(self, view: View) -> Answer:
        answer = super().on_bar(view)
        if answer is None or isinstance(answer, Targets):
            return answer
        dice = Random(f"{self.seed}:{view.bar_number}:how")  # noqa: S311 - a repeatable script, no secret
        return [self._worked(wish, dice) for wish in answer]

    def _worked(self, wish: Intent, dice: Random) -> Intent:
        if wish.action is Action.PROTECT or wish.trigger is not None:
            return wish
        bars = dice.choice([1, 2, 3, 5])
        how: dict[str, Any] = dice.choice(
            [
                {},
                {"algorithm": "iceberg"},
                {"algorithm": "twap", "over_bars": bars},
                {"algorithm": "vwap", "over_bars": bars, "urgent": True},
                {"over_bars": bars},
            ]
        )
        return replace(wish, **how)
