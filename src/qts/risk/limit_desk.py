"""Where books become facts for the limits, and where what the limits remember is kept.

The one place for it: a backtest of one strategy, a run of several and whoever
trades an account hand in their books (``Books``) and are told what of an order
may flow on. Within a round, which is everything decided at one instant, what was
let out before counts: what increases as a working order with its own stop, and
what reduces at market as if it had been done.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Protocol, TypeAlias

from qts.domain.instant import DAY_MS, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.value import maker, value
from qts.risk.calculators.heat import loss_per_unit
from qts.risk.gate import AccountState, Approved, Refused, RiskGate
from qts.risk.limit_facts import BookFacts, Look, MarginFacts, OrderFacts, PositionFacts
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT, BookMemory, LimitState
from qts.risk.limit_words import GateWord
from qts.risk.limits import Measured
from qts.risk.stages import StageWord, Verdict
from qts.risk.staging import distances, staged

_BUY, _REDUCE = Side.BUY, Effect.REDUCE
Calculator: TypeAlias = Callable[[Look], tuple[Measured, ...]]


@value
class Working:
    """An order that increases and has not filled. quantity: base units left. worth_at: the price it counts with.

    stop: of the pair it brings, None for none.
    """

    side: Side
    quantity: Decimal
    worth_at: Decimal
    stop: Decimal | None


@value(kw_only=True)
class BookOn:
    """A book on one symbol as a round begins.

    price: the newest, known since price_known_at; None when there is none. stop: the stop of the position.
    working: what still increases; open_orders: how many orders are at work, those that reduce among them.
    margin: of the account's book, None where nobody knows it. others_stop: as ``PositionFacts`` has it.
    """

    symbol: str
    position: Decimal
    price: Decimal | None
    price_known_at: Instant | None
    stop: Decimal | None
    working: tuple[Working, ...] = ()
    open_orders: int = 0
    margin: MarginFacts | None = None
    others_stop: Decimal | None = None


class Books(Protocol):
    """Whoever keeps the books. whose: a strategy's id, or ``ACCOUNT``."""

    def worth(self, whose: str) -> tuple[Decimal, Decimal]:
        """Capital that was given, with what was realised since (of the account, its equity), and equity, quote."""

    def held(self, whose: str, whom: Collection[str]) -> Iterable[BookOn]:
        """Every symbol of the book. whom: the strategies whose order is asked about, nobody where none is."""


class StagedLimits(Protocol):
    """The limits of whoever an order is for, asked of every order that the gate allows (execution/cycle.py)."""

    def let_through(self, order: Order, state: AccountState) -> Verdict | None:
        """What of it may flow on, None for all of it with nothing to say; what may counts as gone out.

        state: what the gate was shown.
        """


def judged(gate: RiskGate, limits: StagedLimits | None, order: Order, state: AccountState) -> Approved | Refused:
    """The gate's word on an order, and the limits' on what it allows; what they make smaller passes the gate again."""
    verdict = gate.before_route(order, state, order.created_at)
    if limits is None or isinstance(verdict, Refused):
        return verdict
    said = limits.let_through(order, state)
    if said is None or said.quantity == order.quantity:
        return verdict
    if not said.quantity:
        return Refused(order, said.codes, said.objection, by_limits=True)
    return gate.before_route(replace(order, quantity=said.quantity), state, order.created_at)


_LetOut: TypeAlias = tuple[str, Order, Decimal | None, Decimal]
"""Whose order went out in this round, the order, the stop it brings, and the last price then."""

_working, _order_facts = maker(Working), maker(OrderFacts)
_position_facts, _book_facts = maker(PositionFacts), maker(BookFacts)


class LimitDesk:
    """words: what the limits did, in order. may_stack: whether more than exits at market went out in this round.

    alone: the strategy whose book is all the account has; '' where several share it.
    """

    def __init__(self, books: Books, policies: LimitPolicies, alone: str = "") -> None:
        self.policies = policies
        self.words: list[GateWord] = []
        self._books = books
        self._alone = alone
        self._memories: dict[str, BookMemory] = {}
        if alone:
            self._memories[alone] = self._memories[ACCOUNT] = BookMemory()
        self._state = LimitState(self._memories)
        self._round: list[_LetOut] = []
        self.may_stack = False

    # -- what happens -------------------------------------------------------------------

    def memory(self, whose: str) -> BookMemory:
        """What is remembered of a book, to be told of what happens to it."""
        found = self._memories.get(whose)
        if found is None:
            found = self._memories[whose] = BookMemory()
        return found

    def mark(self, whose: str, equity: Decimal, now: Instant) -> None:
        """A book is worth so much. One that is worth what it was is told once a day."""
        memory = self.memory(whose)
        if memory.equity != equity or memory.day != now // DAY_MS:
            memory.mark(equity, now)

    def begin(self) -> None:
        """A round begins."""
        if self._round:
            self._round.clear()
            self.may_stack = False

    def account_again(self) -> None:
        """What strategies want has been judged; orders of the account are made of it, which the account judges anew."""
        self._round = [each for each in self._round if each[0] != ACCOUNT]

    def let_out(self, whose: str, order: Order, stop: Decimal | None, last_price: Decimal) -> None:
        """An order of a book goes out. stop: of the pair it brings."""
        (self._memories.get(whose) or self.memory(whose)).count_order(order.symbol, order.created_at)
        self._round.append((whose, order, stop, last_price))
        if order.price is not None or order.effect is not _REDUCE:
            self.may_stack = True
        elif whose != ACCOUNT and not self._alone:
            # What a strategy closes the account closes too; what it opens is judged once all wants are one.
            self._round.append((ACCOUNT, order, stop, last_price))

    # -- asking -------------------------------------------------------------------------

    def judge(
        self,
        order: Order,
        instrument: Instrument,
        whose: str,
        stop: Decimal | None,
        last_price: Decimal | None,
        *,
        whom: Collection[str],
        beside: Decimal = ZERO,
    ) -> Verdict:
        """What of a book's order may flow on, and why; what is said of it is kept. It does not go out by this.

        stop: of the pair it brings. The account's order is judged by the account, a strategy's by both.
        whom: the strategies it is for. beside: how much more the account sends with it that nobody stops, base units.
        """
        now, facts = order.created_at, _facts_of(order, instrument, whose, stop, last_price)
        with_it = None
        if beside and last_price is not None:
            with_it = _working(order.side, beside, last_price if order.price is None else order.price, None)
        account = self._facts(ACCOUNT, whom, (order.symbol, with_it))
        own = account if whose == ACCOUNT else self._facts(whose, whom)
        verdict = staged(facts, account, own, state=self._state, policy=self.policies, now=now)
        if verdict.word is not StageWord.PASS:
            self.words.append(GateWord.of(verdict, now, whose, order.symbol))
        return verdict

    def let_through(
        self, order: Order, instrument: Instrument, strategy_id: str, last_price: Decimal | None
    ) -> Verdict:
        """What of a strategy's order may flow on; that goes out."""
        verdict = self.judge(order, instrument, strategy_id, order.stop_loss, last_price, whom=(strategy_id,))
        if verdict.quantity and last_price is not None:
            out = order if verdict.quantity == order.quantity else replace(order, quantity=verdict.quantity)
            self.let_out(strategy_id, out, order.stop_loss, last_price)
        return verdict

    def is_reached(
        self, limit: Calculator, order: Order, instrument: Instrument, whose: str, last_price: Decimal
    ) -> bool:
        """Whether one limit of the account alone is reached by a strategy's order."""
        now = order.created_at
        look = Look(
            order=_facts_of(order, instrument, whose, order.stop_loss, last_price),
            book=self._facts(ACCOUNT, (whose,)),
            policy=self.policies.account,
            memory=self._state.of(ACCOUNT),
            now=now,
        )
        with exact_arithmetic():
            return any(each.is_reached for each in limit(look))

    def distances(self, strategy_ids: Iterable[str], now: Instant) -> tuple[Measured, ...]:
        """How far every book is from every limit; the strategies' first, the account's last."""
        self.begin()
        books = [self._facts(each, ()) for each in strategy_ids]
        return distances(self._facts(ACCOUNT, ()), books, self._state, self.policies, now)

    # -- facts --------------------------------------------------------------------------

    def _facts(self, whose: str, whom: Collection[str], beside: tuple[str, Working | None] = ("", None)) -> BookFacts:
        """beside: what goes out with the order that is judged, and on which symbol."""
        policy = self.policies.account if whose == ACCOUNT else self.policies.of(whose)
        capital, equity = self._books.worth(whose)
        known_as = self._alone or whose
        positions, heat = [], ZERO
        with exact_arithmetic():
            for each in self._books.held(whose, whom):
                out = [one for one in self._round if one[0] == known_as and one[1].symbol == each.symbol]
                working = (*each.working, *(_at_work(one) for one in out if one[1].effect is not _REDUCE))
                if beside[1] is not None and beside[0] == each.symbol:
                    working = (*working, beside[1])
                positions.append(_position(each, _reduced(out), working, each.open_orders + len(out)))
                for one in working:
                    heat += one.quantity * loss_per_unit(one.side, one.worth_at, one.stop, policy.loss_without_stop)
        return _book_facts(
            whose=whose,
            capital=capital,
            equity=equity,
            positions=tuple(positions),
            heat_in_flight=heat,
        )


def _facts_of(
    order: Order, instrument: Instrument, whose: str, stop: Decimal | None, last_price: Decimal | None
) -> OrderFacts:
    return _order_facts(
        instrument=instrument,
        strategy_id=whose,
        side=order.side,
        quantity=order.quantity,
        effect=order.effect,
        price=order.price,
        stop_loss=stop,
        last_price=last_price,
        price_known_at=order.created_at,
    )


def _at_work(out: _LetOut) -> Working:
    _, order, stop, last_price = out
    return _working(order.side, order.quantity, last_price if order.price is None else order.price, stop)


def _reduced(out: Iterable[_LetOut]) -> Decimal:
    """What exits at market take off the position, signed as they trade."""
    found = ZERO
    for _, order, _, _ in out:
        if order.effect is _REDUCE and order.type is OrderType.MARKET:
            found += order.side.sign * order.quantity
    return found


def _position(each: BookOn, reduced: Decimal, working: Iterable[Working], open_orders: int) -> PositionFacts:
    """The position with what reduces it done. What is closed frees its part of basis and margin."""
    position, margin = each.position + reduced, each.margin
    if reduced and margin is not None:
        left = position / each.position if each.position else ZERO
        margin = replace(
            margin, basis=margin.basis * left, backing=replace(margin.backing, wallet=margin.backing.wallet * left)
        )
    buy = sum((one.quantity for one in working if one.side is _BUY), start=ZERO)
    sell = sum((one.quantity for one in working if one.side is not _BUY), start=ZERO)
    return _position_facts(
        symbol=each.symbol,
        position=position,
        pending_buy=buy,
        pending_sell=sell,
        price=each.price,
        price_known_at=each.price_known_at,
        stop=each.stop,
        margin=margin,
        others_stop=each.others_stop,
        open_orders=open_orders,
    )
