"""A run: one strategy over one market, through the same cycle, gate and execution machine as everywhere else.

On each bar, in this order: the market lets the bar happen and the machine hears
of it, its timers are served at the close, equity is marked, the strategy is
asked, what is held is looked at (``run_guard.py``), and what the gate allows goes
to the machine; it can fill from the next bar on.

Two engines do this. ``Engine.PLAIN`` visits everything on every bar and is the
reference, written to be read. ``Engine.SKIPPING`` does the same work without
the parts that cannot matter: while market and machine are quiet it only asks
the strategy, and a strategy given as signals only where it speaks. Their results
are equal to the last bit, which generated tests hold.
"""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from enum import StrEnum

import numpy as np

from qts.domain.errors import PolicyError, StrategyError
from qts.domain.instant import Instant, format_instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Order
from qts.domain.value import maker
from qts.domain.waiver import Waiver
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import SplitOrder
from qts.execution.controller import ExecutionController
from qts.execution.cycle import DecisionCycle, Desk, Ways
from qts.execution.events import Decided, ProtectionWanted, TimeReached
from qts.execution.journal import Journal
from qts.execution.stages.precheck import PreCheckLimits
from qts.market.bars import elements
from qts.market.dataset import Dataset
from qts.market.view import Cursor, NotWarm, View
from qts.risk.gate import AccountState, RiskGate
from qts.risk.limit_policy import LimitPolicies, risk_facts
from qts.risk.policy import RiskLimits
from qts.risk.rules import rules_of
from qts.simulation.assumptions import sentences
from qts.simulation.bar_market import BarMarket
from qts.simulation.collector import rarely_collected
from qts.simulation.columns import market_columns
from qts.simulation.costs import Frictions
from qts.simulation.direct_line import DirectLine
from qts.simulation.held_columns import HeldColumns
from qts.simulation.inputs import refuse_mismatch, require_inputs
from qts.simulation.result import CostSplit, ProtectionChange, Provenance, Refusal, RunResult
from qts.simulation.run_account import blamed, not_executed, stopped_by
from qts.simulation.run_guard import RunGuard
from qts.simulation.run_limits import RunLimits
from qts.simulation.venue import Venue
from qts.simulation.venue_rules import VenueRules
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.intent import Answer
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy

_STRATEGY_FAILS = (Exception, SystemExit)
"""What is blamed on a strategy. Ending the process is not its business; interrupting it is the user's."""
_state, _desk, _decided = maker(AccountState), maker(Desk), maker(Decided)


class Engine(StrEnum):
    PLAIN = "plain"
    SKIPPING = "skipping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under what a strategy is run.

    limits: what the gate judges by. policies: the staged limits, None for the gate alone.
    code_digest: SHA-256 of the strategy's source, '' when there is none to read.
    """

    capital: Decimal = Decimal(100_000)
    frictions: Frictions = field(default_factory=Frictions)
    limits: RiskLimits = field(default_factory=RiskLimits)
    policies: LimitPolicies | None = None
    waivers: tuple[Waiver, ...] = ()
    code_digest: str = ""

    def __post_init__(self) -> None:
        if not (self.capital.is_finite() and self.capital > 0):
            raise PolicyError(f"capital must be above 0, not {self.capital}")


def run_backtest(dataset: Dataset, strategy: Strategy, terms: Terms, engine: Engine = Engine.SKIPPING) -> RunResult:
    """Run ``strategy`` over the whole of ``dataset``.

    Raises DataError for inputs that are missing without a waiver, StrategyError
    when the strategy fails, answers nonsense, or never had enough history to speak.
    """
    refuse_mismatch(dataset, strategy)
    with rarely_collected(), localcontext(), np.errstate():  # what a strategy does to its thread ends with its run
        return _Run(dataset, strategy, terms).result(engine)


def provenance_of(dataset: Dataset, strategy: Strategy, terms: Terms) -> Provenance:
    """What a run will be a function of, known before it is run. Raises DataError for a missing, unwaived input."""
    return Provenance(
        strategy=type(strategy).__qualname__,
        parameters=strategy.parameters(),
        code_digest=terms.code_digest,
        data_fingerprint=dataset.fingerprint,
        data_source=dataset.source,
        symbol=dataset.instrument.symbol,
        interval_ms=dataset.bars.interval_ms,
        start=dataset.start,
        end=dataset.end,
        capital=terms.capital,
        frictions=terms.frictions.facts(),
        risk_limits=risk_facts(terms.limits, terms.policies),
        waivers=require_inputs(dataset, terms.waivers),
        synthetic=dataset.synthetic,
        rows_filled=dataset.rows_filled,
    )


class _Run:
    """The state of one run while it lasts."""

    def __init__(self, dataset: Dataset, strategy: Strategy, terms: Terms) -> None:
        self._dataset = dataset
        self._bars = dataset.bars
        self._strategy = strategy
        self._terms = terms
        self._provenance = provenance_of(dataset, strategy, terms)
        self._waivers = self._provenance.waivers
        self._columns = market_columns(dataset, self._waivers, terms.frictions.slippage)
        gate = RiskGate(rules_of(terms.limits))
        self._line = DirectLine(self._machine(gate), self._venue)
        venue, machine = self._line.venue, self._line.controller
        self._venue_of_run = venue
        self._market = BarMarket(venue, self._columns)
        policies = terms.policies
        self._limits = None if policies is None else RunLimits(venue, machine, self._columns, policies)
        self._guard = RunGuard(venue, machine, self._columns, policies, limits=self._limits, gate=gate)
        self._opens, self._closes = elements(self._bars.opened_at), elements(self._bars.close)
        ways = Ways(
            instrument=dataset.instrument,
            limits=terms.limits,
            interval_ms=self._bars.interval_ms,
            leverage=terms.frictions.leverage,
            cost_rate=terms.frictions.expected_cost_rate(),
            rounding=terms.frictions.rounding(dataset.instrument.tick),
        )
        self._cycle = DecisionCycle(ways, gate)
        self._cursor = Cursor()
        features = FeatureColumns(self._bars, float(dataset.instrument.tick))
        self._view = View(self._bars, features, self._cursor, self._line.venue.book.holding())
        self._hears_fills = type(strategy).on_fill is not Strategy.on_fill
        self._jumps = isinstance(strategy, SignalStrategy) and type(strategy).on_bar is SignalStrategy.on_bar
        self._fills_told = 0
        self._happened = 0
        self._bars_needed = strategy.warmup + 1
        self._was_warm = False
        self._orders: list[Order] = []
        self._protections: list[ProtectionChange] = []
        self._reasons: dict[str, str] = {}
        self._equity = np.empty(len(self._bars))
        self._held = HeldColumns(self._view.holding)

    def _machine(self, gate: RiskGate) -> ExecutionController:
        instrument = self._dataset.instrument
        settings = ExecutionSettings(
            instruments={instrument.symbol: instrument},
            limits=PreCheckLimits(leverage=self._terms.frictions.leverage),
            on_bars=True,
        )
        return ExecutionController(settings, gate=gate, journal=Journal(keeps=False))

    def _venue(self, line: DirectLine) -> Venue:
        instrument = self._dataset.instrument
        return Venue(
            instrument,
            self._terms.frictions,
            self._terms.capital,
            rules=VenueRules(cancels_are_streamed=False),
            brackets=self._columns.brackets,
            stream=line.tell,
            reason_of=self._reason_of,
        )

    def _reason_of(self, order: SplitOrder) -> str:
        return self._reasons.get(order.parent_id, "")

    def result(self, engine: Engine) -> RunResult:
        self._guarded_start()
        if engine is Engine.PLAIN:
            self._run_plain()
        else:
            self._run_skipping()
        if not self._was_warm:
            raise StrategyError(
                f"{type(self._strategy).__name__} never had enough history to speak: "
                f"it needs {self._bars_needed} bars, the data have {len(self._bars)}",
                next_step="shorten its lengths or run it on more data",
            )
        return self._told()

    # -- the reference --------------------------------------------------------------

    def _run_plain(self) -> None:
        for row in range(len(self._bars)):
            self._happen(row)
            self._equity[row] = self._view.holding.marked(float(self._columns.mark_close[row]))
            if self._limits is not None:
                with exact_arithmetic():
                    self._limits.mark(row)
            self._decide(row, self._ask(row))

    # -- the same, without the silent parts -----------------------------------------

    def _run_skipping(self) -> None:
        rows, row = len(self._bars), 0
        while row < rows:
            quiet = self._quiet_until(row, rows)
            if row < quiet:
                row, answer = self._first_word(row, quiet)
            if row < quiet:
                self._decide(row, answer)
            elif row < rows:
                self._happen(row)
                self._decide(row, self._ask(row))
            row += 1
        self._held.mark(self._columns.mark_close, self._equity)

    def _quiet_until(self, row: int, end: int) -> int:
        """The first row on which market or machine may do something: a price, or a timer that its close serves."""
        quiet = min(self._market.quiet_until(row, end), self._guard.due(row))
        due = self._line.controller.due if quiet > row else None
        if due is None:
            return quiet
        return min(quiet, max(row, int(self._bars.opened_at.searchsorted(due - self._bars.interval_ms))))

    def _first_word(self, row: int, end: int) -> tuple[int, Answer]:
        """The first row in [row, end) on which the strategy answers, and its answer; ``end`` and None for silence."""
        row = max(row, self._strategy.warmup)
        if row >= end:
            return end, None
        if self._jumps:
            assert isinstance(self._strategy, SignalStrategy)
            self._was_warm = True
            row = self._strategy.next_change(row, end)
            return (row, self._ask(row)) if row < end else (end, None)
        cursor, view, on_bar = self._cursor, self._view, self._strategy.on_bar
        while row < end:
            try:
                for cursor.row in range(row, end):
                    answer = on_bar(view)
                    if answer is not None:
                        self._was_warm = True
                        return cursor.row, answer
            except NotWarm as early:
                self._bars_needed = early.bars_needed
                row = cursor.row + 1
            except _STRATEGY_FAILS as error:
                raise self._blamed(error) from error
            else:
                self._was_warm = True
                return end, None
        return end, None

    # -- the parts of a bar ---------------------------------------------------------

    def _happen(self, row: int) -> None:
        exchange, opened = self._venue_of_run, self._opens[row]
        self._reach(opened)
        self._market.step(row)
        self._reach(opened + self._bars.interval_ms)
        happened = len(exchange.fills) + len(exchange.payments)
        if happened == self._happened:
            return
        self._happened = happened
        self._view.holding = holding = exchange.book.holding()
        if self._limits is not None:
            self._limits.changed(row, holding)
        self._held.add(row, holding)
        if self._hears_fills:
            new_fills = exchange.fills[self._fills_told :]
            self._fills_told = len(exchange.fills)
            self._cursor.row = row
            for fill in new_fills:
                try:
                    self._strategy.on_fill(fill)
                except _STRATEGY_FAILS as error:
                    raise self._blamed(error) from error

    def _reach(self, now: Instant) -> None:
        """Serve the timers that are due: at a bar's close those inside it, at its open those of a gap before it."""
        line = self._line
        line.now = now
        if line.controller.is_due(now):
            with exact_arithmetic():
                line.tell(TimeReached())

    def _ask(self, row: int) -> Answer:
        if row < self._strategy.warmup:
            return None
        self._cursor.row = row
        try:
            answer = self._strategy.on_bar(self._view)
        except NotWarm as early:
            self._bars_needed = early.bars_needed
            return None
        except _STRATEGY_FAILS as error:
            raise self._blamed(error) from error
        self._was_warm = True
        return answer

    def _decide(self, row: int, answer: Answer) -> None:
        if not self._guard.gives_back(row) and answer is None:
            return
        now, line, instrument = self._opens[row] + self._bars.interval_ms, self._line, self._dataset.instrument
        line.now = now
        book = line.venue.book
        with exact_arithmetic():
            price = instrument.price(self._closes[row])
            coming = line.controller.on_the_way(instrument.symbol)
            equity = book.equity(price)
            state = _state(book.position, coming.buy, coming.sell, equity, price, now)
            desk = _desk(state, book.available, coming.at_market, price, book.wallet, equity, equity)
            limits = self._limits
            if limits is not None:
                limits.begin(row, price, equity, coming)
            try:
                plan = self._guard.joined(self._cycle.plan(answer, desk, now, limits), state, price, now)
            except StrategyError as error:
                raise self._blamed(error) from error
            if plan.orders:
                for approved in plan.orders:
                    order = approved.order
                    self._orders.append(order)
                    if order.reason:
                        self._reasons[order.order_id] = order.reason
                line.tell(_decided(plan.decisions))
            pair = plan.protection
            if pair is not None:
                change = ProtectionChange(occurred_at=now, stop_loss=pair.stop_loss, take_profit=pair.take_profit)
                self._protections.append(change)
                line.tell(ProtectionWanted(instrument.symbol, pair.stop_loss, pair.take_profit))
        for wish in plan.not_sent:
            codes = tuple(code.value for code in wish.codes)
            refusal = Refusal(occurred_at=now, order_id=wish.order_id, codes=codes, detail=wish.detail)
            line.venue.refusals.append(refusal)
            if limits is not None and not wish.by_limits:
                limits.refused(now, wish.codes, wish.detail)

    # -- telling --------------------------------------------------------------------

    def _guarded_start(self) -> None:
        try:
            self._strategy.on_start()
        except _STRATEGY_FAILS as error:
            raise self._blamed(error) from error

    def _blamed(self, error: BaseException) -> StrategyError:
        closed_at = self._bars.closed_at(self._cursor.row)
        return blamed(error, self._strategy, f"bar {self._cursor.row} closing {format_instant(closed_at)}")

    def _told(self) -> RunResult:
        exchange, bars, terms, book = self._line.venue, self._bars, self._terms, self._line.venue.book
        with exact_arithmetic():
            last_mark = self._dataset.instrument.price(float(self._columns.mark_close[-1]))
            unrealized = book.unrealized(last_mark)
            trades = exchange.trades.finish(unrealized)
            slippage = sum((trade.slippage for trade in trades), start=ZERO)
            equity = book.wallet + unrealized
            limits, last_price = self._limits, self._dataset.instrument.price(self._closes[-1])
            distances = () if limits is None else limits.distances(last_price)
        refusals = [*exchange.refusals, *not_executed(self._line.controller)]
        return RunResult(
            provenance=self._provenance,
            opened_at=bars.opened_at,
            close=bars.close,
            equity=self._equity,
            size_changes=self._held.size_changes(),
            fills=tuple(exchange.fills),
            funding_payments=tuple(exchange.payments),
            trades=trades,
            refusals=tuple(sorted(refusals, key=lambda each: each.occurred_at)),
            wallet=book.wallet,
            unrealized_pnl=unrealized,
            costs=CostSplit(
                fees=book.fees,
                slippage=slippage,
                funding=book.funding,
                liquidation_fees=book.liquidation_fees - book.insurance,
            ),
            assumptions=sentences(terms.frictions, self._waivers, self._dataset.rows_filled),
            halted="the account lost everything" if equity <= 0 else stopped_by(self._line),
            journal_head=self._line.controller.journal.head,
            orders=tuple(self._orders),
            protections=tuple(self._protections),
            gate=() if limits is None else limits.words,
            distances=distances,
        )
