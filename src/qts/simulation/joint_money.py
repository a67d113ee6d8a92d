"""The money of an account that several strategies share: one wallet for the account, and one for each strategy.

At the venue all symbols use one wallet (``account``); inside, all of a strategy's
books use the strategy's own, so that what it does not use on one symbol it may
use on another, and never what is somebody else's. Its ledgers begin with even
shares of its capital, which add up to it exactly; the share only says where a
table by symbol begins.

Whose money is where is kept as capital (risk/capital.py), one pool per strategy,
driven by what happens to its orders and books: an order that opens reserves its
margin and costs, or is refused; a fill turns what is reserved into invested, a
close returns it, an end releases it; what is realised, fees and funding are
earned. Invested are the margins of the strategy's books, where they are above 0.
A position that an order of the same round closes first pays for what is opened
after it: only the difference is reserved. Capital that is transferred goes
from one strategy's pool and wallet to another's; the ledgers stay what they were.
After every posting and every transfer a pool's total is its strategy's wallet,
exactly. What nobody asked for belongs to the world's pool.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

from qts.domain.allocation import Share, pro_rata
from qts.domain.book import Book
from qts.domain.instant import Instant
from qts.domain.money import MONEY_GRID, ZERO, on_money_grid
from qts.domain.order import Order
from qts.domain.purse import Purse
from qts.domain.refusal import RefusalCode
from qts.domain.virtual_books import QUARANTINE, Posting
from qts.risk.capital import Capital, ChangeRefused, Pool, changed
from qts.risk.capital_changes import (
    ALLOWS,
    Change,
    Deposited,
    Earned,
    Filled,
    PoolKey,
    PoolOpened,
    PoolState,
    Released,
    Reserved,
    Returned,
    StateSet,
    Transfer,
    stricter,
)
from qts.risk.sizing import cost_to_open
from qts.simulation.joint_coming import Coming, OnTheirWay, OrderKey
from qts.simulation.joint_terms import JointTerms, Member

_REFUSALS: Final = {PoolState.PAUSED: RefusalCode.POOL_PAUSED, PoolState.LOCKED: RefusalCode.POOL_LOCKED}


class JointMoney:
    """account: the wallet at the venue. purses: by strategy id, with one for what nobody here asked for.

    capital: as it is now; changes: what led to it, with the instant of each. coming: orders on their way.
    now: told by ``clock``, ms UTC.
    """

    def __init__(self, members: Mapping[str, Member], terms: JointTerms, clock: Callable[[], Instant]) -> None:
        self.account = Purse()
        self.purses = {each: Purse() for each in (*members, QUARANTINE)}
        self.coming = OnTheirWay(self.purses)
        self.capital = Capital()
        self.changes: list[tuple[Instant, Change]] = []
        self._clock = clock
        self._leverage = terms.frictions.leverage
        self._cost_rate = terms.frictions.expected_cost_rate()
        self._shares = {each.strategy_id: even_shares(each.capital, each.symbols) for each in members.values()}
        self._suspended: dict[str, PoolState] = {}  # and what their pools were before
        self._invested: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        world = PoolKey(terms.world)
        self._keys = {each: PoolKey(terms.world, each) for each in members} | {QUARANTINE: world}
        self._happened(PoolOpened(world))
        for member in members.values():
            key = self._keys[member.strategy_id]
            self._happened(PoolOpened(key))
            self._happened(Deposited(key, on_money_grid(member.capital)))
            if member.pool is not PoolState.ACTIVE:
                self.set_state(member.strategy_id, member.pool, "the account file", "as the account begins")

    def capitals_on(self, symbol: str) -> dict[str, Decimal]:
        """With how much the ledgers of the symbol begin, quote, by strategy id."""
        return {each: shares[symbol] for each, shares in self._shares.items() if symbol in shares}

    def pool(self, strategy_id: str) -> Pool:
        return self.capital.pools[self._keys[strategy_id]]

    def may_open(self, strategy_id: str) -> bool:
        return self.pool(strategy_id).state is PoolState.ACTIVE

    def set_state(self, strategy_id: str, state: PoolState, by: str, reason: str) -> None:
        """From now on the strategy's pool is in this state."""
        self._happened(StateSet(self._keys[strategy_id], state, by, reason))

    def suspend(self, strategy_id: str, by: str, reason: str) -> None:
        """Nothing more is opened with the strategy's pool, until it is resumed."""
        state = self.pool(strategy_id).state
        self._suspended.setdefault(strategy_id, state)
        self.set_state(strategy_id, stricter(state, PoolState.PAUSED), by, reason)

    def resume(self, strategy_id: str, by: str, reason: str) -> None:
        """The pool is in the state it was in before it was suspended."""
        self.set_state(strategy_id, self._suspended.pop(strategy_id), by, reason)

    def transfer_objection(self, source: str, target: str, amount: Decimal) -> str | None:
        """Why so much, quote, cannot go from one strategy's pool to another's, both numbers in words; None: it can."""
        after = changed(self.capital, self._transfer(source, target, amount))
        return after.sentence if isinstance(after, ChangeRefused) else None

    def transfer(self, source: str, target: str, amount: Decimal) -> None:
        """It goes, out of the one's pool and wallet into the other's; nothing speaks against it."""
        self._happened(self._transfer(source, target, amount))
        for strategy_id, moved in ((source, -amount), (target, amount)):
            self.purses[strategy_id].move_capital(moved)
            self._compare(strategy_id)

    def _transfer(self, source: str, target: str, amount: Decimal) -> Transfer:
        return Transfer(self._keys[source], self._keys[target], amount)

    # -- orders ---------------------------------------------------------------------------

    def refusal(
        self, strategy_id: str, order: Order, quantity: Decimal, price: Decimal, *, freed: Decimal
    ) -> tuple[RefusalCode, str] | None:
        """Reserve what the order may cost, and count it as coming; or why it may not go out, both numbers in words.

        quantity: of it that goes out. price: the last one. freed: what a position that is closed first leaves free,
        quote; below 0 where it leaves a debt.
        """
        pool = self._keys[strategy_id]
        state = self.capital.state_of(pool)
        if Reserved not in ALLOWS[state]:
            return _REFUSALS[state], f"the capital of {pool} is {state.value}: nothing new is opened"
        amount = (self.costs(order, quantity, price) - freed).quantize(MONEY_GRID, ROUND_CEILING)
        if amount > ZERO:
            no = self._asked(Reserved(pool, order.order_id, amount))
            if no is not None:
                return RefusalCode.MARGIN_INSUFFICIENT, no.sentence
        self.coming.begin((strategy_id, order.order_id), Coming(order, quantity, price))
        return None

    def costs(self, order: Order, quantity: Decimal, price: Decimal) -> Decimal:
        """What opening so much of the order takes of the free money, quote. price: the last one."""
        entry = price if order.price is None else order.price
        return cost_to_open(quantity, entry, self._leverage, self._cost_rate)

    def exit(self, strategy_id: str, order: Order, quantity: Decimal, price: Decimal) -> None:
        """The order takes so much of the strategy's own book down: no money is needed, no state of a pool stops it."""
        self.coming.begin((strategy_id, order.order_id), Coming(order, quantity, price))

    def sent(self, order_id: str, shares: Iterable[Share]) -> None:
        """The account's order is on its way for these."""
        for share in shares:
            coming = self.coming.find(share.key)
            if coming is not None:
                coming.sent_as(order_id)

    def only(self, going: Mapping[OrderKey, Decimal], decided: Iterable[OrderKey]) -> None:
        """Of what was decided in this round so much is on its way or about to be crossed; the rest was withheld."""
        for key in decided:
            coming = self.coming.find(key)
            if coming is not None:
                self._less(key, coming, coming.left - going.get(key, ZERO))
                if key not in going and not coming.sleeps:
                    self.coming.drop(key)

    def less(self, key: OrderKey, quantity: Decimal) -> None:
        """So much of an order that was decided is not wanted after all."""
        coming = self.coming.find(key)
        if coming is not None:
            self._less(key, coming, quantity)

    def forget_asleep(self, key: OrderKey) -> Decimal:
        """What sleeps of an order that takes time goes with what is due of it, which was withheld; how much sleeps."""
        coming = self.coming.find(key)
        asleep = ZERO if coming is None or not coming.is_slow else coming.asleep
        if coming is not None and asleep:
            self._less(key, coming, coming.wanted)
        return asleep

    def end(self, living: Collection[str], crossing: Collection[OrderKey]) -> None:
        """What is neither among the account's living orders nor about to be crossed has ended, and is released."""
        for key in self.coming.ended(living, crossing):
            released = self.pool(key[0]).held_by(key[1])
            self.coming.drop(key)
            if released:
                self._happened(Released(self._keys[key[0]], key[1], released))

    def _less(self, key: OrderKey, coming: Coming, quantity: Decimal) -> None:
        if quantity > ZERO:
            released = self._taken(key, coming, quantity)
            if released:
                self._happened(Released(self._keys[key[0]], key[1], released))

    def _taken(self, key: OrderKey, coming: Coming, quantity: Decimal) -> Decimal:
        """So much less is on its way; what of the order's reservation that was, quote."""
        held = self.pool(key[0]).held_by(key[1])
        if quantity >= coming.wanted:
            self.coming.drop(key)
            return held
        part = on_money_grid(held * quantity / coming.wanted) if coming.left else ZERO
        coming.less(min(quantity, coming.left))
        return part

    # -- books ----------------------------------------------------------------------------

    def posted(self, symbol: str, books: Mapping[str, Book], postings: Iterable[Posting]) -> None:
        """What strategies had of a posting, after it. Raises AssertionError when a pool is not its wallet."""
        of: dict[str, list[Posting]] = {}
        for each in postings:
            of.setdefault(each.strategy_id, []).append(each)
        for strategy_id, own in of.items():
            pool = self._keys[strategy_id]
            self._moved(pool, (strategy_id, symbol), books[strategy_id], own)
            for each in own:
                earned = each.realized_pnl - each.fee - each.funding - each.liquidation_fee + each.insurance
                if earned:
                    self._happened(Earned(pool, earned))
            self._compare(strategy_id)

    def _compare(self, strategy_id: str) -> None:
        pool, purse = self.pool(strategy_id), self.purses[strategy_id]
        if pool.total != purse.wallet:
            raise AssertionError(f"the pool of {strategy_id} holds {pool.total}, its books {purse.wallet}")

    def _moved(self, pool: PoolKey, where: tuple[str, str], book: Book, own: Iterable[Posting]) -> None:
        """From reserved to invested and back: the margin as it was, and as the posting left it."""
        position, invested = self._invested.get(where, (ZERO, ZERO))
        margin = max(book.margin, ZERO)
        self._invested[where] = (book.position, margin)
        if position * book.position <= ZERO and invested:  # it was closed, whatever came after
            self._happened(Returned(pool, invested))
            invested = ZERO
        elif margin < invested:
            self._happened(Returned(pool, invested - margin))
            invested = margin
        left = margin - invested
        for each in reversed(list(own)):  # what closes comes before what opens
            coming = self.coming.find((where[0], each.order_id))
            released = ZERO
            if coming is not None:
                coming.has_filled = True
                released = self._taken((where[0], each.order_id), coming, abs(each.quantity))
            if released or left:
                self._happened(Filled(pool, each.order_id, released, left))
                left = ZERO

    def check(self) -> None:
        """Raises AssertionError unless a pool is its strategy's wallet, and invested what its books have set aside."""
        self.capital.check()
        self.account.check()
        for strategy_id, purse in self.purses.items():
            purse.check()
            pool = self.pool(strategy_id)
            invested = sum((each for (whose, _), (_, each) in self._invested.items() if whose == strategy_id), ZERO)
            if (pool.total, pool.invested) != (purse.wallet, invested):
                raise AssertionError(f"the pool of {strategy_id} is {pool}, its books hold {purse.wallet}")

    def _happened(self, change: Change) -> None:
        no = self._asked(change)
        if no is not None:
            raise AssertionError(f"a change that happened is refused ({no.sentence}): {change}")

    def _asked(self, change: Change) -> ChangeRefused | None:
        after = changed(self.capital, change)
        if isinstance(after, ChangeRefused):
            return after
        self.capital = after
        self.changes.append((self._clock(), change))
        return None


def even_shares(amount: Decimal, symbols: Sequence[str]) -> dict[str, Decimal]:
    """An amount of 0 or more, quote, on the money grid, shared evenly among symbols; adds up to it exactly."""
    even = [Decimal(1)] * len(symbols)
    return dict(zip(symbols, pro_rata(on_money_grid(amount), even, MONEY_GRID), strict=True))
