"""What of a shared account's orders is withdrawn, and what is offered again because it went with it.

The machine knows the net position and not whose an order is. So here is asked of
each strategy's own book what a machine that a strategy has alone reads off its
position, and said to the machine (``Withdrawn``):

- a strategy that closes at market gives up its entries that are at market or have filled in part;
- a newer exit takes the place of its exits that rest or take time, where its position has no room for both;
- an exit goes, at once, with the position it is for; where a part of that is left, so much of it is offered again, and
  more once the position has grown.

An order of the account may be for several, and the net may end an order though
the strategy's position stands (it went flat, or somebody's exit needed the room).
What the others, or that strategy, still want of it is a want again at the same
close, with its id, reservation, pair, life and what is left of its time. It is offered when no order
that could still fill for it is left, so nothing fills twice. A trigger that was touched by then is at market.

What is at market and would trade against what is about to be sent is offered again with it, to meet it inside. What
takes time is never at the venue whole: what is due of it is offered at each close, beside what did not fill yet.

What somebody loses otherwise than by its own word is told in ``withheld``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Order, OrderType, Side
from qts.domain.virtual_books import PostingKind
from qts.execution.client_ids import first_id
from qts.execution.contracts import LIFE_ENDED, MAKES_ROOM, NOTHING_TO_REDUCE, POSITION_CLOSES, ExecutionResult
from qts.execution.events import Withdrawn
from qts.simulation.account_line import AccountLine
from qts.simulation.joint_coming import Coming, OrderKey, is_touched, newest_first, was_over
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_result import Withheld
from qts.simulation.joint_slow import SlowOrders
from qts.simulation.joint_symbol import JointSymbol
from qts.strategy.arbitration import Want

NET_TAKEN: Final = "the account's stop, target or liquidation took the net out, and entries that waited on its side"
STOPPED: Final = "its strategy may open nothing any more"
POSITION_GONE: Final = "the position that it was to close has gone"
_GAVE_UP: Final = "its strategy gave it up"
_SPLIT: Final = "a part of the same order has to be offered again"
_BY_THE_NET: Final = frozenset({MAKES_ROOM, NOTHING_TO_REDUCE})
_TAKES_THE_NET: Final = frozenset(
    {PostingKind.STOP_LOSS, PostingKind.TAKE_PROFIT, PostingKind.LIQUIDATION, PostingKind.ADL}
)
_TOLD: Final = frozenset({"", LIFE_ENDED, _GAVE_UP, _SPLIT, POSITION_GONE})
"""Ends of an order of the account that lose nobody anything, or that were told as they were brought about."""


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
        self._present: Collection[str] = frozenset()  # symbols whose bar has just closed
        self.slow = SlowOrders(symbols, money, line, self._tell_lost)
        self._results = 0  # how many ends of executions have been looked at
        self._postings = dict.fromkeys(symbols, 0)  # and how many postings

    @property
    def kept(self) -> Mapping[OrderKey, Coming]:
        """What is on its way although no order of the account is."""
        return {key: each for key, each in self.slow.kept.items() if not each.is_given_up} | self._again

    # -- what a strategy's own words give up ------------------------------------------------

    def closes(self, strategy_id: str, symbol: str, side: Side) -> None:
        """The strategy closes its position at market, whole: entries that build it go with it. side: of the exit."""
        for key, coming in self._money.coming.of(strategy_id, symbol):
            is_building = not coming.closes and coming.side is side.opposite
            if is_building and self._is_older(coming) and (coming.at_market or coming.has_filled):
                self._given_up[key] = coming

    def exits(self, strategy_id: str, order: Order, quantity: Decimal, position: Decimal, *, is_quick: bool) -> None:
        """So much of the exit goes out: those that wait make room where there is none for all. position: signed.

        A limit goes; of one that takes time as much of what is not due stays as there is room for. is_quick: it is at
        market; so one that waits for a trigger is offered again for what is left for it then.
        """
        others = {key: coming for key, coming in self._money.coming.of(strategy_id, order.symbol) if coming.closes}
        room = position.copy_abs() - quantity - self._money.coming.leaving(strategy_id, order.symbol)
        limits = {key: coming for key, coming in others.items() if coming.is_limit}
        asleep = sum((each.asleep for each in others.values() if each.is_slow), start=ZERO)
        if asleep + sum((each.left for each in limits.values()), start=ZERO) > room:
            self._given_up.update(limits)
            self.slow.make_room(strategy_id, order, room)
        if is_quick:
            cut = (key for key, each in others.items() if each.trigger is not None and each.left > room > ZERO)
            self._again.update((key, others[key]) for key in cut if self._is_older(others[key]))

    # -- what happened ------------------------------------------------------------------------

    def posted(self, each: JointSymbol) -> None:
        """Books of the symbol have changed: an exit that is more than is held is withdrawn before it can fill."""
        seen, self._postings[each.symbol] = self._postings[each.symbol], len(each.postings)
        traded: dict[str, list[Decimal]] = {}
        for _, posting in each.postings[seen:]:
            if posting.quantity:
                traded.setdefault(posting.strategy_id, []).append(posting.quantity)
            if posting.kind in _TAKES_THE_NET:
                self.slow.net_taken(each.symbol, Side.SELL if posting.quantity > ZERO else Side.BUY, NET_TAKEN)
        gone: dict[OrderKey, Coming] = {}
        for strategy_id, quantities in traded.items():
            went = was_over(each.books.books[strategy_id].position, quantities)
            for key, coming in self._money.coming.of(strategy_id, each.symbol):
                if coming.closes and (key in self.kept or (coming.parents and not coming.is_given_up)):
                    held = ZERO if went else self._held(key, coming)
                    if self._is_cut(key, coming, held):
                        gone[key] = coming
        if gone:
            self._withdraw(gone, POSITION_GONE)

    def _is_cut(self, key: OrderKey, coming: Coming, held: Decimal) -> bool:
        """Whether an exit is more than is held now, of which what is left is offered again."""
        is_cut = coming.left > held
        if not held:
            self._again.pop(key, None)
            if coming.is_slow and coming.asleep:
                self._tell_lost(key, coming, coming.asleep, POSITION_GONE)
            coming.give_up()  # what of it is asleep never wakes: another position is not its own
        elif coming.is_slow:
            lost = coming.sleep_less(max(ZERO, coming.wanted - held))
            if lost:
                self._tell_lost(key, coming, lost, POSITION_GONE)
            if is_cut:
                self._again[key] = coming
        elif is_cut or (coming.sleeps and self._to_wait_for(key, coming) > coming.left):
            self._again[key] = coming  # or its position has grown
        if is_cut and (coming.at_market or not held):
            self._tell_lost(key, coming, (coming.left if coming.is_slow else coming.wanted) - held, POSITION_GONE)
        return is_cut

    def look(self) -> bool:
        """See which orders the net ended since the last time; whether there is anything to be offered again."""
        results = self._line.controller.results
        for result in results[self._results :]:
            if result.reason in _BY_THE_NET:
                self._again.update((key, coming) for key, coming, _ in self._still_wanted(result))
            elif result.reason not in _TOLD and not result.rest_wanted:
                why = NET_TAKEN if result.reason == POSITION_CLOSES else result.reason
                for key, coming, part in self._still_wanted(result):
                    self._tell_lost(key, coming, part, why)
                    self._money.less(key, part)  # what else there is of it goes on
        self._results = len(results)
        return bool(self._again)

    def wake(self, now: Instant, present: Collection[str]) -> None:
        """Bars of the symbols present have closed: triggers they touched wait no more, and what is due is offered."""
        self._present = present
        for symbol, each in self._symbols.items():
            if each.flattening:
                self.flattened(symbol)
        self._give_up_forbidden()
        self.see_touched()
        self._again.update(self.slow.due(now, present))

    def see_touched(self) -> None:
        """What a bar touched is at market by now; of what sleeps of it there may be a position for more."""
        for key, coming in self._money.coming.triggers():
            if coming.parents and self._is_touched(coming):
                if coming.sleeps:
                    self._again[key] = coming
                coming.touch()

    def flattened(self, symbol: str) -> None:
        """A word takes out what there is of the symbol: what waits beside the venue goes as what waits at it does."""
        why = f"{symbol} is being flattened"
        for key, coming in tuple(self._again.items()):
            if coming.symbol == symbol:
                self._tell_lost(key, coming, coming.wanted, why)
                coming.give_up()
                del self._again[key]
        self.slow.flattened(symbol, why)

    def _give_up_forbidden(self) -> None:
        """Entries go that may not be opened any more; the machine knows only those that open something of the net."""
        account, gone = self._line.controller.account, dict[OrderKey, Coming]()
        forbidden = {symbol: why for symbol in self._symbols if (why := account.why_no_increase(symbol, ""))}
        if not forbidden:
            return
        living = self._line.controller.decisions_on_the_way()
        for key, coming in self._money.coming.everybodys():
            is_entry = not (coming.closes or coming.is_given_up) and coming.symbol in forbidden
            if is_entry and any(order_id in living for order_id in coming.parents):
                self._tell_lost(key, coming, coming.wanted, forbidden[coming.symbol])
                self._again.pop(key, None)
                gone[key] = coming
        if gone:
            self._withdraw(gone, _GAVE_UP)

    def _still_wanted(self, result: ExecutionResult) -> Iterator[tuple[OrderKey, Coming, Decimal]]:
        """Whose order ended, and at most how much of it did."""
        order, left = result.decision.order, result.quantity - result.filled
        for share in self._symbols[order.symbol].shares_of(first_id(order.order_id)):
            coming = self._money.coming.find(share.key)
            if coming is not None and not coming.is_given_up and coming.left > ZERO:
                yield share.key, coming, min(left, share.quantity, coming.left)

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
                    if coming is not None and not coming.is_given_up and not coming.was_offered(now):
                        self._again[share.key] = coming
        return self._told_of_more_than(before)

    def rejoin(self, each: JointSymbol, wants: Iterable[Want], now: Instant) -> bool:
        """Whether exits, and entries beside them, that wait at the venue are offered again: no entry goes before."""
        before = len(self._again)
        for want in (one for one in wants if not one.closes):
            waiting = {
                key: coming
                for key, coming in self._money.coming.of(want.strategy_id, each.symbol)
                if coming.side is want.side and coming.at_market and coming.left > ZERO and coming.parents
                if not (coming.is_given_up or coming.was_offered(now))
            }
            if any(coming.closes for coming in waiting.values()):
                self._again.update(waiting)
        return self._told_of_more_than(before)

    def meet(self, each: JointSymbol, at_market: Decimal, now: Instant) -> bool:
        """Whether orders at market are to be offered again: they would trade against what is about to be traded.

        at_market: that, signed.
        """
        before = len(self._again)
        for order, left, filled in self._line.controller.working(each.symbol):
            fills_next = order.type is OrderType.MARKET or (order.type is OrderType.STOP and filled > ZERO)
            if not fills_next or not left or order.side.sign * at_market >= ZERO:
                continue
            for share in each.shares_of(first_id(order.order_id)):
                coming = self._money.coming.find(share.key)
                if coming is not None and not coming.is_given_up and not coming.was_offered(now):
                    self._again[share.key] = coming
        return self._told_of_more_than(before)

    def _told_of_more_than(self, before: int) -> bool:
        """Whether more is to be offered again than there was; the machine is told of it then."""
        is_more = len(self._again) > before
        if is_more:
            self.tell()
        return is_more

    # -- telling the machine --------------------------------------------------------------------

    def tell(self) -> None:
        """Withdraw what was given up in this round, and what else there is of what is to be offered again."""
        given_up, self._given_up = self._given_up, {}
        if given_up:
            for key in given_up:
                self._again.pop(key, None)
            self._withdraw(given_up, _GAVE_UP)
        split = [key for key, coming in self._again.items() if not coming.was_offered(self._line.now)]
        if split:
            self._withdraw({}, _SPLIT, split)

    def _withdraw(self, gone: Mapping[OrderKey, Coming], why: str, split: Iterable[OrderKey] = ()) -> None:
        """Withdraw whole orders of the account; who shares one and has not given it up is to be offered it again."""
        for given_up in gone.values():
            given_up.give_up()
        living = self._line.controller.decisions_on_the_way()
        orders: dict[str, None] = {}
        found = dict.fromkeys((*gone, *split))
        reached = list(found)
        while reached:
            key = reached.pop()
            coming = self._money.coming.find(key)
            if coming is None:
                continue
            if not coming.is_given_up:
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

    def wait(self, key: OrderKey, coming: Coming) -> None:
        """It, or what of it is asleep, is to be offered again at the next close."""
        self._again[key] = coming

    def postpone(self, key: OrderKey, quantity: Decimal, now: Instant) -> bool:
        """So much of an exit was refused: it is offered again at the next close. Whether it is still wanted."""
        coming = self._money.coming.find(key)
        if coming is None or coming.is_given_up:
            return False
        coming.postpone(quantity, now)
        (self.slow.kept if coming.is_slow else self._again)[key] = coming
        return True

    def offers(self, now: Instant, where: str = "") -> Iterator[tuple[str, Want]]:
        """Symbol and want of what is offered again: once at a close, and when no order may still fill for it.

        where: of one symbol only.
        """
        living = self._line.controller.decisions_on_the_way()
        again, self._again = self._again, {}
        room: dict[tuple[str, str, Side], Decimal] = {}  # what exits at market that are offered again may still close
        for key, coming in sorted(again.items(), key=newest_first):
            elsewhere = coming.symbol not in self._present or (bool(where) and coming.symbol != where)
            if elsewhere or coming.was_offered(now) or any(order_id in living for order_id in coming.parents):
                self._again[key] = coming
                continue
            if self._is_touched(coming):
                coming.touch()
            if not coming.closes and not self._money.may_open(key[0]):
                self._tell_lost(key, coming, coming.wanted, STOPPED)
                coming.give_up()
            elif self._money.coming.find(key) is coming and not coming.is_over(now):
                quantity = self._wanted_now(key, coming, now)
                if coming.closes and coming.at_market:
                    whose = (key[0], coming.symbol, coming.side)
                    held = room[whose] if whose in room else self._held_beside(key, coming, again)
                    quantity = max(ZERO, min(quantity, held))
                    room[whose] = held - quantity
                want = self._offered(key, coming, quantity, now)
                if want is not None:
                    yield coming.symbol, want

    def _wanted_now(self, key: OrderKey, coming: Coming, now: Instant) -> Decimal:
        """How much of it is a want at this close, were it the only exit."""
        if coming.is_slow:
            return coming.due(now)
        if coming.at_market:
            return coming.wanted
        return min(coming.wanted, self._to_wait_for(key, coming)) if coming.closes else coming.wanted

    def _offered(self, key: OrderKey, coming: Coming, quantity: Decimal, now: Instant) -> Want | None:
        """It as a want, over so much; None where that is nothing, and then it waits for a later close or is over."""
        if coming.is_slow and coming.wanted > quantity:
            self.slow.kept[key] = coming
        if quantity:
            return coming.offered(now, quantity)
        if coming.is_slow:
            coming.wake(ZERO)
        elif coming.at_market:
            coming.sleep(coming.left)  # others close all that is held
        elif coming.closes and self._held(key, coming):
            self._again[key] = coming  # all of it goes out next, as far as the market lets it
        return None

    def _is_touched(self, coming: Coming) -> bool:
        each = self._symbols[coming.symbol]
        return is_touched(coming, each.columns.bars, each.row)

    def _is_older(self, coming: Coming) -> bool:
        """Whether it was decided at an earlier close than the present one."""
        return coming.begun_at < self._line.now

    def _held(self, key: OrderKey, coming: Coming) -> Decimal:
        """What the strategy holds that the order's side would close, base units."""
        return self._symbols[coming.symbol].books.books[key[0]].opposing(coming.side)

    def _to_wait_for(self, key: OrderKey, coming: Coming) -> Decimal:
        """What of it does not go out next already."""
        return max(ZERO, self._held(key, coming) - self._money.coming.leaving(key[0], coming.symbol))

    def _held_beside(self, key: OrderKey, coming: Coming, again: Mapping[OrderKey, Coming]) -> Decimal:
        """What of it no other exit at market closes that goes on meanwhile; again: what does not go on."""
        others = (
            each.left
            for other, each in self._money.coming.of(key[0], coming.symbol)
            if each.closes and each.at_market and not each.is_given_up and other not in again
        )
        return self._held(key, coming) - sum(others, start=ZERO)

    def _tell_lost(self, key: OrderKey, coming: Coming, quantity: Decimal, reason: str) -> None:
        self._withheld.append(
            Withheld(at=self._line.now, strategy_id=key[0], symbol=coming.symbol, quantity=quantity, reason=reason)
        )
