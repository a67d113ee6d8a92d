"""From what several strategies said to the few orders of their account.

Each wish becomes orders on its strategy's own book, sized there, and passes that
book's rules and limits. Arbitration makes orders of the account of what is left,
the account's limits and the gate judge those, a reduction shared pro rata, and
what is allowed is what the loop is given. A strategy's own stop that its bar
touched is an exit like any other, and no limit stops an exit.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from qts.domain.book import Book
from qts.domain.errors import StrategyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order
from qts.execution.contracts import OrderDecision
from qts.execution.cycle import DecisionCycle, Desk, Plan, Ways
from qts.risk.gate import AccountState, Approved, RiskGate
from qts.risk.limit_state import ACCOUNT
from qts.risk.rules import rules_of
from qts.simulation.account_line import AccountLine
from qts.simulation.joint_limits import JointLimits
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_result import GateWord, Withheld
from qts.simulation.joint_standing import Standing, standing
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import JointTerms, Member
from qts.strategy.arbitration import NetOrder, Trading, Want, arbitrate, cut
from qts.strategy.multiplexer import Said


class JointDesk:
    """limits: of the strategies and the account. said: every answer. withheld: what arbitration did not let out."""

    def __init__(
        self,
        symbols: Mapping[str, JointSymbol],
        members: Mapping[str, Member],
        terms: JointTerms,
        line: AccountLine,
        money: JointMoney,
    ) -> None:
        self._symbols = symbols
        self._members = members
        self._terms = terms
        self._line = line
        self._money = money
        self._standings: dict[str, Standing] = {}  # of this round, by whose they are
        self._gate = RiskGate(rules_of(terms.limits))
        self._cycles = {
            symbol: DecisionCycle(
                Ways(
                    instrument=each.instrument,
                    limits=terms.limits,
                    interval_ms=each.dataset.bars.interval_ms,
                    leverage=terms.frictions.leverage,
                    cost_rate=terms.frictions.expected_cost_rate(),
                ),
                self._gate,
            )
            for symbol, each in symbols.items()
        }
        capitals = {each.strategy_id: each.capital for each in members.values()}
        self.limits = JointLimits(symbols, capitals, terms.policies, terms.frictions.leverage)
        self.withheld: list[Withheld] = []
        self.said: dict[str, list[tuple[Instant, str, object]]] = {each: [] for each in members}
        self._ordinal = 0

    def decide(
        self, answers: Sequence[Said], present: Sequence[JointSymbol], now: Instant, *, leaving: Collection[str] = ()
    ) -> tuple[OrderDecision, ...]:
        """What is to be executed now, reductions first.

        present: the symbols whose bar has just closed. leaving: halted strategies whose positions are to be closed.
        """
        fired = [(each, strategy_id, why) for each in present for strategy_id, why in each.fired()]
        fired += [
            (each, strategy_id, "the guardian closes what a halted strategy left")
            for each in present
            for strategy_id in sorted(leaving)
            if strategy_id in each.books.books and each.books.books[strategy_id].position
            if all(strategy_id != other for where, other, _ in fired if where is each)
        ]
        if not answers and not fired:
            return ()
        with exact_arithmetic():
            self.limits.mark(now)
            self._standings = {}
            wants: dict[str, list[Want]] = {}
            for each, strategy_id, why in fired:
                wants.setdefault(each.symbol, []).append(self._exit(each, strategy_id, why, now))
            for said in answers:
                self._want(said, now, wants)
            decisions: list[OrderDecision] = []
            for symbol in sorted(wants):
                decisions += self._arbitrated(self._symbols[symbol], wants[symbol], now)
        decisions.sort(key=lambda each: each.order.effect is not Effect.REDUCE)
        return tuple(decisions)

    def _exit(self, each: JointSymbol, strategy_id: str, why: str, now: Instant) -> Want:
        self._ordinal += 1
        order_id = f"{each.symbol}-{now}-v{self._ordinal}"
        return each.exit_want(strategy_id, order_id, self._members[strategy_id].priority, why)

    def _want(self, said: Said, now: Instant, wants: dict[str, list[Want]]) -> None:
        """What the strategy's own book makes of its words: sized, judged by its own rules, then its staged limits."""
        self.said[said.strategy_id].append((now, said.symbol, said.answer))
        each, strategy_id = self._symbols[said.symbol], said.strategy_id
        here = wants.setdefault(said.symbol, [])
        leaving = any(want.strategy_id == strategy_id and want.closes for want in here)
        plan = self._planned(each, said, now)
        if plan is None:
            return
        if plan.protection is not None:
            each.move_pair(strategy_id, plan.protection.stop_loss, plan.protection.take_profit)
            wanted = each.protection()
            if wanted is not None:
                self._line.tell(wanted)
        for wish in plan.not_sent:
            self.limits.blocked(GateWord.no(now, strategy_id, each.symbol, wish.codes, wish.detail))
        for approved in plan.orders:
            order = approved.order
            closes = order.effect is Effect.REDUCE
            if closes and leaving:
                continue  # its own stop takes it out already
            quantity = self.limits.of_strategy(each, strategy_id, order, now)
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
        answer = list(said.answer) if isinstance(said.answer, tuple) else said.answer
        try:
            return self._cycles[said.symbol].plan(answer, self._desk_of(each, said.strategy_id, now), now)
        except StrategyError as error:
            self.limits.blocked(GateWord.no(now, said.strategy_id, said.symbol, (), str(error)))
            return None

    def _desk_of(self, each: JointSymbol, strategy_id: str, now: Instant) -> Desk:
        """The strategy's money is that of all its symbols; its position is that on this one."""
        book, purse, price = each.books.books[strategy_id], self._money.purses[strategy_id], _price(each)
        state = self._state(each, strategy_id, book, now)
        allocated = purse.wallet
        return Desk(
            state,
            available=purse.free,
            in_flight=ZERO,
            last_price=price,
            allocated=allocated,
            available_if_flat=book.available_if_flat(price),
            allocated_if_flat=allocated + book.unrealized(price),
        )

    def _state(self, each: JointSymbol, whose: str, book: Book, now: Instant) -> AccountState:
        """A strategy's book on the symbol, or the account's, as the gate looks at it."""
        found = self._standings.get(whose)
        if found is None:
            found = self._standings[whose] = self._standing(whose)
        coming = (ZERO, ZERO) if whose == ACCOUNT else each.coming(whose)
        elsewhere = found.elsewhere(each.symbol)
        return AccountState(book.position, *coming, found.equity, _price(each), now, elsewhere)

    def _standing(self, whose: str) -> Standing:
        if whose == ACCOUNT:
            return standing(self._money.account.wallet, ((each, each.venue.book) for each in self._symbols.values()))
        own = (self._symbols[symbol] for symbol in self._members[whose].symbols)
        return standing(self._money.purses[whose].wallet, ((each, each.books.books[whose]) for each in own))

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
            resting=each.resting_limits(),
        )
        for outcome in found.outcomes:
            if outcome.withheld:
                self.withheld.append(
                    Withheld(
                        at=now,
                        strategy_id=outcome.strategy_id,
                        symbol=each.symbol,
                        quantity=outcome.withheld,
                        reason=outcome.reason,
                    )
                )
        each.crossing += found.crosses
        price, state = _price(each), self._state(each, ACCOUNT, book, now)
        decisions = []
        for net in found.orders:
            approved = self._allowed(each, net, state, now)
            if approved is not None:
                decisions.append(OrderDecision(approved.order, price, strategy_id=net.owner))
        return decisions

    def _allowed(self, each: JointSymbol, net: NetOrder, state: AccountState, now: Instant) -> Approved | None:
        """The account's word on an order of several: a reduction is shared pro rata, exits cut last."""
        order = self._order(each, net, now)
        quantity = self.limits.of_account(each, order, each.stop_of(net.shares, net.side), now)
        if not quantity:
            return None
        if quantity < order.quantity:
            net = cut(net, quantity, each.instrument.lot)
            order = self._order(each, net, now)
        judged = self._gate.before_route(order, state, now)
        if not isinstance(judged, Approved):
            self.limits.blocked(GateWord.no(now, ACCOUNT, each.symbol, judged.codes, judged.detail))
            return None
        each.bring(order.order_id, net.shares)
        self.limits.went_out(ACCOUNT, order, now)
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


def _price(each: JointSymbol) -> Decimal:
    """The close that is being decided on."""
    price = each.closed_at_price
    assert price is not None
    return price
