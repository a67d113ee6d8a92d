"""What execution knows of the account, and the one door through which orders leave it.

Orders, positions, safety, the last quotes, the venue's status and the money it
told of. Everything here is a fold of the events handled so far. ``send`` and
``cancel`` are the last lines before the wire: what they let out is journaled and
then performed, so what may never go out is held here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from qts.domain.instant import DAY_MS, Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import REGISTRY, Scope, Severity
from qts.execution.commands import CancelOrder, Command
from qts.execution.contracts import ExecutionAlert, Role, SlippageConfig, SplitConfig, SplitOrder
from qts.execution.events import Quote
from qts.execution.executions import Execution
from qts.execution.orders import OrderLedger, OrderRecord
from qts.execution.positions import Positions
from qts.execution.stages.precheck import PreCheckLimits
from qts.market.volume_profile import VolumeProfile
from qts.risk.safety_state import AccountSafety


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """How one account is worked.

    on_bars: time is served at bar closes and no quotes come, so adjusting may
    only wait or convert. reconcile_ms: how often the venue is asked for
    everything, None for only when something is in doubt. id_prefix: what the ids
    of our decisions begin with; '' where nobody else trades the account.
    quantity_max: the venue's largest market order per symbol. shared: several
    strategies trade it, so that what is withdrawn with a position they close is
    for whoever keeps their books to say (``Withdrawn``), and not to be read off the net.
    """

    instruments: Mapping[str, Instrument]
    profiles: Mapping[str, VolumeProfile] = field(default_factory=dict)
    quantity_max: Mapping[str, Decimal] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)
    slippage: SlippageConfig = field(default_factory=SlippageConfig)
    limits: PreCheckLimits = field(default_factory=PreCheckLimits)
    reconcile_ms: Duration | None = None
    on_bars: bool = False
    shared: bool = False
    id_prefix: str = ""


_UNKNOWN = OrderState.UNKNOWN
_EXITS = frozenset({Role.EXIT, Role.ESCAPE})


class ExecutionAccount:
    """One account's state while it runs. ``out`` collects the commands of the event being handled."""

    def __init__(self, settings: ExecutionSettings) -> None:
        self.settings = settings
        self.orders = OrderLedger()
        self.positions = Positions()
        self.safety = AccountSafety()
        self.out: list[Command] = []
        self.touched: dict[str, None] = {}  # symbols whose protection may have to change, in order
        self.available: Decimal | None = None
        self.equity: Decimal | None = None
        self.connected = True
        self.paused = False
        self.equity_at_start: Decimal | None = None
        self.in_doubt: dict[str, None] = {}  # symbols not reconciled since a restart
        self.foreign: dict[str, None] = {}  # symbols somebody else traded, until acknowledged
        self.escaping: dict[str, Instant] = {}  # symbols being given back, since when
        self.killed: dict[str, None] = {}  # symbols that a kill flattens, until an operator resumes
        self.entering: dict[str, Execution] = {}  # executions that increase, past their precheck
        self.withdrawn: dict[str, str] = {}  # decisions that wait and must not begin, and why
        self.retry_allowed: dict[str, None] = {}  # unknown orders that another attempt may go out beside
        self.restricted = False  # a code was raised that may forbid what is under way
        self._closed_markets: dict[str, None] = {}
        self._quotes: dict[str, Quote] = {}
        self._unread: dict[str, Quote] = {}
        self.quotes_read: list[Quote] = []
        self._day = 0
        self._executed_today = 0

    # -- the way out ----------------------------------------------------------------

    def send(self, order: SplitOrder, now: Instant) -> None:
        self.out.append(self.orders.submit(order, now))

    def cancel(self, record: OrderRecord, now: Instant) -> None:
        """Ask for the end of a live order, once; asking again is for who sees that nothing came of it."""
        if record.cancel_asked_at is None and record.state.may_be_live:
            self.ask_cancel(record, now)

    def ask_cancel(self, record: OrderRecord, now: Instant) -> None:
        order = record.order
        record.cancel_asked_at = now
        if not self.connected:
            return  # it would reach nobody; asked again once somebody hears
        self.out.append(CancelOrder(order.client_id, order.symbol, order.is_conditional))

    def alert(
        self,
        alert: ExecutionAlert,
        now: Instant,
        *,
        scope: Scope | None = None,
        strategy_id: str = "",
        counts: bool = True,
    ) -> None:
        """Tell a code, and let the safety state draw its consequence. counts: False for what an escape itself says."""
        self.out.append(alert)
        symbol = alert.subject if REGISTRY[alert.code].scope is Scope.SYMBOL else ""
        self.safety.raised(
            alert.code,
            alert.code.value,
            now,
            scope=scope,
            by_transition=not counts,
            subject=symbol,
            strategy_id=strategy_id,
        )
        if alert.code.severity is not Severity.ANOMALY:
            self.restricted = True

    # -- looking --------------------------------------------------------------------

    def why_no_increase(self, symbol: str, strategy_id: str) -> str | None:
        """Why nothing may be opened on the symbol now, or None."""
        if not (self.paused or self.in_doubt or self.escaping or self.foreign) and self.safety.is_clear:
            return None
        if self.paused:
            return "executions are paused"
        if symbol in self.in_doubt:
            return f"{symbol} is not reconciled with the venue yet"
        if symbol in self.escaping:
            return f"{symbol} is being escaped from"
        if symbol in self.foreign:
            return f"somebody else traded {symbol}"
        return self.safety.why_no_increase(symbol, strategy_id)

    def unknown_on(self, symbol: str) -> bool:
        return bool(self.orders.living) and any(each.state is _UNKNOWN for each in self.orders.live(symbol))

    def live_on(self, symbol: str, role: Role) -> list[OrderRecord]:
        return [record for record in self.orders.live(symbol) if record.order.role is role]

    def in_the_way(self, symbol: str, quantity: Decimal, *, beside: Collection[str]) -> list[OrderRecord]:
        """Exits that rest and leave the venue no room to reduce by ``quantity``; beside: the parents that may rest."""
        resting = [
            each
            for each in self.orders.live(symbol)
            if each.order.role in _EXITS and each.order.type is OrderType.LIMIT and each.order.parent_id not in beside
        ]
        held = abs(self.positions.of(symbol).quantity)
        return resting if sum((each.left for each in resting), start=quantity) > held else []

    def exposure(self, symbol: str, side: Side) -> Decimal:
        """Base units toward ``side`` if everything decided and increasing on it filled, sent or not, heard or not."""
        held = self.positions.of(symbol).quantity * side.sign
        coming = (
            max(each.quantity - each.filled, ZERO)
            for each in self.entering.values()
            if each.symbol == symbol and each.decision.order.side is side
        )
        counted = (
            each.at_risk - each.filled
            for each in self.orders.owed(symbol)
            if each.order.role is Role.ENTRY and each.order.side is side and each.order.parent_id not in self.entering
        )
        return max(ZERO, held) + sum(coming, start=ZERO) + sum(counted, start=ZERO)

    def opposing(self, symbol: str, side: Side) -> Decimal:
        """Base units held the other way."""
        held = self.positions.of(symbol).quantity * side.sign
        return -held if held < 0 else ZERO

    def quote_age(self, symbol: str, now: Instant) -> Duration | None:
        quote = self.quote(symbol)
        return None if quote is None else now - quote.occurred_at

    def market_open(self, symbol: str) -> bool:
        return symbol not in self._closed_markets

    # -- quotes: kept as they come, recorded when something was decided by them ----------

    def hear_quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote
        self._unread[quote.symbol] = quote

    def forget_quotes(self) -> None:
        """None of them tells of now: an old price may neither price an order nor end a position."""
        self._quotes.clear()
        self._unread.clear()

    def quote(self, symbol: str) -> Quote | None:
        """The last quote. Reading it makes it part of the record."""
        unread = self._unread.pop(symbol, None)
        if unread is not None:
            self.quotes_read.append(unread)
        return self._quotes.get(symbol)

    # -- status ---------------------------------------------------------------------

    def set_market(self, symbol: str, *, is_open: bool) -> None:
        names = (symbol,) if symbol else tuple(self.settings.instruments)
        for name in names:
            if is_open:
                self._closed_markets.pop(name, None)
            else:
                self._closed_markets[name] = None

    def executed(self, now: Instant) -> int:
        """Executions begun on this UTC day."""
        return self._executed_today if now // DAY_MS == self._day else 0

    def count_execution(self, now: Instant) -> None:
        day = now // DAY_MS
        self._executed_today = self._executed_today + 1 if day == self._day else 1
        self._day = day

    def facts(self) -> tuple[object, ...]:
        return (
            tuple(record.facts() for record in self.orders.everything()),
            tuple(position.facts() for position in self.positions.all()),
            self.safety.facts(),
            (self.connected, self.paused, tuple(self.in_doubt), tuple(self._closed_markets)),
            (self._day, self._executed_today),
            (
                tuple(self.foreign),
                tuple(self.escaping.items()),
                tuple(self.killed),
                tuple(self.entering),
                tuple(self.retry_allowed),
                tuple(self.withdrawn.items()),
            ),
            (self.available, self.equity, self.equity_at_start),
        )
