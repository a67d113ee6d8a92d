"""A machine with its doors: tests put news in, as strategies, venue and clock would, and look at what comes out."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.instrument import Instrument
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, Command, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.contracts import (
    EscapeReason,
    ExecutionAlert,
    ExecutionResult,
    ExecutionState,
    OrderDecision,
    Role,
    SplitAlgorithm,
    SplitOrder,
    Urgency,
)
from qts.execution.controller import ExecutionController
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    CancelOutcome,
    Decided,
    Event,
    OperatorSaid,
    OperatorVerb,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    Quote,
    SendOutcome,
    Snapshot,
    TimeReached,
    VenueOrder,
    VenueStatus,
)
from qts.execution.journal import JournalRow, RowKind, decode
from qts.risk.safety_state import SafetyState

T0 = 1_700_000_000_000
AT_ONCE_MAX = 100
"""So often the machine may want to be told of one and the same instant."""
SYMBOL = "BTCUSDT"
BTC = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    notional_min=Decimal(5),
)


@dataclass
class Replayed:
    machine: ExecutionController
    commands: list[Command]


def replayed(rows: tuple[JournalRow, ...], account: ExecutionSettings) -> Replayed:
    """The events of a journal handled again, each at its instant, by a machine that knows nothing yet."""
    machine, commands = ExecutionController(account), []
    for row in rows:
        if row.kind is RowKind.EVENT:
            commands += machine.handle(decode(row.text), row.at)
    return Replayed(machine, commands)


class Desk:
    """now moves only by ``at`` and ``after``. said: every command so far. new: those of the last news."""

    def __init__(self, settings: ExecutionSettings | None = None, **kwargs: object) -> None:
        self.machine = ExecutionController(settings or ExecutionSettings(instruments={SYMBOL: BTC}), **kwargs)
        self.now = T0
        self.said: list[Command] = []
        self.new: tuple[Command, ...] = ()
        self._trade = count(1)
        self._order = count(1)

    # -- putting news in ------------------------------------------------------------------

    def tell(self, event: Event) -> tuple[Command, ...]:
        self.new = self.machine.handle(event, self.now)
        self.said += self.new
        return self.new

    def after(self, ms: int) -> tuple[Command, ...]:
        """Let time pass, serving every instant the machine asked for on the way."""
        end, new, at_once = self.now + ms, [], 0
        while (due := self.machine.due) is not None and due <= end:
            at_once = 0 if due > self.now else at_once + 1
            if at_once > AT_ONCE_MAX:
                asks = self._who_asks()
                raise AssertionError(f"the machine asks for {due} again and again, and it is {self.now}: {asks}")
            self.now = max(self.now, due)
            new += self.tell(TimeReached())
        self.now = end
        self.new = tuple(new)
        return self.new

    def _who_asks(self) -> dict[str, object]:
        """What the parts of the machine are waiting for."""
        machine = self.machine
        parts = {"pipeline": machine._pipeline, "escapes": machine._escapes, "doubts": machine._doubts}
        return {name: part.due() for name, part in parts.items()} | {"pairs": machine._pairs.due()}

    def decide(self, *decisions: OrderDecision, available: Decimal | None = None) -> tuple[Command, ...]:
        return self.tell(Decided(decisions, available))

    def decision(
        self,
        side: Side = Side.BUY,
        quantity: str = "1",
        *,
        limit: str | None = None,
        trigger: bool = False,
        reduce: bool = False,
        stop: str | None = None,
        target: str | None = None,
        good_for: int | None = None,
        algorithm: SplitAlgorithm | None = None,
        horizon_ms: int = 0,
        urgency: Urgency = Urgency.NORMAL,
        loss_limit: str | None = None,
        strategy: str = "s",
        arrival: str = "100",
        symbol: str = SYMBOL,
    ) -> OrderDecision:
        order = Order(
            order_id=f"d{next(self._order)}",
            symbol=symbol,
            side=side,
            type=OrderType.MARKET if limit is None else OrderType.STOP if trigger else OrderType.LIMIT,
            quantity=Decimal(quantity),
            effect=Effect.REDUCE if reduce else Effect.INCREASE,
            price=None if limit is None else Decimal(limit),
            stop_loss=None if stop is None else Decimal(stop),
            take_profit=None if target is None else Decimal(target),
            created_at=self.now,
            good_until=None if good_for is None else self.now + good_for,
            reason="",
        )
        return OrderDecision(
            order,
            Decimal(arrival),
            strategy_id=strategy,
            algorithm=algorithm,
            urgency=urgency,
            horizon_ms=horizon_ms,
            loss_limit=None if loss_limit is None else Decimal(loss_limit),
        )

    def accept(self, order: SplitOrder | str) -> tuple[Command, ...]:
        return self.tell(OrderAck(_id(order), SendOutcome.ACCEPTED, venue_id="v"))

    def refuse(self, order: SplitOrder | str, outcome: SendOutcome, code: int = 0) -> tuple[Command, ...]:
        return self.tell(OrderAck(_id(order), outcome, code=code))

    def fill(
        self, order: SplitOrder | str, quantity: str | None = None, price: str = "100", **how: object
    ) -> tuple[Command, ...]:
        """how: what else ``trade`` takes."""
        return self.tell(self.trade(order, quantity, price, **how))

    def trade(
        self,
        order: SplitOrder | str,
        quantity: str | None = None,
        price: str = "100",
        *,
        trade_id: str | None = None,
        side: Side = Side.BUY,
        cause: Cause = Cause.ORDER,
        symbol: str = SYMBOL,
    ) -> Fill:
        if isinstance(order, SplitOrder):
            side, quantity = order.side, quantity or str(order.quantity)
            cause = {"stop-loss": Cause.STOP_LOSS, "take-profit": Cause.TAKE_PROFIT}.get(order.role, cause)
        return Fill(
            fill_id=trade_id or f"t{next(self._trade)}",
            order_id=_id(order),
            symbol=symbol,
            side=side,
            quantity=Decimal(quantity or "1"),
            price=Decimal(price),
            reference_price=Decimal(price),
            fee=Decimal(0),
            liquidity=Liquidity.TAKER,
            cause=cause,
            realized_pnl=Decimal(0),
            occurred_at=self.now,
        )

    def cancelled(self, order: SplitOrder | str, filled: str | None = None) -> tuple[Command, ...]:
        told = None if filled is None else Decimal(filled)
        return self.tell(CancelAck(_id(order), CancelOutcome.CANCELED, told))

    def ended(self, order: SplitOrder | str, state: OrderState, filled: str | None = None) -> tuple[Command, ...]:
        return self.tell(OrderEnded(_id(order), state, None if filled is None else Decimal(filled)))

    def quote(self, bid: str, ask: str, mark: str | None = None) -> tuple[Command, ...]:
        mark = mark or bid
        return self.tell(Quote(SYMBOL, Decimal(bid), Decimal(ask), Decimal(mark), self.now))

    def snapshot(
        self,
        position: str,
        *,
        orders: tuple[VenueOrder, ...] = (),
        fills: tuple[Fill, ...] = (),
        as_of: int | None = None,
    ) -> tuple[Command, ...]:
        return self.tell(Snapshot(SYMBOL, Decimal(position), orders, fills, self.now if as_of is None else as_of))

    def listed(self, order: SplitOrder, filled: str = "0") -> VenueOrder:
        return VenueOrder(
            client_id=order.client_id,
            venue_id="v",
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            price=order.price,
            filled=Decimal(filled),
            reduce_only=order.reduce_only,
            conditional=order.is_conditional,
            state=OrderState.ACCEPTED,
        )

    def lose(self, order: SplitOrder | str) -> tuple[Command, ...]:
        """Nobody says what became of the request."""
        return self.tell(OrderAck(_id(order), SendOutcome.UNKNOWN))

    def not_found(self, order: SplitOrder | str) -> tuple[Command, ...]:
        return self.tell(QueryAnswer(_id(order), None))

    def operator(self, verb: OperatorVerb, why: str = "", *, who: str = "ann", symbol: str = "") -> tuple[Command, ...]:
        return self.tell(OperatorSaid(verb, who, why, symbol))

    def connection(self, *, is_up: bool) -> tuple[Command, ...]:
        return self.tell(VenueStatus(connected=is_up))

    def money(self, equity: str, available: str | None = None) -> tuple[Command, ...]:
        return self.tell(AccountUpdate(Decimal(equity), Decimal(available or equity)))

    def restarted(self) -> "Desk":
        """The same desk in a new process: what it knows is what the journal says."""
        new = Desk()
        new.now, new._trade, new._order = self.now + 1, self._trade, self._order
        new.machine = replayed(self.machine.journal.taken(), self.machine.account.settings).machine
        return new

    # -- looking at what comes out ------------------------------------------------------------

    @property
    def sent(self) -> list[SplitOrder]:
        """The orders of the last news."""
        return [each.order for each in self.new if isinstance(each, SendOrder)]

    @property
    def only_sent(self) -> SplitOrder:
        (order,) = self.sent
        return order

    @property
    def all_sent(self) -> list[SplitOrder]:
        return [each.order for each in self.said if isinstance(each, SendOrder)]

    @property
    def asked_to_cancel(self) -> list[str]:
        return [each.client_id for each in self.new if isinstance(each, CancelOrder)]

    @property
    def queried(self) -> list[str]:
        return [each.client_id for each in self.new if isinstance(each, QueryOrder)]

    @property
    def snapshots_asked(self) -> list[str]:
        return [each.symbol for each in self.new if isinstance(each, TakeSnapshot)]

    @property
    def modified(self) -> list[ModifyOrder]:
        return [each for each in self.new if isinstance(each, ModifyOrder)]

    @property
    def codes(self) -> list[SafetyCode]:
        """Every code said so far."""
        return [each.code for each in self.said if isinstance(each, ExecutionAlert)]

    @property
    def results(self) -> list[ExecutionResult]:
        return self.machine.results

    @property
    def ends(self) -> list[ExecutionState]:
        return [each.state for each in self.machine.results]

    @property
    def position(self) -> Decimal:
        return self.machine.account.positions.of(SYMBOL).quantity

    def record(self, order: SplitOrder | str) -> object:
        return self.machine.account.orders.find(_id(order))

    def state(self, decision: OrderDecision) -> ExecutionState:
        """Where the execution of the decision stands, or how it ended."""
        order_id = decision.order.order_id
        for result in self.machine.results:
            if result.decision.order.order_id == order_id:
                return result.state
        active = {each.id: each for each in self.machine._pipeline.active()}
        return active[order_id].state

    @property
    def safety(self) -> SafetyState:
        return self.machine.account.safety.state

    def opens(self, *, strategy: str = "s") -> bool:
        """Whether a new order to buy goes out."""
        self.decide(self.decision(limit="50", strategy=strategy))
        return any(order.role is Role.ENTRY for order in self.sent)

    def reduces(self) -> bool:
        """Whether an exit of a tenth goes out; it fills."""
        side = Side.SELL if self.position > 0 else Side.BUY
        self.decide(self.decision(side, "0.1", reduce=True))
        exits = [order for order in self.sent if order.role is Role.EXIT]
        for order in exits:
            self.accept(order)
            self.fill(order)
        return exits != []

    def escape_reason(self) -> EscapeReason | None:
        escapes = [each.escape.reason for each in self.machine.results if each.escape is not None]
        return escapes[-1] if escapes else None

    # -- whole stories ------------------------------------------------------------------------

    def hold(self, quantity: str = "1", *, stop: str | None = None, target: str | None = None) -> list[SplitOrder]:
        """Enter at 100 and let everything be accepted; the protective legs that were placed."""
        self.decide(self.decision(quantity=quantity, stop=stop, target=target))
        entry = self.only_sent
        self.accept(entry)
        self.fill(entry)
        legs = self.sent
        for leg in legs:
            self.accept(leg)
        return legs


def _id(order: SplitOrder | str) -> str:
    return order if isinstance(order, str) else order.client_id
