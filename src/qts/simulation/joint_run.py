"""Several strategies on one account: asked side by side, netted at the venue, each with a book of its own.

On each bar, in this order: what strategies wanted of each other is crossed at
the open, the market lets the bar happen and every fill is shared among the
strategies it was for, the machine's timers are served at the close, equity is
marked, and what the operator's script has for this close is said. Then all
enabled strategies are asked; what each wants passes the gate on its own book;
arbitration makes few orders of it; the account's limits judge them, a reduction
shared pro rata; and what is left goes to the one machine.

The machine, its loop and its route are those of every other run: they see
orders of the account and know nothing of strategies.

Assumes, besides what a run on bars assumes: all symbols use one wallet, margin is
isolated; what two strategies want of each other is crossed at the next open,
free of fees.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import localcontext

import numpy as np

from qts.domain.errors import PolicyError
from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.execution.account import ExecutionSettings
from qts.execution.controller import ExecutionController
from qts.execution.events import Decided, OrderEnded, TimeReached
from qts.execution.journal import Journal
from qts.execution.stages.precheck import PreCheckLimits
from qts.market.blindfold import Blindfold
from qts.market.dataset import Dataset
from qts.risk.gate import RiskGate
from qts.risk.rules import rules_of
from qts.simulation.account_line import AccountLine
from qts.simulation.assumptions import sentences
from qts.simulation.collector import rarely_collected
from qts.simulation.columns import market_columns
from qts.simulation.guardian import Guardian
from qts.simulation.inputs import require_inputs
from qts.simulation.joint_asking import Asking, bars_of, traded
from qts.simulation.joint_desk import JointDesk
from qts.simulation.joint_lines import book_sums, equity_lines
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import OF_SEVERAL, JointTerms, Member
from qts.simulation.operator_script import OperatorScript
from qts.simulation.slow_calls import SlowCalls
from qts.simulation.transfers import Transfers
from qts.simulation.venue import Venue
from qts.simulation.venue_rules import VenueRules
from qts.strategy.multiplexer import Halted
from qts.strategy.strategy import Strategy


def run_together(
    datasets: Mapping[str, Dataset], members: Sequence[Member], terms: JointTerms, slow: SlowCalls | None = None
) -> JointResult:
    """Run the members over the datasets, which have one bar interval. Failing strategies are halted, never the run.

    slow: hears which calls were slow; the result is the same with it and without.
    Raises DataError for inputs missing without a waiver, StrategyError for members that cannot be registered.
    """
    intervals = {each.bars.interval for each in datasets.values()}
    if len(intervals) != 1:
        raise PolicyError(f"an account's strategies are asked on one interval, not on {', '.join(sorted(intervals))}")
    named = traded(members)
    if missing := [symbol for symbol in named if symbol not in datasets]:
        raise PolicyError(f"there are no data of {', '.join(missing)}")
    with rarely_collected(), localcontext(), np.errstate():  # what a strategy does to its thread ends with its run
        return _JointRun({each: datasets[each] for each in named}, members, terms, slow).result()


class _JointRun:
    """The state of one run while it lasts."""

    def __init__(
        self, datasets: dict[str, Dataset], members: Sequence[Member], terms: JointTerms, slow: SlowCalls | None
    ) -> None:
        self._terms = terms
        self._members = {each.strategy_id: each for each in sorted(members, key=lambda each: each.strategy_id)}
        self._datasets = datasets
        settings = ExecutionSettings(
            instruments={symbol: each.instrument for symbol, each in datasets.items()},
            limits=PreCheckLimits(leverage=terms.frictions.leverage),
            on_bars=True,
            shared=True,
        )
        gate = RiskGate(rules_of(terms.limits))
        machine = ExecutionController(settings, gate=gate, journal=Journal(keeps=False))
        self._line = AccountLine(machine, self._heard)
        with exact_arithmetic():
            self._money = JointMoney(self._members, terms, lambda: self._line.now)
        self._waivers = {symbol: require_inputs(each, terms.waivers) for symbol, each in datasets.items()}
        self._symbols = {symbol: self._opened(each) for symbol, each in datasets.items()}
        self._line.venues = {symbol: each.venue for symbol, each in self._symbols.items()}
        holdings = {
            (strategy_id, symbol): each.holding(strategy_id)
            for symbol, each in self._symbols.items()
            for strategy_id in each.strategy_ids
        }
        self._asking = Asking(datasets, holdings, Blindfold, slow)
        self._asking.admit(self._members.values())
        self._grid = np.unique(np.concatenate([each.bars.opened_at for each in datasets.values()]))
        self._hears_fills = {each.strategy_id for each in members if type(each.make()).on_fill is not Strategy.on_fill}
        self._desk = JointDesk(self._symbols, self._members, terms, self._line, self._money)
        self._halted: list[Halted] = []
        registry = self._asking.registry
        self._guardian = Guardian(self._symbols, registry, self._money, terms.on_halt)
        self._transfers = Transfers(self._members, self._symbols, self._money, self._desk)
        self._script = OperatorScript(
            terms.operator,
            self._symbols,
            registry,
            self._guardian,
            self._line,
            transfers=self._transfers,
            withdrawing=self._desk.withdrawing,
        )
        for each in self._symbols.values():
            each.listeners = self._hears_fills

    def _opened(self, dataset: Dataset) -> JointSymbol:
        symbol = dataset.instrument.symbol
        columns = market_columns(dataset, self._waivers[symbol], self._terms.frictions.slippage)
        venue = Venue(
            dataset.instrument,
            self._terms.frictions,
            sum(self._money.capitals_on(symbol).values(), start=ZERO),
            rules=VenueRules(cancels_are_streamed=False),
            brackets=columns.brackets,
            stream=self._line.streamed,
            open_book=self._money.account.open_book,
        )
        orders = self._line.controller.account.orders
        return JointSymbol(dataset, columns, venue, self._money, orders)

    def result(self) -> JointResult:
        self._note(self._asking.start(int(self._grid[0])))
        for at, now, rows in bars_of(self._datasets):
            for symbol, row in rows.items():
                self._symbols[symbol].row = row
                self._asking.move(symbol, row)
            present = [self._symbols[symbol] for symbol in rows]
            with exact_arithmetic():
                self._happen(at, now, present)
            self._script.at_close(now)
            with exact_arithmetic():
                self._show()
            self._ask(now, present)
        return self._told(now)

    # -- the parts of a bar ---------------------------------------------------------------

    def _happen(self, at: Instant, now: Instant, present: list[JointSymbol]) -> None:
        self._reach(at)
        for each in present:
            if each.crossing or each.dropped or each.flattening:
                self._desk.drop_crosses(each, at)
                opened = each.instrument.price(float(each.dataset.bars.open[each.row]))
                each.cross_at(opened)
                if each.flattening:
                    each.close_flat(opened)
                self._protect(each)
            each.market.step(each.row)
        self._reach(now)

    def _show(self) -> None:
        """What each strategy may know of its own books, as the bar and the operator left them."""
        for each in self._symbols.values():
            for strategy_id, holding in each.changed_holdings():
                self._asking.hold((strategy_id, each.symbol), holding)

    def _reach(self, now: Instant) -> None:
        self._line.now = now
        if self._line.controller.is_due(now):
            self._line.tell(TimeReached())

    def _heard(self, news: Fill | OrderEnded) -> None:
        """The venue streams, and the machine has not acted on it: the strategies' books come first."""
        if isinstance(news, Fill):
            each = self._symbols[news.symbol]
            each.heard(news)
            self._money.account.check()
            self._protect(each)

    def _protect(self, each: JointSymbol) -> None:
        """Books of the symbol have changed: what rests for what is not held any more goes, and the net has its pair."""
        self._desk.withdrawing.posted(each)
        wanted = each.protection()
        if wanted is not None:
            self._line.tell(wanted)

    # -- deciding ---------------------------------------------------------------------------

    def _ask(self, now: Instant, present: list[JointSymbol]) -> None:
        self._line.now = now
        self._tell_fills()
        heard = self._asking.ask([each.symbol for each in present], now)
        self._note(heard.halted)
        decisions = self._desk.decide(heard.answers, present, now, leaving=self._guardian.leaving(present))
        while decisions:
            with exact_arithmetic():
                self._line.tell(Decided(decisions))
            decisions = self._desk.decide_again(now)

    def _tell_fills(self) -> None:
        if not self._hears_fills:
            return
        for each in self._symbols.values():
            own, each.own_fills = each.own_fills, []
            for strategy_id, fill in own:
                self._note(self._asking.tell(strategy_id, fill))

    def _note(self, halted: Iterable[Halted]) -> None:
        for each in halted:
            self._halted.append(each)
            self._guardian.halted(each.strategy_id)

    # -- telling ------------------------------------------------------------------------------------

    def _told(self, now: Instant) -> JointResult:
        waivers = tuple(sorted({waiver for each in self._waivers.values() for waiver in each}))
        filled = sum(each.dataset.rows_filled for each in self._symbols.values())
        with exact_arithmetic():
            self._desk.release_ended()
            self._money.check()
            distances = self._desk.limits.distances(now)
            sums = book_sums(self._symbols)
        interval_ms = next(iter(self._datasets.values())).bars.interval_ms
        transcript = self._asking.transcript()
        transfers = tuple(self._transfers.made)
        lines = equity_lines(self._symbols, self._members, transfers, self._grid)
        return JointResult(
            closed_at=self._grid + interval_ms,
            opened_at={symbol: each.dataset.bars.opened_at for symbol, each in self._symbols.items()},
            equity=lines.account,
            by_strategy=lines.by_strategy,
            by_symbol=lines.by_symbol,
            books=sums.books,
            venue=sums.venue,
            postings={symbol: tuple(each.postings) for symbol, each in self._symbols.items()},
            fills={symbol: each.fills for symbol, each in self._symbols.items()},
            crossed=sums.crossed,
            halted=tuple(self._halted),
            in_care=self._guardian.in_care,
            operator=self._script.told(),
            gate=tuple(self._desk.limits.words),
            withheld=tuple(self._desk.withheld),
            said=transcript.said(),
            transcript=transcript,
            distances=distances,
            transfers=transfers,
            changes=tuple(self._money.changes),
            capital=self._money.capital,
            journal_head=self._line.controller.journal.head,
            assumptions=(*OF_SEVERAL, *sentences(self._terms.frictions, waivers, filled)),
        )
