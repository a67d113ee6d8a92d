"""The staged limits in a run of several strategies: facts from the books, memory, and what was said of each order.

The same calculators as on paper and live. Each want is judged by its strategy's
limits and by the account's as they stand; what arbitration made of the wants is
judged by the account's once more, with what was let out in the same round
counted in. Where the venue's brackets were waived by name, the distance to
liquidation is not asked for, since nobody can know it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

from qts.domain.instant import DAY_MS, Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.domain.virtual_books import QUARANTINE
from qts.risk.limit_facts import BookFacts, MarginFacts, OrderFacts, PositionFacts
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT, EquityMarked, LimitState, OrderWentOut, remembered
from qts.risk.limits import Measured
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.stages import Block, LimitSays, Reduce, StageWord, Verdict, word_of
from qts.risk.staging import distances, staged
from qts.simulation.joint_result import GateWord, LimitWord
from qts.simulation.joint_symbol import JointSymbol


class JointLimits:
    """words: what the limits did, in order. capitals: by strategy, quote. policies: None for no staged limits."""

    def __init__(
        self,
        symbols: Mapping[str, JointSymbol],
        capitals: Mapping[str, Decimal],
        policies: LimitPolicies | None,
        leverage: int,
    ) -> None:
        self.words: list[GateWord] = []
        self._symbols = symbols
        self._capitals = dict(sorted(capitals.items()))
        self._leverage = leverage
        self._memory = LimitState()
        self._marked: dict[str, Decimal] = {}
        self._now: Instant = 0
        self._coming: dict[tuple[str, str], Decimal] = {}
        waived = any(each.columns.brackets is None for each in symbols.values())
        if policies is not None and waived:
            account = replace(policies.account, liquidation_distance_min=ZERO, stop_buffer=ZERO)
            policies = replace(policies, account=account)
        self._policies = policies

    def mark(self, now: Instant) -> None:
        """A round begins: what every book is worth now. A book that is worth what it was is marked once a day."""
        self._now, self._coming = now, {}
        worth = dict.fromkeys(self._capitals, ZERO)
        for each in self._symbols.values():
            price = each.marked_at
            for strategy_id in each.strategy_ids:
                book = each.books.books[strategy_id]
                worth[strategy_id] += book.wallet if price is None else book.equity(price)
        worth[ACCOUNT] = sum(worth.values(), start=sum(map(_in_quarantine, self._symbols.values()), start=ZERO))
        for whose, equity in worth.items():
            if self._marked.get(whose) != equity or self._memory.of(whose).day != now // DAY_MS:
                self._memory = remembered(self._memory, EquityMarked(whose, equity, now))
        self._marked = worth

    def of_strategy(self, each: JointSymbol, strategy_id: str, order: Order, now: Instant) -> Decimal:
        """What the strategy's own limits, and the account's as they stand, let through of its want."""
        if self._policies is None:
            return order.quantity
        verdict = self._verdict(each, strategy_id, order, order.stop_loss, now, whom={strategy_id})
        self._told(verdict, strategy_id, each.symbol, now)
        if verdict.quantity:
            self.went_out(strategy_id, order, now)
        return verdict.quantity

    def of_account(
        self, each: JointSymbol, order: Order, stop: Decimal | None, now: Instant, *, whom: Collection[str]
    ) -> Decimal:
        """What the account's limits let through of an order made of several wants. stop: the farthest of theirs.

        whom: whose wants they are.
        """
        if self._policies is None or order.effect is Effect.REDUCE:
            return order.quantity
        verdict = self._verdict(each, ACCOUNT, order, stop, now, whom=whom)
        self._told(verdict, ACCOUNT, each.symbol, now)
        return verdict.quantity

    def went_out(self, whose: str, order: Order, now: Instant) -> None:
        self._memory = remembered(self._memory, OrderWentOut(whose, now))
        if order.effect is Effect.INCREASE:
            key = (whose, order.symbol)
            self._coming[key] = self._coming.get(key, ZERO) + order.side.sign * order.quantity

    def distances(self, now: Instant) -> tuple[Measured, ...]:
        """How far every book is from every limit now; empty without staged limits."""
        if self._policies is None:
            return ()
        self.mark(now)
        books = [self._facts(each) for each in self._capitals]
        return distances(self._facts(ACCOUNT), books, self._memory, self._policies, now)

    def blocked(self, word: GateWord) -> None:
        self.words.append(word)

    def _verdict(
        self, each: JointSymbol, whose: str, order: Order, stop: Decimal | None, now: Instant, *, whom: Collection[str]
    ) -> Verdict:
        assert self._policies is not None
        facts = OrderFacts(
            instrument=each.instrument,
            strategy_id=whose,
            side=order.side,
            quantity=order.quantity,
            effect=order.effect,
            price=order.price,
            stop_loss=stop,
            last_price=each.closed_at_price,
            price_known_at=now,
        )
        account = self._facts(ACCOUNT, whom)
        own = account if whose == ACCOUNT else self._facts(whose)
        return staged(facts, account, own, state=self._memory, policy=self._policies, now=now)

    def _facts(self, whose: str, whom: Collection[str] = ()) -> BookFacts:
        positions = tuple(
            self._position(each, whose, whom)
            for each in self._symbols.values()
            if whose == ACCOUNT or whose in each.books.books
        )
        equity = self._marked[whose]
        capital = equity if whose == ACCOUNT else self._capitals[whose]
        return BookFacts(whose=whose, capital=capital, equity=equity, positions=positions)

    def _position(self, each: JointSymbol, whose: str, whom: Collection[str]) -> PositionFacts:
        book = each.venue.book if whose == ACCOUNT else each.books.books[whose]
        coming = self._coming.get((whose, each.symbol), ZERO)
        price = each.closed_at_price
        side = Side.BUY if book.position > ZERO else Side.SELL
        brackets, margin = each.columns.brackets, None
        if whose == ACCOUNT and brackets is not None:
            backing = Backing(mode=MarginMode.ISOLATED, wallet=book.margin)
            margin = MarginFacts(basis=book.basis, backing=backing, leverage=self._leverage, brackets=brackets)
        return PositionFacts(
            symbol=each.symbol,
            position=book.position,
            pending_buy=max(ZERO, coming),
            pending_sell=max(ZERO, -coming),
            price=price,
            price_known_at=None if price is None else self._now,
            stop=each.own_stop(whose, side),
            margin=margin,
            others_stop=None if margin is None else each.own_stop(whose, side, but=whom),
        )

    def _told(self, verdict: Verdict, whose: str, symbol: str, now: Instant) -> None:
        if verdict.word is not StageWord.PASS:
            self.words.append(
                GateWord(
                    at=now,
                    strategy_id=whose,
                    symbol=symbol,
                    stage=verdict.word,
                    codes=verdict.codes,
                    asked=verdict.asked,
                    allowed=verdict.quantity,
                    reason="; ".join(verdict.reasons),
                    limits=tuple(dict.fromkeys(_word(each, verdict.asked) for each in verdict.said)),
                )
            )


def _in_quarantine(each: JointSymbol) -> Decimal:
    """What nobody asked for is the account's gain or loss all the same."""
    book, price = each.books.books[QUARANTINE], each.marked_at
    return book.wallet if price is None else book.equity(price)


def _word(said: LimitSays, asked: Decimal) -> LimitWord:
    match said.stage:
        case Block():
            allowed = ZERO
        case Reduce(quantity=quantity):
            allowed = quantity
        case _:
            allowed = asked
    return LimitWord(limit=said.limit.limit.name, whose=said.limit.whose, stage=word_of(said.stage), allowed=allowed)
