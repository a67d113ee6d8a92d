"""When nothing may be opened, folded from the stored rows alone: INV-08 and INV-16 of reliability.md 3.1.

It believes the alerts, the words of the operator and the venue's news, never what the machine concluded from them.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.instant import HOUR_MS
from qts.domain.money import ZERO
from qts.domain.safety_code import REGISTRY, SafetyCode, Scope, Severity
from qts.execution.contracts import EscapeReason, ExecutionAlert, Role, SplitOrder
from qts.execution.events import (
    Decided,
    Event,
    OperatorSaid,
    OperatorVerb,
    QueueOverflow,
    Restarted,
    Snapshot,
    VenueStatus,
)
from tests.simulation.campaign.truth import root

_ACCOUNT_STOPS = frozenset(
    code for code, facts in REGISTRY.items() if code.severity is Severity.FAIL_SAFE and facts.scope is Scope.ACCOUNT
)
_SYMBOL_STOPS = frozenset({SafetyCode.FS070, SafetyCode.GR040})
_COUNTED = frozenset({SafetyCode.FS090, SafetyCode.FS091, SafetyCode.FS093, SafetyCode.FS094})
_PAUSING = (EscapeReason.SAFETY_FAIL, EscapeReason.BROKER_UNSTABLE)
FAIL_SAFES_MAX = 3


class Forbidden:
    """symbols: those of the account. ``why`` is asked with every order that increases."""

    def __init__(self, symbols: Collection[str]) -> None:
        self._symbols = tuple(symbols)
        self.account = ""
        self._stopped: dict[str, str] = {}
        self._paused = ""
        self._connected = True
        self._doubted_since: dict[str, int] = {}
        self._escaping: dict[str, None] = {}
        self._strategy: dict[str, str] = {}
        self._failed: dict[str, list[int]] = {}
        self._halted: dict[str, str] = {}

    # -- rows ---------------------------------------------------------------------------

    def hear(self, event: Event, fills: Iterable[Fill], now: int) -> None:
        """fills: all that the rows tell of, the event's included."""
        match event:
            case Decided():
                for each in event.decisions:
                    self._strategy[each.order.order_id] = each.strategy_id
            case Snapshot():
                self._compare(event, fills)
            case VenueStatus():
                if event.connected and not self._connected:
                    self._doubt(now)
                self._connected = event.connected
            case Restarted():
                self._doubt(now)
            case QueueOverflow():
                self._paused = "the queue ran over"
            case OperatorSaid():
                self._said(event)

    def _doubt(self, now: int) -> None:
        for symbol in self._symbols:
            self._doubted_since[symbol] = now

    def _compare(self, snapshot: Snapshot, fills: Iterable[Fill]) -> None:
        """A doubt ends with the venue's lists, taken since, that hold the position the rows add up to."""
        symbol, as_of = snapshot.symbol, snapshot.as_of
        since = self._doubted_since.get(symbol)
        if since is None or as_of < since:
            return
        before = with_then = ZERO
        for each in fills:
            if each.symbol == symbol and each.occurred_at <= as_of:
                signed: Decimal = each.quantity * each.side.sign
                with_then += signed
                before += signed if each.occurred_at < as_of else ZERO
        if snapshot.position in (before, with_then):
            del self._doubted_since[symbol]

    def _said(self, word: OperatorSaid) -> None:
        symbols = self._symbols if word.symbol == "" else (word.symbol,)
        match word.verb:
            case OperatorVerb.PAUSE:
                self._paused = "an operator paused it"
            case OperatorVerb.RESUME:
                self.account = self._paused = ""
                self._failed.clear()
                self._halted.clear()
            case OperatorVerb.ACKNOWLEDGE:
                for symbol in symbols:
                    self._stopped.pop(symbol, None)
            case OperatorVerb.ESCAPE:
                self._escaping.update(dict.fromkeys(symbols))
            case OperatorVerb.KILL:
                self.account = "a kill"
                self._escaping.update(dict.fromkeys(symbols))

    def told(self, alert: ExecutionAlert, symbol: str, now: int) -> None:
        """symbol: of the order that is the alert's subject, else the subject itself."""
        code = alert.code
        if code is SafetyCode.FS092:
            self._escape_told(alert)
        elif code in _ACCOUNT_STOPS:
            self.account = code.value
        elif code in _SYMBOL_STOPS:
            self._stopped[symbol] = code.value
        elif code in _COUNTED:
            strategy = self._strategy.get(root(alert.subject), "")
            row = [at for at in self._failed.get(strategy, ()) if now - at <= HOUR_MS]
            self._failed[strategy] = [*row, now]
            if len(row) + 1 >= FAIL_SAFES_MAX:
                self._halted[strategy] = code.value

    def _escape_told(self, alert: ExecutionAlert) -> None:
        if alert.message.startswith("not done yet"):
            return
        self._escaping.pop(alert.subject.partition("-x")[0], None)
        if alert.message.startswith(f"{EscapeReason.LOSS_LIMIT}:"):
            self.account = alert.code.value
        elif alert.message.startswith(tuple(f"{each}:" for each in _PAUSING)):
            self._paused = "an escape paused it"

    def escaping(self, symbol: str) -> bool:
        return symbol in self._escaping

    # -- sends --------------------------------------------------------------------------

    def sent(self, order: SplitOrder) -> None:
        if order.role is Role.ESCAPE:
            self._escaping[order.symbol] = None

    def why(  # noqa: PLR0911 - one reason, one answer
        self, order: SplitOrder
    ) -> tuple[str, str] | None:
        """The invariant that an increasing order breaks now, and how; None when it may go out."""
        symbol, strategy = order.symbol, self._strategy.get(root(order.parent_id), "")
        if self.account:
            return "INV-16", f"after {self.account}"
        if symbol in self._stopped:
            return "INV-16", f"after {self._stopped[symbol]} of {symbol}"
        if strategy in self._halted:
            return "INV-16", f"though {strategy!r} is halted by {self._halted[strategy]}"
        if self._paused:
            return "INV-08", f"though {self._paused}"
        if not self._connected:
            return "INV-08", "though the venue cannot be reached"
        if symbol in self._doubted_since:
            return "INV-08", f"though {symbol} was not compared with the venue since {self._doubted_since[symbol]}"
        if symbol in self._escaping:
            return "INV-08", f"while {symbol} is escaped from"
        return None
