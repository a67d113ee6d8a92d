"""Orders of strategies that take time: the account's desk keeps their schedules, and offers at each close what is due.

The schedule is the one that the machine would have made of the order by itself.
What is not due yet sleeps: no order of the account is for it, nobody can fill it,
and it gives way at once. It goes where what waits at the venue would go: with the
net's stop, with a word that forbids to open, with the position it is to close.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Order, Side
from qts.execution.contracts import OrderDecision, SplitAlgorithm, SplitConfig, Urgency
from qts.execution.stages.order_split import SplitFacts, split
from qts.market.dataset import Dataset
from qts.simulation.account_line import AccountLine
from qts.simulation.joint_coming import Coming, OrderKey, Schedule
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_symbol import JointSymbol


def schedule_of(decision: OrderDecision, quantity: Decimal, dataset: Dataset) -> Schedule:
    """When how much of an order at market is due; () for all of it at once.

    A part of an iceberg waits for the fill of the one before, which is a bar later.
    """
    start, facts = decision.order.created_at, SplitFacts(dataset.instrument, decision.arrival_price)
    found = split(decision, quantity, facts, SplitConfig(), start)
    if len(found.slices) < 2:
        return ()
    if found.algorithm is SplitAlgorithm.ICEBERG:
        bar = dataset.bars.interval_ms
        return tuple((number * bar, each.quantity) for number, each in enumerate(found.slices))
    return tuple((each.send_at - start, each.quantity) for each in found.slices)


def ends_at(decision: OrderDecision) -> Instant:
    """When the last of the order is due at the latest."""
    horizon_ms = decision.horizon_ms
    return decision.order.created_at + (horizon_ms // 2 if decision.urgency is Urgency.URGENT else horizon_ms)


class SlowOrders:
    """tell_lost: of what somebody loses otherwise than by its own word."""

    def __init__(
        self,
        symbols: Mapping[str, JointSymbol],
        money: JointMoney,
        line: AccountLine,
        tell_lost: Callable[[OrderKey, Coming, Decimal, str], None],
    ) -> None:
        self._symbols = symbols
        self._money = money
        self._line = line
        self._tell_lost = tell_lost
        self.kept: dict[OrderKey, Coming] = {}

    def first(self, key: OrderKey, coming: Coming) -> Decimal:
        """What of it is due at the close at which it is decided, base units."""
        now = self._line.now
        if not self._is_behind(key, coming, now):
            coming.start(now)
        due = coming.due(now)
        coming.wake(due)
        self.kept[key] = coming
        return due

    def due(self, now: Instant, present: Collection[str]) -> Iterator[tuple[OrderKey, Coming]]:
        """Those of which more is due than is on its way. present: the symbols whose bar has just closed."""
        for key, coming in tuple(self.kept.items()):
            if self._money.coming.find(key) is not coming or coming.is_given_up or not coming.sleeps:
                del self.kept[key]
                continue
            why = self._why_not(coming)
            if why is not None:
                self._go(key, coming, why)
            elif coming.symbol in present:
                if not coming.has_started and not self._is_behind(key, coming, now):
                    coming.start(now)
                if coming.due(now) > coming.left:
                    yield key, coming

    def staying(self, strategy_id: str, order: Order, until: Instant) -> Decimal:
        """What is not due yet of the strategy's exits that are over by then, base units; they need no newer one."""
        return sum((each.asleep for each in self._exits(strategy_id, order) if each.ends_at <= until), start=ZERO)

    def make_room(self, strategy_id: str, order: Order, room: Decimal) -> None:
        """Of the strategy's exits so much may sleep, base units; what is due last goes first."""
        exits = sorted(self._exits(strategy_id, order), key=lambda each: -each.ends_at)
        too_much = sum((each.asleep for each in exits), start=ZERO) - max(ZERO, room)
        for coming in exits:
            too_much -= coming.sleep_less(max(ZERO, too_much))

    def net_taken(self, symbol: str, side: Side, why: str) -> None:
        """Entries on the side of the net that was taken go, as what is at the venue does."""
        for key, coming in self._on(symbol):
            if not coming.closes and coming.side is side:
                self._go(key, coming, why)

    def flattened(self, symbol: str, why: str) -> None:
        """Nothing more is wanted of the symbol."""
        for key, coming in self._on(symbol):
            self._go(key, coming, why)

    def _on(self, symbol: str) -> list[tuple[OrderKey, Coming]]:
        here = [(key, each) for key, each in self.kept.items() if each.symbol == symbol]
        return [(key, each) for key, each in here if self._money.coming.find(key) is each]

    def _exits(self, strategy_id: str, order: Order) -> list[Coming]:
        own = self._money.coming.of(strategy_id, order.symbol)
        return [each for _, each in own if each.closes and each.is_slow and not each.is_given_up]

    def _why_not(self, coming: Coming) -> str | None:
        """Why nothing more of it may go out."""
        if self._symbols[coming.symbol].flattening:
            return f"{coming.symbol} is being flattened"
        return None if coming.closes else self._line.controller.account.why_no_increase(coming.symbol, "")

    def _go(self, key: OrderKey, coming: Coming, why: str) -> None:
        """What of it sleeps is lost; of what is on its way the end of its order tells."""
        if coming.is_given_up or not coming.asleep:
            return
        self._tell_lost(key, coming, coming.sleep_less(coming.asleep), why)
        if not coming.left:
            coming.give_up()

    def _is_behind(self, key: OrderKey, coming: Coming, now: Instant) -> bool:
        """Whether it opens on the side of an exit of its strategy's of which some is not due yet: that comes first."""
        if coming.closes:
            return False
        own = (each for _, each in self._money.coming.of(key[0], coming.symbol) if each.side is coming.side)
        return any(
            each.closes and each.is_slow and not each.is_given_up and each.wanted > each.due(now) for each in own
        )
