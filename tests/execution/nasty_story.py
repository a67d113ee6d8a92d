"""Stories to tell the machine: answers lost, doubled, late and out of order, and people and clocks in between.

A story is a list of draws; what each means depends on what the machine sent so
far, so that a story that is cut short still means something. The venue of these
stories need not be honest: orders may fill after they were refused and trades
may exceed what was asked for. Whatever it says, the machine must live with it.
"""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import strategies as st

from qts.domain.fill import Cause, Fill
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.account import ExecutionSettings
from qts.execution.commands import SendOrder
from qts.execution.contracts import Role, SplitAlgorithm, SplitOrder, Urgency
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    CancelOutcome,
    Event,
    ModifyAck,
    OperatorSaid,
    OperatorVerb,
    OrderAck,
    OrderEnded,
    ProtectionWanted,
    QueryAnswer,
    QueueOverflow,
    Quote,
    Restarted,
    SendOutcome,
    Snapshot,
    VenueOrder,
    VenueStatus,
)
from qts.execution.stages.precheck import PreCheckLimits
from tests.execution.front_desk import BTC, SYMBOL, Desk

Draw = tuple[str, int, int]

_CODES = (0, -2010, -2019, -1121, -2021, -2022, -1008, -2015)
_ENDINGS = (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED)


class Story:
    """Tells draws to a desk and looks, after each, whether what may never be was done."""

    def __init__(self, settings: ExecutionSettings) -> None:
        self.settings = settings
        self.desk = Desk(settings)
        self.orders: list[SplitOrder] = []
        self.trades: list[Fill] = []
        self.unheard: list[Fill] = []
        self.wanted: dict[str, Decimal] = {}
        self._tells: dict[str, Callable[[int, int], None]] = {
            "nothing": lambda a, b: None,
            "decide": self.decide,
            "ack": self.ack,
            "accept": self.accept,
            "fill": self.fill,
            "fill all": self.fill_all,
            "again": self.again,
            "late": self.late,
            "foreign": self.foreign,
            "cancelled": self.cancelled,
            "ended": self.ended,
            "asked": self.asked,
            "snapshot": self.snapshot,
            "quote": self.quote,
            "wait": self.wait,
            "operator": self.operator,
            "world": self.world,
        }

    def run(self, draws: list[Draw]) -> "Story":
        for kind, a, b in draws:
            self._tells[kind](a, b)
        return self

    # -- telling ----------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        safety = self.desk.machine.account.safety
        forbade = not safety.state.may_increase or SYMBOL in safety.quarantined
        at_once = not isinstance(event, Snapshot)  # it tells of several fills, and more may follow what was sent
        self.look(
            self.desk.tell(event), forbade=forbade and not isinstance(event, OperatorSaid), counts_parents=at_once
        )

    def look(self, commands: tuple[object, ...], *, forbade: bool, counts_parents: bool = True) -> None:
        for command in commands:
            if not isinstance(command, SendOrder):
                continue
            order = command.order
            assert order.client_id not in {each.client_id for each in self.orders}, "an id is used once"
            self.orders.append(order)
            if order.role is not Role.ENTRY:
                assert order.reduce_only, "INV-13"
                continue
            assert not forbade, "nothing is opened outside NORMAL and WARNING"
            committed = sum(each.at_risk for each in self.desk.machine.account.orders.of_parent(order.parent_id))
            if counts_parents:
                assert committed <= self.wanted[order.parent_id.partition(".r")[0]], "INV-04"

    def order(self, number: int) -> SplitOrder | None:
        """Mostly one of the newest."""
        return self.orders[-1 - number % min(len(self.orders), 6 if number % 4 else 1_000)] if self.orders else None

    # -- what is told -------------------------------------------------------------------------

    def decide(self, a: int, b: int) -> None:
        desk = self.desk
        position = desk.position
        reduce = a % 3 == 0 and position != 0
        side = (Side.SELL if position > 0 else Side.BUY) if reduce else (Side.BUY, Side.SELL)[a % 2]
        quantity = str(abs(position)) if reduce and b % 2 else ("0.5", "1", "2.5")[b % 3]
        below, above = ("90", "110") if side is Side.BUY else ("110", "90")
        decision = desk.decision(
            side,
            quantity,
            limit=(None, "100", "99.5")[b % 3],
            trigger=b % 11 == 1,
            reduce=reduce,
            stop=None if reduce or a % 4 else below,
            target=None if reduce or a % 8 else above,
            good_for=(None, None, 5_000)[a % 3],
            algorithm=(None, SplitAlgorithm.TWAP, SplitAlgorithm.ICEBERG)[b // 3 % 3],
            horizon_ms=(0, 4_000)[a // 2 % 2],
            urgency=(Urgency.NORMAL, Urgency.URGENT)[b // 2 % 2],
            loss_limit=("5", None)[a // 3 % 2],
        )
        self.wanted[decision.order.order_id] = decision.order.quantity
        forbade = not desk.machine.account.safety.state.may_increase
        self.look(desk.decide(decision, available=(None, Decimal(150))[b // 5 % 2]), forbade=forbade)

    def ack(self, a: int, b: int) -> None:
        order = self.order(a)
        if order is not None:
            outcome = tuple(SendOutcome)[b % len(SendOutcome)]
            retry_at = self.desk.now + 3_000 if b % 5 == 0 else None
            code = _CODES[b % len(_CODES)]
            self.tell(OrderAck(order.client_id, outcome, "v", code, retry_at=retry_at, halts=b % 37 == 0))

    def accept(self, a: int, b: int) -> None:
        order = self.order(a)
        if order is not None:
            self.tell(OrderAck(order.client_id, SendOutcome.ACCEPTED, f"v{b}"))

    def _trade(self, a: int, quantity: Decimal, b: int) -> Fill | None:
        order = self.order(a)
        if order is None:
            return None
        trade = self.desk.trade(order, str(quantity), str(Decimal(95 + b % 10)))
        self.trades.append(trade)
        return trade

    def fill(self, a: int, b: int) -> None:
        order = self.order(a)
        if order is None:
            return
        part = (Decimal("0.25"), Decimal("0.5"), Decimal(1))[b % 3]
        trade = self._trade(a, BTC.quantity_down(order.quantity * part) or BTC.lot, b)
        if trade is None:
            return
        if b % 7 == 0:
            self.unheard.append(trade)
        else:
            self.tell(trade)

    def fill_all(self, a: int, b: int) -> None:
        order = self.order(a)
        record = None if order is None else self.desk.record(order)
        if record is not None and record.left > 0:
            trade = self._trade(a, record.left, b)
            assert trade is not None
            self.tell(trade)

    def again(self, a: int, b: int) -> None:
        if self.trades:
            self.tell(self.trades[a % len(self.trades)])

    def late(self, a: int, b: int) -> None:
        if self.unheard:
            self.tell(self.unheard.pop(a % len(self.unheard)))

    def foreign(self, a: int, b: int) -> None:
        cause = (Cause.ORDER, Cause.LIQUIDATION, Cause.ADL)[b % 3]
        self.tell(self.desk.trade(f"x{a}", "0.3", "100", side=(Side.BUY, Side.SELL)[a % 2], cause=cause))

    def cancelled(self, a: int, b: int) -> None:
        order = self.order(a)
        if order is not None:
            outcome = tuple(CancelOutcome)[b % 4 % 3]
            self.tell(CancelAck(order.client_id, outcome, self._told(order, b)))

    def ended(self, a: int, b: int) -> None:
        order = self.order(a)
        if order is not None:
            self.tell(OrderEnded(order.client_id, _ENDINGS[b % 3], self._told(order, b)))

    def _told(self, order: SplitOrder, b: int) -> Decimal | None:
        """Nothing, the truth as the venue has it, or more than was heard."""
        traded = sum((each.quantity for each in self.trades if each.order_id == order.client_id), start=Decimal(0))
        return (None, traded, traded, order.quantity)[b // 3 % 4]

    def asked(self, a: int, b: int) -> None:
        order = self.order(a)
        if order is None:
            return
        if b % 3 < 2:
            self.tell(QueryAnswer(order.client_id, None, answered=b % 3 == 0))
            return
        states = tuple(OrderState)
        self.tell(QueryAnswer(order.client_id, self._listed(order, states[b % len(states)], b)))

    def _listed(self, order: SplitOrder, state: OrderState, b: int) -> VenueOrder:
        return VenueOrder(
            client_id=order.client_id,
            venue_id="v",
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            price=order.price,
            filled=self._told(order, b) or Decimal(0),
            reduce_only=order.reduce_only,
            conditional=order.is_conditional,
            state=state,
        )

    def snapshot(self, a: int, b: int) -> None:
        """The truth, or a part of it, or not at all."""
        desk = self.desk
        true = desk.position + sum((each.side.sign * each.quantity for each in self.unheard), start=Decimal(0))
        position = true if a % 4 else true + Decimal("0.2")
        live = [each.order for each in desk.machine.account.orders.live(SYMBOL)]
        listed = tuple(self._listed(each, OrderState.ACCEPTED, b) for each in live if (a + len(each.client_id)) % 3)
        fills = tuple(self.unheard if a % 4 else self.trades[-3:])
        if a % 4:
            self.unheard.clear()
        desk.now += 1
        self.tell(Snapshot(SYMBOL, position, listed, fills, desk.now - (0, 0, 5_000)[b % 3]))

    def quote(self, a: int, b: int) -> None:
        bid = Decimal(92 + a % 17)
        self.tell(Quote(SYMBOL, bid, bid + Decimal(b % 5) / 10, bid, self.desk.now))

    def wait(self, a: int, b: int) -> None:
        self.look(self.desk.after((1, 300, 1_000, 2_500, 10_000, 31_000, 61_000)[a % 7] + b % 3), forbade=False)

    def operator(self, a: int, b: int) -> None:
        verb = tuple(OperatorVerb)[a % len(OperatorVerb)]
        if verb is OperatorVerb.KILL and b % 4:
            verb = OperatorVerb.RESUME
        self.tell(OperatorSaid(verb, "ann", ("", "checked")[b % 2], ("", SYMBOL, "XYZ")[b % 3]))

    def world(self, a: int, b: int) -> None:
        order = self.order(b)
        client_id = "nobody's" if order is None else order.client_id
        events: tuple[Event, ...] = (
            VenueStatus(connected=True),
            VenueStatus(connected=False),
            VenueStatus(connected=True, market_open=b % 2 == 0, symbol=("", SYMBOL)[b % 2]),
            Restarted(),
            AccountUpdate(Decimal(100), Decimal(b % 200)),
            AccountUpdate(Decimal(b % 40 - 1), Decimal(0)),
            QueueOverflow(101),
            ProtectionWanted(SYMBOL, Decimal(80 + b % 40), None),
            ModifyAck(client_id, (True, False, None)[b % 3]),
        )
        self.tell(events[a % len(events)])


_KINDS = (
    "nothing",
    *("decide", "accept", "wait") * 3,
    *("ack", "fill", "fill all", "cancelled", "asked", "snapshot", "quote") * 2,
    *("again", "late", "foreign", "ended", "operator", "world"),
)
_NUMBERS = st.integers(0, 839)

SETTINGS = st.builds(
    ExecutionSettings,
    instruments=st.just({SYMBOL: BTC}),
    quantity_max=st.sampled_from(({}, {SYMBOL: Decimal("1.5")})),
    limits=st.sampled_from((PreCheckLimits(), PreCheckLimits(position_max=Decimal(3), leverage=3))),
    id_prefix=st.sampled_from(("", "d")),
    reconcile_ms=st.sampled_from((None, 20_000)),
    on_bars=st.booleans(),
)
# Long ones: what is not needed to break the machine shrinks to nothing.
STORIES = st.lists(st.tuples(st.sampled_from(_KINDS), _NUMBERS, _NUMBERS), min_size=25, max_size=60)
