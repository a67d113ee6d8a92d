"""What of a shared account's orders is withdrawn, and what is offered again because it went with it.

The machine knows the net position and not whose an order is. So here is asked of
each strategy's own book what a machine that a strategy has alone reads off its
position, and said to the machine (``Withdrawn``):

- a strategy that closes at market gives up its entries that are at market or have filled in part;
- a newer exit takes the place of its exits that rest or take time, where its position has no room for both;
- an exit goes, at once, with the position it is for; where a part of that is left, so much of it is offered again.

An order of the account may be for several, and the net may end an order though
the strategy's position stands (it went flat, or somebody's exit needed the room).
What the others, or that strategy, still want of it is a want again at the same
close, with its id, reservation, pair, life and what is left of its time. It is offered when no order
that could still fill for it is left, so nothing fills twice.

What somebody loses otherwise than by its own word is told in ``withheld``.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from qts.domain.instant import Duration, Instant
from qts.domain.money import ZERO
from qts.domain.order import Order, OrderType, Side
from qts.execution.client_ids import first_id
from qts.execution.contracts import MAKES_ROOM, NOTHING_TO_REDUCE, POSITION_CLOSES, ExecutionResult
from qts.execution.events import Withdrawn
from qts.simulation.account_line import AccountLine
from qts.simulation.joint_coming import Coming, OrderKey
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_result import Withheld
from qts.simulation.joint_symbol import JointSymbol
from qts.strategy.arbitration import Want

NET_TAKEN: Final = "the account's stop, target or liquidation took the net out, and entries that waited on its side"
POSITION_GONE: Final = "the position that it was to close has gone"
_GAVE_UP: Final = "its strategy gave it up"
_SPLIT: Final = "a part of the same order has to be offered again"
_BY_THE_NET: Final = frozenset({MAKES_ROOM, NOTHING_TO_REDUCE})


class JointWithdrawing:
    """withheld: is told what somebody lost otherwise than by its own word."""

    def __init__(
        self, symbols: Mapping[str, JointSymbol], money: JointMoney, line: AccountLine, withheld: list[Withheld]
    ) -> None:
        self._symbols = symbols
        self._money = money
        self._line = line
        self._withheld = withheld
        self._given_up: dict[OrderKey, Coming] = {}  # by its strategy's words of this round, and not yet told
        self._again: dict[OrderKey, Coming] = {}  # to be offered again
        self._results = 0  # how many ends of executions have been looked at
        self._postings = dict.fromkeys(symbols, 0)  # and how many postings

    @property
    def kept(self) -> Mapping[OrderKey, Coming]:
        """What is on its way although no order of the account is."""
        return self._again

    # -- what a strategy's own words give up ------------------------------------------------

    def closes(self, strategy_id: str, symbol: str, side: Side) -> None:
        """The strategy closes its position at market, whole: entries that build it go with it. side: of the exit."""
        for key, coming in self._money.coming.of(strategy_id, symbol):
            is_building = not coming.closes and coming.side is side.opposite
            if is_building and coming.parents and (coming.at_market or coming.has_filled):
                self._given_up[key] = coming

    def exits(self, strategy_id: str, order: Order, quantity: Decimal, position: Decimal) -> None:
        """So much of the exit goes out: those that wait make room where there is none for all. position: signed.

        One that rests goes; of one that takes time what there is room for is offered again.
        """
        waiting = {
            key: coming
            for key, coming in self._money.coming.of(strategy_id, order.symbol)
            if coming.closes and coming.parents and coming.want is not None
            if coming.takes_time or coming.want.type is OrderType.LIMIT
        }
        if waiting and sum((each.left for each in waiting.values()), start=quantity) > position.copy_abs():
            for key, coming in waiting.items():
                (self._again if coming.takes_time else self._given_up)[key] = coming

    # -- what happened ------------------------------------------------------------------------

    def posted(self, each: JointSymbol) -> None:
        """Books of the symbol have changed: an exit that is more than is held is withdrawn before it can fill."""
        seen, self._postings[each.symbol] = self._postings[each.symbol], len(each.postings)
        gone: dict[OrderKey, Coming] = {}
        for strategy_id in {posting.strategy_id for _, posting in each.postings[seen:] if posting.quantity}:
            for key, coming in self._money.coming.of(strategy_id, each.symbol):
                too_much = coming.left - self._held(key, coming)
                if coming.closes and coming.parents and not coming.withdrawn and too_much > ZERO:
                    gone[key] = coming
                    self._tell_lost(key, coming, too_much, POSITION_GONE)
        if gone:
            self._withdraw(gone, POSITION_GONE)
            self._again.update((key, coming) for key, coming in gone.items() if self._held(key, coming))

    def look(self) -> bool:
        """See which orders the net ended since the last time; whether there is anything to be offered again."""
        results = self._line.controller.results
        for result in results[self._results :]:
            if result.reason in _BY_THE_NET:
                self._again.update(self._still_wanted(result))
            elif result.reason == POSITION_CLOSES:
                for key, coming in self._still_wanted(result):
                    self._tell_lost(key, coming, min(coming.left, result.quantity - result.filled), NET_TAKEN)
        self._results = len(results)
        return bool(self._again)

    def _still_wanted(self, result: ExecutionResult) -> Iterator[tuple[OrderKey, Coming]]:
        order = result.decision.order
        for share in self._symbols[order.symbol].shares_of(first_id(order.order_id)):
            coming = self._money.coming.find(share.key)
            if coming is not None and not coming.withdrawn and coming.left > ZERO:
                yield share.key, coming

    def fit(self, each: JointSymbol, net: Decimal, at_market: Decimal, now: Instant) -> bool:
        """Whether orders that rest and only reduce are to be offered again: the net will have too little for them.

        net: signed. at_market: what is about to be traded, signed.
        """
        before = len(self._again)
        for side in Side:
            room = max(ZERO, min(-side.sign * net, -side.sign * (net + at_market)))
            resting = each.reductions_at_rest(side)
            limits = (record.left for record in resting if record.order.type is OrderType.LIMIT)
            largest = max((record.left for record in resting), default=ZERO)  # of stops one may fill alone
            if max(sum(limits, start=ZERO), largest) <= room:
                continue
            for record in resting:
                for share in each.shares_of(first_id(record.order.parent_id)):
                    coming = self._money.coming.find(share.key)
                    if coming is not None and not coming.withdrawn and coming.offered_at != now:
                        self._again[share.key] = coming
        if len(self._again) == before:
            return False
        self.tell()
        return True

    # -- telling the machine --------------------------------------------------------------------

    def tell(self) -> None:
        """Withdraw what was given up in this round, and what else there is of what is to be offered again."""
        given_up, self._given_up = self._given_up, {}
        if given_up:
            self._withdraw(given_up, _GAVE_UP)
        if self._again:
            self._withdraw({}, _SPLIT, tuple(self._again))

    def _withdraw(self, gone: Mapping[OrderKey, Coming], why: str, split: Iterable[OrderKey] = ()) -> None:
        """Withdraw whole orders of the account; who shares one and has not given it up is to be offered it again."""
        for given_up in gone.values():
            given_up.withdrawn = True
        living = self._line.controller.decisions_on_the_way()
        orders: dict[str, None] = {}
        found = dict.fromkeys((*gone, *split))
        reached = list(found)
        while reached:
            key = reached.pop()
            coming = self._money.coming.find(key)
            if coming is None:
                continue
            if not coming.withdrawn:
                self._again[key] = coming
            for order_id in coming.parents:
                if order_id in living and order_id not in orders:
                    orders[order_id] = None
                    shares = self._symbols[coming.symbol].shares_of(order_id)
                    reached += [share.key for share in shares if share.key not in found]
                    found.update((share.key, None) for share in shares)
        if orders:
            self._line.tell(Withdrawn(tuple(orders), why))

    # -- offering again ---------------------------------------------------------------------------

    def offers(self, now: Instant) -> Iterator[tuple[str, Want]]:
        """Symbol and want of what is offered again: once at a close, and when no order may still fill for it."""
        living = self._line.controller.decisions_on_the_way()
        again, self._again = self._again, {}
        room: dict[tuple[str, str, Side], Decimal] = {}  # what exits at market that are offered again may still close
        for key, coming in sorted(again.items()):
            if coming.offered_at == now or any(order_id in living for order_id in coming.parents):
                self._again[key] = coming
                continue
            want = coming.want
            quantity = coming.left
            if coming.closes:
                whose = (key[0], coming.symbol, coming.side)
                held = room.get(whose) if coming.at_market else self._held(key, coming)
                held = self._held_beside(key, coming, again) if held is None else held
                quantity = max(ZERO, min(quantity, held))
                if coming.at_market:
                    room[whose] = held - quantity
            is_over = self._money.coming.find(key) is not coming or not quantity
            if want is None or is_over or (want.good_until is not None and want.good_until <= now):
                continue
            coming.withdrawn, coming.offered_at = False, now
            yield coming.symbol, replace(want, quantity=quantity, working=_time_left(want, now - coming.begun_at))

    def _held(self, key: OrderKey, coming: Coming) -> Decimal:
        """What the strategy holds that the order's side would close, base units."""
        return self._symbols[coming.symbol].books.books[key[0]].opposing(coming.side)

    def _held_beside(self, key: OrderKey, coming: Coming, again: Mapping[OrderKey, Coming]) -> Decimal:
        """What of it no other exit at market closes that goes on meanwhile; again: what does not go on."""
        others = (
            each.left
            for other, each in self._money.coming.of(key[0], coming.symbol)
            if each.closes and each.at_market and not each.withdrawn and other not in again
        )
        return self._held(key, coming) - sum(others, start=ZERO)

    def _tell_lost(self, key: OrderKey, coming: Coming, quantity: Decimal, reason: str) -> None:
        self._withheld.append(
            Withheld(at=self._line.now, strategy_id=key[0], symbol=coming.symbol, quantity=quantity, reason=reason)
        )


def _time_left(want: Want, passed: Duration) -> Hashable:
    """The way of working, over what is left of the time it was to take; ``JointDesk._as_want`` says what it is."""
    if not isinstance(want.working, tuple):
        return want.working
    algorithm, urgency, horizon_ms = want.working
    left = max(0, horizon_ms - passed)
    return want.working if left == horizon_ms else (algorithm if left else None, urgency, left)
