"""Several strategies on one account: asked side by side, netted at the venue, each with a book of its own.

On each bar, in this order: what strategies wanted of each other is crossed at
the open, the market lets the bar happen and every fill is shared among the
strategies it was for, the machine's timers are served at the close, equity is
marked. Then all strategies are asked; what each wants passes the gate on its own
book; arbitration makes few orders of it; the account's limits judge them, a
reduction shared pro rata; and what is left goes to the one machine.

The machine, its loop and its route are those of every other run: they see
orders of the account and know nothing of strategies.

Assumes, besides what a run on bars assumes: the wallet of each symbol is the
sum of what its strategies were given for it, as if transferred there; what two
strategies want of each other is crossed at the next open, free of fees.
"""

from collections.abc import Mapping, Sequence
from decimal import localcontext

import numpy as np

from qts.domain.errors import PolicyError, StrategyError
from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic, on_money_grid
from qts.domain.order import Effect, Order
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import OrderDecision
from qts.execution.controller import ExecutionController
from qts.execution.cycle import DecisionCycle, Desk, Plan, Ways
from qts.execution.events import Decided, OrderEnded, TimeReached
from qts.execution.journal import Journal
from qts.execution.stages.precheck import PreCheckLimits
from qts.market.dataset import Dataset
from qts.market.view import Cursor, View
from qts.risk.gate import AccountState, Approved, RiskGate
from qts.risk.limit_state import ACCOUNT
from qts.risk.rules import rules_of
from qts.simulation.account_line import AccountLine
from qts.simulation.assumptions import sentences
from qts.simulation.collector import rarely_collected
from qts.simulation.columns import market_columns
from qts.simulation.inputs import require_inputs
from qts.simulation.joint_limits import JointLimits
from qts.simulation.joint_lines import book_sums, equity_lines
from qts.simulation.joint_result import GateWord, JointResult, Withheld
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import OF_SEVERAL, JointTerms, Member
from qts.simulation.venue import Venue
from qts.simulation.venue_rules import VenueRules
from qts.strategy.arbitration import NetOrder, Trading, Want, arbitrate, cut
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.multiplexer import Halted, Multiplexer, Round, Said
from qts.strategy.registry import Key, StrategyRegistry
from qts.strategy.strategy import Strategy


def run_together(datasets: Mapping[str, Dataset], members: Sequence[Member], terms: JointTerms) -> JointResult:
    """Run the members over the datasets, which have one bar interval. Failing strategies are halted, never the run.

    Raises DataError for inputs missing without a waiver, StrategyError for members that cannot be registered.
    """
    intervals = {each.bars.interval for each in datasets.values()}
    if len(intervals) != 1:
        raise PolicyError(f"an account's strategies are asked on one interval, not on {', '.join(sorted(intervals))}")
    named = {symbol for member in members for symbol in member.symbols}
    if missing := sorted(named - datasets.keys()):
        raise PolicyError(f"there are no data of {', '.join(missing)}")
    with rarely_collected(), localcontext(), np.errstate():  # what a strategy does to its thread ends with its run
        return _JointRun({each: datasets[each] for each in sorted(named)}, members, terms).result()


class _JointRun:
    """The state of one run while it lasts."""

    def __init__(self, datasets: dict[str, Dataset], members: Sequence[Member], terms: JointTerms) -> None:
        self._terms = terms
        self._members = {each.strategy_id: each for each in sorted(members, key=lambda each: each.strategy_id)}
        self._interval_ms = next(iter(datasets.values())).bars.interval_ms
        self._registry = StrategyRegistry()
        for member in self._members.values():
            self._registry.register(member.strategy_id, member.make, member.symbols)
        self._multiplexer = Multiplexer(self._registry)
        self._gate = RiskGate(rules_of(terms.limits))
        settings = ExecutionSettings(
            instruments={symbol: each.instrument for symbol, each in datasets.items()},
            limits=PreCheckLimits(leverage=terms.frictions.leverage),
            on_bars=True,
        )
        self._line = AccountLine(
            ExecutionController(settings, gate=self._gate, journal=Journal(keeps=False)), self._heard
        )
        self._waivers = {symbol: require_inputs(each, terms.waivers) for symbol, each in datasets.items()}
        self._symbols = {symbol: self._opened(each) for symbol, each in datasets.items()}
        self._line.venues = {symbol: each.venue for symbol, each in self._symbols.items()}
        self._cursors = {symbol: Cursor() for symbol in datasets}
        self._views = self._made_views()
        self._cycles = {
            symbol: DecisionCycle(
                Ways(
                    instrument=each.instrument,
                    limits=terms.limits,
                    interval_ms=self._interval_ms,
                    leverage=terms.frictions.leverage,
                    cost_rate=terms.frictions.expected_cost_rate(),
                ),
                self._gate,
            )
            for symbol, each in self._symbols.items()
        }
        self._grid = np.unique(np.concatenate([each.bars.opened_at for each in datasets.values()]))
        self._hears_fills = {each.strategy_id for each in members if type(each.make()).on_fill is not Strategy.on_fill}
        capitals = {each.strategy_id: each.capital for each in members}
        self._limits = JointLimits(self._symbols, capitals, terms.policies, terms.frictions.leverage)
        self._ordinal = 0
        self._halted: list[Halted] = []
        self._withheld: list[Withheld] = []
        self._said: dict[str, list[tuple[Instant, str, object]]] = {each: [] for each in self._members}
        self._fills_heard: list[Fill] = []

    def _opened(self, dataset: Dataset) -> JointSymbol:
        symbol = dataset.instrument.symbol
        capitals = {
            each.strategy_id: on_money_grid(each.capital / len(each.symbols))
            for each in self._members.values()
            if symbol in each.symbols
        }
        columns = market_columns(dataset, self._waivers[symbol], self._terms.frictions.slippage)
        venue = Venue(
            dataset.instrument,
            self._terms.frictions,
            sum(capitals.values(), start=ZERO),
            rules=VenueRules(cancels_are_streamed=False),
            brackets=columns.brackets,
            stream=self._line.streamed,
        )
        return JointSymbol(dataset, columns, venue, capitals, self._line.controller.account.orders.find)

    def _made_views(self) -> dict[Key, View]:
        views = {}
        for symbol, each in self._symbols.items():
            features = FeatureColumns(each.dataset.bars, float(each.instrument.tick))
            for strategy_id in each.strategy_ids:
                views[strategy_id, symbol] = View(
                    each.dataset.bars, features, self._cursors[symbol], each.holding(strategy_id)
                )
        return views

    def result(self) -> JointResult:
        self._note(self._multiplexer.started(int(self._grid[0])))
        rows = dict.fromkeys(self._symbols, 0)
        opened = {symbol: each.dataset.bars.opened_at for symbol, each in self._symbols.items()}
        for at in self._grid.tolist():
            present = []
            for symbol, each in self._symbols.items():
                row = rows[symbol]
                if row < len(opened[symbol]) and opened[symbol][row] == at:
                    rows[symbol] = row + 1
                    each.row = self._cursors[symbol].row = row
                    present.append(each)
            with exact_arithmetic():
                self._happen(at, present)
            self._ask(at + self._interval_ms, present)
        return self._told()

    # -- the parts of a bar ---------------------------------------------------------------

    def _happen(self, at: Instant, present: list[JointSymbol]) -> None:
        self._reach(at)
        for each in present:
            if each.crossing:
                each.cross_at(each.instrument.price(float(each.dataset.bars.open[each.row])))
                self._protect(each)
            each.market.step(each.row)
        self._reach(at + self._interval_ms)
        for each in present:
            for strategy_id, holding in each.changed_holdings():
                view = self._views.get((strategy_id, each.symbol))
                if view is not None:
                    view.holding = holding

    def _reach(self, now: Instant) -> None:
        self._line.now = now
        if self._line.controller.is_due(now):
            self._line.tell(TimeReached())

    def _heard(self, news: Fill | OrderEnded) -> None:
        """The venue streams, and the machine has not acted on it: the strategies' books come first."""
        if isinstance(news, Fill):
            each = self._symbols[news.symbol]
            each.heard(news)
            self._fills_heard.append(news)
            self._protect(each)

    def _protect(self, each: JointSymbol) -> None:
        wanted = each.protection()
        if wanted is not None:
            self._line.tell(wanted)

    # -- deciding ---------------------------------------------------------------------------

    def _ask(self, now: Instant, present: list[JointSymbol]) -> None:
        self._line.now = now
        self._tell_fills()
        here = {each.symbol for each in present}
        views = (
            self._views
            if len(here) == len(self._symbols)
            else {key: view for key, view in self._views.items() if key[1] in here}
        )
        heard = self._multiplexer.ask(views, now)
        self._note(heard)
        fired = [(each, strategy_id, why) for each in present for strategy_id, why in each.fired()]
        if not heard.answers and not fired:
            return
        with exact_arithmetic():
            self._limits.mark(now)
            wants: dict[str, list[Want]] = {}
            for each, strategy_id, why in fired:
                wants.setdefault(each.symbol, []).append(self._exit(each, strategy_id, why, now))
            for said in heard.answers:
                self._want(said, now, wants)
            decisions: list[OrderDecision] = []
            for symbol in sorted(wants):
                decisions += self._arbitrated(self._symbols[symbol], wants[symbol], now)
            if decisions:
                decisions.sort(key=lambda each: each.order.effect is not Effect.REDUCE)
                self._line.tell(Decided(tuple(decisions)))

    def _tell_fills(self) -> None:
        fills, self._fills_heard = self._fills_heard, []
        if not self._hears_fills:
            return
        for fill in fills:
            for strategy_id in self._symbols[fill.symbol].strategy_ids:
                if strategy_id in self._hears_fills:
                    self._note(self._multiplexer.told(strategy_id, fill))

    def _note(self, heard: Round) -> None:
        for each in heard.halted:
            self._halted.append(each)
            for symbol in self._registry.symbols(each.strategy_id):
                self._symbols[symbol].books.entrust(each.strategy_id)

    def _exit(self, each: JointSymbol, strategy_id: str, why: str, now: Instant) -> Want:
        self._ordinal += 1
        order_id = f"{each.symbol}-{now}-v{self._ordinal}"
        return each.exit_want(strategy_id, order_id, self._members[strategy_id].priority, why)

    def _want(self, said: Said, now: Instant, wants: dict[str, list[Want]]) -> None:
        """What the strategy's own book makes of its words: sized, judged by its own rules, then its staged limits."""
        self._said[said.strategy_id].append((now, said.symbol, said.answer))
        each, strategy_id = self._symbols[said.symbol], said.strategy_id
        here = wants.setdefault(said.symbol, [])
        leaving = any(want.strategy_id == strategy_id and want.closes for want in here)
        plan = self._planned(each, said, now)
        if plan is None:
            return
        if plan.protection is not None:
            each.move_pair(strategy_id, plan.protection.stop_loss, plan.protection.take_profit)
            self._protect(each)
        for wish in plan.not_sent:
            self._limits.blocked(GateWord.no(now, strategy_id, each.symbol, wish.codes, wish.detail))
        for approved in plan.orders:
            order = approved.order
            closes = order.effect is Effect.REDUCE
            if closes and leaving:
                continue  # its own stop takes it out already
            quantity = self._limits.of_strategy(each, strategy_id, order, now)
            if not quantity:
                continue
            each.will_protect(strategy_id, order.order_id, order.stop_loss, order.take_profit)
            here.append(
                Want(
                    strategy_id,
                    order.order_id,
                    order.side,
                    order.type,
                    quantity,
                    order.price,
                    closes=closes,
                    priority=self._members[strategy_id].priority,
                    good_until=order.good_until,
                    reason=order.reason,
                )
            )

    def _planned(self, each: JointSymbol, said: Said, now: Instant) -> Plan | None:
        book = each.books.books[said.strategy_id]
        price = each.instrument.price(float(each.dataset.bars.close[each.row]))
        state = AccountState(book.position, ZERO, ZERO, book.equity(price), price, now)
        answer = list(said.answer) if isinstance(said.answer, tuple) else said.answer
        try:
            return self._cycles[said.symbol].plan(answer, Desk(state, book.available, ZERO, price), now)
        except StrategyError as error:
            self._limits.blocked(GateWord.no(now, said.strategy_id, said.symbol, (), str(error)))
            return None

    # -- from wants to the machine ----------------------------------------------------------------

    def _arbitrated(self, each: JointSymbol, wants: list[Want], now: Instant) -> list[OrderDecision]:
        book, lot = each.venue.book, each.instrument.lot
        is_open = self._line.controller.account.why_no_increase(each.symbol, "") is None
        found = arbitrate(
            wants,
            net=book.position,
            lot=lot,
            rule=self._terms.rule,
            trading=Trading.OPEN if is_open else Trading.CLOSED,
        )
        for outcome in found.outcomes:
            if outcome.withheld:
                self._withheld.append(
                    Withheld(
                        at=now,
                        strategy_id=outcome.strategy_id,
                        symbol=each.symbol,
                        quantity=outcome.withheld,
                        reason=outcome.reason,
                    )
                )
        each.crossing += found.crosses
        price = each.instrument.price(float(each.dataset.bars.close[each.row]))
        state = AccountState(book.position, ZERO, ZERO, book.equity(price), price, now)
        decisions = []
        for net in found.orders:
            approved = self._allowed(each, net, state, now)
            if approved is not None:
                decisions.append(OrderDecision(approved.order, price, strategy_id=net.owner))
        return decisions

    def _allowed(self, each: JointSymbol, net: NetOrder, state: AccountState, now: Instant) -> Approved | None:
        """The account's word on an order of several: a reduction is shared pro rata, exits cut last."""
        order = self._order(each, net, now)
        quantity = self._limits.of_account(each, order, each.stop_of(net.shares, net.side), now)
        if not quantity:
            return None
        if quantity < order.quantity:
            net = cut(net, quantity, each.instrument.lot)
            order = self._order(each, net, now)
        judged = self._gate.before_route(order, state, now)
        if not isinstance(judged, Approved):
            self._limits.blocked(GateWord.no(now, ACCOUNT, each.symbol, judged.codes, judged.detail))
            return None
        each.bring(order.order_id, net.shares)
        self._limits.went_out(ACCOUNT, order, now)
        return judged

    def _order(self, each: JointSymbol, net: NetOrder, now: Instant) -> Order:
        self._ordinal += 1
        return Order(
            f"{each.symbol}-{now}-{self._ordinal}",
            each.symbol,
            net.side,
            net.type,
            net.quantity,
            net.effect,
            net.price,
            None,
            None,
            now,
            net.good_until,
            "",
        )

    def _told(self) -> JointResult:
        now = int(self._grid[-1]) + self._interval_ms
        waivers = tuple(sorted({waiver for each in self._waivers.values() for waiver in each}))
        filled = sum(each.dataset.rows_filled for each in self._symbols.values())
        with exact_arithmetic():
            distances = self._limits.distances(now)
            sums = book_sums(self._symbols)
        lines = equity_lines(self._symbols, self._members, self._grid)
        return JointResult(
            closed_at=self._grid + self._interval_ms,
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
            gate=tuple(self._limits.words),
            withheld=tuple(self._withheld),
            said={each: tuple(words) for each, words in self._said.items()},
            distances=distances,
            journal_head=self._line.controller.journal.head,
            assumptions=(*OF_SEVERAL, *sentences(self._terms.frictions, waivers, filled)),
        )
