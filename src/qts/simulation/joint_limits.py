"""The staged limits in a run of several strategies: each want is judged by its strategy's and by the account's.

What arbitration made of the wants is judged by the account's once more, with
what was let out in the same round counted in. Every book is marked at every
close. The facts and the memory are ``LimitDesk``'s; here the books are handed in.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from qts.domain.allocation import Share
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.domain.virtual_books import QUARANTINE
from qts.execution.controller import ExecutionController
from qts.risk.gate import AccountState
from qts.risk.limit_desk import BookOn, LimitDesk, StagedLimits, Working
from qts.risk.limit_facts import MarginFacts
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord
from qts.risk.limits import Measured
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.stages import Verdict
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import JointTerms


class JointLimits:
    """words: what the limits did, in order; none where the terms have no policies.

    policies: by which they judge, None where the terms have none.
    """

    def __init__(
        self,
        symbols: Mapping[str, JointSymbol],
        strategy_ids: Iterable[str],
        money: JointMoney,
        terms: JointTerms,
        controller: ExecutionController,
    ) -> None:
        self._symbols = symbols
        self._strategy_ids = sorted(strategy_ids)
        self._money = money
        self._controller = controller
        self._leverage = terms.frictions.leverage
        self._asks = terms.policies is not None
        policies = LimitPolicies() if terms.policies is None else terms.policies
        if any(each.columns.brackets is None for each in symbols.values()):
            policies = policies.without_liquidation()
        self.policies = policies if self._asks else None
        self._desk = LimitDesk(self, policies)
        self.words = self._desk.words
        self._marked: dict[str, Decimal] = {}
        self._told = dict.fromkeys(symbols, 0)  # how many postings the memories know
        self._held: dict[tuple[str, str], Decimal] = {}
        self._now: Instant = 0

    def mark(self, now: Instant) -> None:
        """A bar has closed and a round begins: what every book is worth now."""
        if not self._asks:
            return
        self._now = now
        worth = {each: self._money.purses[each].moved for each in self._strategy_ids}
        for each in self._symbols.values():
            self._tell_sides(each)
            price = each.marked_at
            for strategy_id in each.strategy_ids:
                book = each.books.books[strategy_id]
                worth[strategy_id] += book.wallet if price is None else book.equity(price)
        worth[ACCOUNT] = sum(worth.values(), start=sum(map(_in_quarantine, self._symbols.values()), start=ZERO))
        for whose, equity in worth.items():
            self._desk.mark(whose, equity, now)
        self._marked = worth
        self._desk.begin()

    def move_capital(self, strategy_id: str, amount: Decimal, now: Instant) -> None:
        """Capital came to a strategy (above 0) or left it, quote, after what every book is worth now was told."""
        if self._asks:
            self._desk.memory(strategy_id).move_capital(amount, now)

    def _tell_sides(self, each: JointSymbol) -> None:
        """What each strategy held after every posting since the last round."""
        postings, told = each.postings, self._told[each.symbol]
        if len(postings) == told:
            return
        self._told[each.symbol] = len(postings)
        for row, posting in postings[told:]:
            if posting.quantity and posting.strategy_id != QUARANTINE:
                key = (posting.strategy_id, each.symbol)
                self._held[key] = position = self._held.get(key, ZERO) + posting.quantity
                at = int(each.dataset.bars.opened_at[row])
                self._desk.memory(posting.strategy_id).hold(each.symbol, position, at)

    def of_strategy(self, each: JointSymbol, strategy_id: str) -> StagedLimits | None:
        """What judges a strategy's orders on a symbol: its own limits, and the account's as they stand."""
        return _OfStrategy(self._desk, each, strategy_id) if self._asks else None

    def arbitrated(self) -> None:
        """All wants have been judged; orders of the account are made of them."""
        self._desk.account_again()

    def of_account(
        self, each: JointSymbol, order: Order, stop: Decimal | None, *, exits: Decimal, whom: Collection[str]
    ) -> tuple[Decimal, str]:
        """What the account's limits let through of an order made of several wants, and why not all.

        exits: how much of it takes its own strategies' books down, which no limit stops though it raise the net; the
        rest is judged with that counted as gone out. stop: the farthest of the rest's; whom: whose the rest is.
        """
        entering = order.quantity - exits
        if not self._asks or order.effect is Effect.REDUCE or not entering:
            return order.quantity, ""
        part = order if not exits else replace(order, quantity=entering)
        said = self._desk.judge(part, each.instrument, ACCOUNT, stop, each.closed_at_price, whom=whom, beside=exits)
        return exits + said.quantity, "; ".join(said.reasons)

    def went_out(self, each: JointSymbol, order: Order, stop: Decimal | None) -> None:
        """An order of the account goes to the machine."""
        self._desk.let_out(ACCOUNT, order, stop, each.price_decided_on)

    def distances(self, now: Instant) -> tuple[Measured, ...]:
        """How far every book is from every limit now; empty without staged limits."""
        if not self._asks:
            return ()
        self.mark(now)
        return self._desk.distances(self._strategy_ids, now)

    def blocked(self, word: GateWord) -> None:
        self.words.append(word)

    # -- the books, as the desk wants them ------------------------------------------------

    def worth(self, whose: str) -> tuple[Decimal, Decimal]:
        equity = self._marked[whose]
        return (equity if whose == ACCOUNT else self._money.pool(whose).total), equity

    def held(self, whose: str, whom: Collection[str]) -> Iterable[BookOn]:
        for each in self._symbols.values():
            if whose == ACCOUNT or whose in each.books.books:
                yield self._on(each, whose, whom)

    def _on(self, each: JointSymbol, whose: str, whom: Collection[str]) -> BookOn:
        book = each.venue.book if whose == ACCOUNT else each.books.books[whose]
        price = each.closed_at_price
        side = Side.BUY if book.position > ZERO else Side.SELL
        brackets, margin = each.columns.brackets, None
        if whose == ACCOUNT and brackets is not None:
            backing = Backing(mode=MarginMode.ISOLATED, wallet=book.margin)
            margin = MarginFacts(basis=book.basis, backing=backing, leverage=self._leverage, brackets=brackets)
        at_work = self._controller.working(each.symbol)
        return BookOn(
            symbol=each.symbol,
            position=book.position,
            price=price,
            price_known_at=None if price is None else self._now,
            stop=each.own_stop(whose, side),
            working=(*each.increasing(whose, at_work), *self._not_due(each, whose)),
            open_orders=each.open_orders(whose, at_work) + self._asleep(each, whose),
            margin=margin,
            others_stop=None if margin is None else each.own_stop(whose, side, but=whom),
        )

    def _asleep(self, each: JointSymbol, whose: str) -> int:
        """How many orders that take time there are of which none is at work."""
        whom = each.strategy_ids if whose == ACCOUNT else (whose,)
        found = (coming for who in whom for _, coming in self._money.coming.of(who, each.symbol))
        return sum(coming.is_slow and coming.sleeps and not coming.left for coming in found)

    def _not_due(self, each: JointSymbol, whose: str) -> Iterator[Working]:
        """What entries that take time may still add to a book, of which no order is at work."""
        for strategy_id in each.strategy_ids if whose == ACCOUNT else (whose,):
            for key, coming in self._money.coming.of(strategy_id, each.symbol):
                if coming.asleep and not coming.closes:
                    stop = each.stop_of((Share(*key, coming.asleep),), coming.side)
                    yield Working(coming.side, coming.asleep, coming.price, stop)


class _OfStrategy:
    """One strategy on one symbol, as the decision cycle asks."""

    def __init__(self, desk: LimitDesk, each: JointSymbol, strategy_id: str) -> None:
        self._desk = desk
        self._each = each
        self._strategy_id = strategy_id

    def let_through(self, order: Order, state: AccountState) -> Verdict:
        return self._desk.let_through(order, self._each.instrument, self._strategy_id, state.last_price)


def _in_quarantine(each: JointSymbol) -> Decimal:
    """What nobody asked for is the account's gain or loss all the same."""
    book, price = each.books.books[QUARANTINE], each.marked_at
    return book.wallet if price is None else book.equity(price)
