"""From a strategy's words to what it wants of the account.

A wish becomes orders on the strategy's own book, sized there, and passes that
book's rules and limits; what opens is paid for from its own pool. What its book
gives back, on a word of nobody's, is an exit of the same kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from qts.domain.errors import StrategyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.execution.contracts import NOTHING_TO_REDUCE, OrderDecision
from qts.execution.cycle import DecisionCycle, Desk, Plan, Ways
from qts.risk.gate import AccountState, RiskGate
from qts.risk.limit_words import GateWord
from qts.simulation.account_line import AccountLine
from qts.simulation.joint_coming import Schedule
from qts.simulation.joint_limits import JointLimits
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_slow import ends_at, schedule_of
from qts.simulation.joint_standing import Standings
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.joint_withdrawing import JointWithdrawing
from qts.strategy.arbitration import Want
from qts.strategy.multiplexer import Said


class JointWants:
    """limits, gate: they judge each order on its strategy's own book. withdrawing: is told which exits go out.

    withhold: is told of what cannot go out at all.
    """

    def __init__(
        self,
        symbols: Mapping[str, JointSymbol],
        members: Mapping[str, Member],
        terms: JointTerms,
        *,
        gate: RiskGate,
        line: AccountLine,
        money: JointMoney,
        standings: Standings,
        limits: JointLimits,
        withdrawing: JointWithdrawing,
        withhold: Callable[[JointSymbol, str, Decimal, str, Instant], None],
    ) -> None:
        self._symbols = symbols
        self._members = members
        self._cost_rate = terms.frictions.expected_cost_rate()
        self._line = line
        self._money = money
        self._standings = standings
        self._limits = limits
        self._withdrawing = withdrawing
        self._withhold = withhold
        self._cycles = {
            symbol: DecisionCycle(
                Ways(
                    instrument=each.instrument,
                    limits=terms.limits,
                    interval_ms=each.dataset.bars.interval_ms,
                    leverage=terms.frictions.leverage,
                    cost_rate=self._cost_rate,
                    rounding=terms.frictions.rounding(each.instrument.tick),
                ),
                gate,
            )
            for symbol, each in symbols.items()
        }

    def given_back(self, each: JointSymbol, strategy_id: str, why: str, now: Instant) -> list[Want]:
        """What the strategy holds, given back at market, less what goes out next already."""
        position = each.books.books[strategy_id].position
        side = Side.SELL if position > ZERO else Side.BUY
        self._withdrawing.closes(strategy_id, each.symbol, side)
        quantity = position.copy_abs() - self._money.coming.leaving(strategy_id, each.symbol)
        if not quantity > ZERO:
            return []
        order = Order(
            f"{each.symbol}-{now}-out",
            each.symbol,
            side,
            OrderType.MARKET,
            quantity,
            Effect.REDUCE,
            None,
            None,
            None,
            now,
            None,
            why,
        )
        self._withdrawing.exits(strategy_id, order, quantity, position, is_quick=True)
        self._money.exit(strategy_id, order, quantity, each.price_decided_on)
        return self._as_wants(strategy_id, order, quantity)

    def of(self, said: Said, now: Instant) -> list[Want]:
        """What the strategy's own book makes of its words: sized, judged by its rules and limits, then ``_let_out``."""
        each, strategy_id = self._symbols[said.symbol], said.strategy_id
        desk = self._desk_of(each, strategy_id, now)
        plan = self._planned(said, desk, now)
        if plan is None:
            return []
        if plan.protection is not None:
            each.move_pair(strategy_id, plan.protection.stop_loss, plan.protection.take_profit)
            wanted = each.protection()
            if wanted is not None:
                self._line.tell(wanted)
        for wish in plan.not_sent:
            if wish.by_limits:
                continue  # they have said so themselves
            self._limits.blocked(GateWord.no(now, strategy_id, each.symbol, wish.codes, wish.detail))
        return self._let_out(each, strategy_id, plan, desk, now)

    def _as_wants(
        self, strategy_id: str, order: Order, quantity: Decimal, decision: OrderDecision | None = None
    ) -> list[Want]:
        """What of the order is wanted now: all of it, or of one that takes time what is due."""
        waits = order.type is not OrderType.MARKET
        want = Want(
            strategy_id,
            order.order_id,
            order.side,
            order.type,
            quantity,
            order.price,
            closes=order.effect is Effect.REDUCE,
            priority=self._members[strategy_id].priority if strategy_id in self._members else 0,
            good_until=order.good_until,
            reason=order.reason,
            working=decision.urgency if decision and waits else None,
        )
        coming = self._money.coming.find(want.key)
        assert coming is not None
        schedule: Schedule = ()
        if decision is not None and _takes_time(decision):
            schedule = schedule_of(decision, quantity, self._symbols[order.symbol].dataset)
        coming.decided(want, schedule)
        if not schedule:
            return [want]
        due = self._withdrawing.slow.first(want.key, coming)
        return [replace(want, quantity=due)] if due else []

    def _let_out(self, each: JointSymbol, strategy_id: str, plan: Plan, desk: Desk, now: Instant) -> list[Want]:
        """Of what its limits let through, what leaves more than is leaving, and what its pool can pay for."""
        money, price, position = self._money, each.price_decided_on, desk.state.position
        held, freed = position.copy_abs(), None
        leaving = closing = money.coming.leaving(strategy_id, each.symbol)  # next, and next or over bars
        found: list[Want] = []
        for decision in plan.decisions:
            order = decision.order
            if order.effect is Effect.REDUCE:
                if position * order.side.sign >= ZERO:
                    self._withhold(each, strategy_id, order.quantity, NOTHING_TO_REDUCE, now)
                    continue
                if order.closes(position):
                    self._withdrawing.closes(strategy_id, each.symbol, order.side)
                waits = order.type is not OrderType.MARKET
                slow = self._withdrawing.slow
                stays = slow.staying(strategy_id, order, ends_at(decision)) if _takes_time(decision) else ZERO
                if not waits and leaving + stays >= held:
                    continue  # it is on its way out already, and no later
                quantity = order.quantity if waits else min(order.quantity, held - leaving - stays)
                if not waits:
                    self._not_opened(found, order.side, order.quantity - quantity)
                    closing += quantity
                self._withdrawing.exits(strategy_id, order, quantity, position, is_quick=not waits)
                money.exit(strategy_id, order, quantity, price)
                found += self._as_wants(strategy_id, order, quantity, decision)
                leaving = money.coming.leaving(strategy_id, each.symbol)
                continue
            if freed is None:
                freed = self._freed(desk) if held and closing >= held else ZERO
            no = money.refusal(strategy_id, order, order.quantity, price, freed=freed)
            if no is not None:
                self._limits.blocked(GateWord.no(now, strategy_id, each.symbol, (no[0],), no[1]))
                continue
            freed = max(ZERO, freed - money.costs(order, order.quantity, price))
            each.will_protect(strategy_id, order.order_id, order.stop_loss, order.take_profit)
            found += self._as_wants(strategy_id, order, order.quantity, decision)
        return [self._for_position(want, held - leaving if leaving < held else held) for want in found]

    def _for_position(self, want: Want, held: Decimal) -> Want:
        """An exit that waits, as far as there is a position for it; of all that goes out next it has no less."""
        coming = self._money.coming.find(want.key)
        if coming is None or not want.closes or coming.at_market or want.quantity <= held:
            return want
        coming.sleep(want.quantity - held)
        return replace(want, quantity=held)

    def _not_opened(self, found: list[Want], side: Side, quantity: Decimal) -> None:
        """An exit goes so far beyond what is held: it closes what the same answer opens, which then is not opened."""
        for place in reversed(range(len(found))):
            want = found[place]
            coming = self._money.coming.find(want.key)
            if want.closes or want.side is side or coming is None or coming.is_slow or not coming.at_market:
                continue
            part = min(quantity, want.quantity)
            if not part:
                return
            quantity -= part
            self._money.less(want.key, part)
            found[place : place + 1] = [] if part == want.quantity else [replace(want, quantity=want.quantity - part)]

    def _freed(self, desk: Desk) -> Decimal:
        """What closing the whole position leaves free that is not, costs paid; below 0 where it leaves a debt."""
        costs = desk.state.position.copy_abs() * desk.last_price * self._cost_rate
        return desk.available_if_flat - desk.available - costs

    def _planned(self, said: Said, desk: Desk, now: Instant) -> Plan | None:
        answer = list(said.answer) if isinstance(said.answer, tuple) else said.answer
        limits = self._limits.of_strategy(self._symbols[said.symbol], said.strategy_id)
        try:
            return self._cycles[said.symbol].plan(answer, desk, now, limits)
        except StrategyError as error:
            self._limits.blocked(GateWord.no(now, said.strategy_id, said.symbol, (), str(error)))
            return None

    def _desk_of(self, each: JointSymbol, strategy_id: str, now: Instant) -> Desk:
        """The strategy's money is that of all its symbols; its position is that on this one."""
        book, pool, price = each.books.books[strategy_id], self._money.pool(strategy_id), each.price_decided_on
        coming, won = self._money.coming, book.unrealized(price)
        stands = self._standings.of(strategy_id)
        elsewhere = stands.elsewhere(each.symbol) + coming.entering_elsewhere(strategy_id, each.symbol)
        entering = coming.entering(strategy_id, each.symbol)
        return Desk(
            AccountState(book.position, *entering, stands.equity, price, now, elsewhere),
            available=pool.available,
            in_flight=coming.filling_next(strategy_id, each.symbol),
            last_price=price,
            allocated=pool.total,
            available_if_flat=pool.available + max(book.margin, ZERO) + won,
            allocated_if_flat=pool.total + won,
        )


def _takes_time(decision: OrderDecision) -> bool:
    """Whether it is an order at market that may be worked in parts."""
    is_at_market = decision.order.type is OrderType.MARKET
    return is_at_market and (decision.horizon_ms > 0 or decision.algorithm is not None)
