"""One account's machine: every piece of news goes in by ``handle``, every command comes out of it.

The same object runs a backtest, a paper account and a live one; they differ in
who brings the news and who performs the commands. Whoever drives it stores
``journal.taken()`` durably and only then performs. Handling the events of a
journal again, in a fresh controller, gives the same commands, the same state
and the same journal.

What each part knows: orders.py what became of each order, pipeline.py what each
execution does next, escapes.py the ways out, protective_pairs.py stops and
targets, doubts.py what the venue did not tell, venue_news.py what its news do to all of them,
withdrawing.py what is given up for others' reasons. Here is only who hears what.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeVar

from qts.domain.fill import Fill
from qts.domain.ids import digest
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionAccount, ExecutionSettings
from qts.execution.client_ids import first_id
from qts.execution.commands import Command
from qts.execution.contracts import (
    NOTHING_TO_REDUCE,
    EscapeReason,
    ExecutionAlert,
    ExecutionResult,
    leaves_next,
    only_reduces,
)
from qts.execution.doubts import Doubts
from qts.execution.escapes import Escapes
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    Decided,
    Event,
    ModifyAck,
    NetProtection,
    OperatorSaid,
    OrderAck,
    OrderEnded,
    ProtectionWanted,
    QueryAnswer,
    QueueOverflow,
    Quote,
    Restarted,
    Snapshot,
    TimeReached,
    VenueStatus,
    Withdrawn,
)
from qts.execution.journal import Journal
from qts.execution.loop import ExecutionLoop
from qts.execution.operator import Operator
from qts.execution.overfills import Overfills
from qts.execution.pipeline import ExecutionPipeline
from qts.execution.protective_pairs import ProtectivePairs
from qts.execution.route import ExecutionRoute
from qts.execution.stop_policy import StopPolicy
from qts.execution.venue_news import VenueNews
from qts.execution.withdrawing import give_up_forbidden, stop_building, stop_waiting, withdraw
from qts.risk.gate import RiskGate
from qts.risk.policy import RiskLimits
from qts.risk.rules import rules_of

_E = TypeVar("_E", bound=Event)


class OnTheWay(NamedTuple):
    """Base units, of what is decided and not filled, sent or not.

    buy, sell: what would increase. at_market: signed, of orders at market, which fill next.
    """

    buy: Decimal
    sell: Decimal
    at_market: Decimal


_REDUCE = Effect.REDUCE
NOTHING = OnTheWay(ZERO, ZERO, ZERO)
"""What is on the way when no order is at work, and only then this very value."""


class ExecutionController:
    """results: every execution that ended, in order. journal: what has been handled, and what followed."""

    def __init__(
        self,
        settings: ExecutionSettings,
        *,
        gate: RiskGate | None = None,
        policy: StopPolicy | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.account = ExecutionAccount(settings)
        self.journal = Journal() if journal is None else journal
        self.results: list[ExecutionResult] = []
        self._pipeline = ExecutionPipeline(self.account)
        self._route = ExecutionRoute(self._pipeline)
        self._loop = ExecutionLoop(self._route, policy)
        self._escapes = Escapes(self.account, self._pipeline)
        self._pairs = ProtectivePairs(self.account)
        self._doubts = Doubts(self.account)
        self._overfills = Overfills(self.account, self._loop)
        self._shared = settings.shared
        self._due: Instant | None = None
        self._due_is_known = False
        news = VenueNews(
            self.account,
            RiskGate(rules_of(RiskLimits())) if gate is None else gate,
            self._pipeline,
            self._overfills,
            self._pairs,
            self._doubts,
        )
        self._news = news
        self._operator = Operator(self.account, self._escapes, self._doubts, self._loop)
        self._hears: dict[type, Callable[[object, Instant], None]] = {}
        self._listen(Decided, self._on_decided)
        self._listen(Withdrawn, self._on_withdrawn)
        self._listen(Fill, news.on_fill)
        self._listen(OrderAck, news.on_ack)
        self._listen(OrderEnded, news.on_ended)
        self._listen(CancelAck, news.on_cancel_ack)
        self._listen(ModifyAck, news.on_modify_ack)
        self._listen(QueryAnswer, news.on_query_answer)
        self._listen(Snapshot, news.on_snapshot)
        self._listen(Quote, self._on_quote)
        self._listen(TimeReached, self._on_time)
        self._listen(ProtectionWanted, self._on_protection_wanted)
        self._listen(NetProtection, self._on_net_protection)
        self._listen(AccountUpdate, self._on_account_update)
        self._listen(VenueStatus, self._on_status)
        self._listen(Restarted, self._on_restarted)
        self._listen(OperatorSaid, self._operator.said)
        self._listen(QueueOverflow, self._on_overflow)

    def _listen(self, kind: type[_E], hear: Callable[[_E, Instant], None]) -> None:
        self._hears[kind] = hear  # type: ignore[assignment]  # the key says what it is given

    # -- the door -----------------------------------------------------------------------

    def handle(self, event: Event, now: Instant) -> tuple[Command, ...]:
        """What follows from the news, in the order it is to be performed. now: ms UTC, never less than before."""
        kind = type(event)
        if kind is TimeReached and not self.is_due(now):
            return ()
        account, pipeline, journal = self.account, self._pipeline, self.journal
        out: list[Command] = []
        account.out = out
        self._due_is_known = False
        self._hears[kind](event, now)
        stirred = account.touched or pipeline.finished or account.restricted or pipeline.escaping
        if stirred or self._news.broker_is_lost or self._loop.is_waiting:
            self._settle(now)
        if account.quotes_read:
            for quote in account.quotes_read:
                journal.add(quote, now)
            account.quotes_read.clear()
        if kind is not Quote:  # by one that nobody read nothing was decided
            journal.add(event, now)
        if not out:
            return ()
        for command in out:
            journal.add(command, now)
        return tuple(out)

    @property
    def due(self) -> Instant | None:
        """The earliest instant at which TimeReached wants to be handled; None while nothing waits."""
        if not self._due_is_known:
            earliest = self._pipeline.due() if self._pipeline.executions else None
            if self._is_watched:
                for part in (self._escapes, self._doubts, self._pairs, self._overfills):
                    due = part.due()
                    if due is not None and (earliest is None or due < earliest):
                        earliest = due
            self._due, self._due_is_known = earliest, True
        return self._due

    @property
    def _is_watched(self) -> bool:
        """Whether anybody but an execution may want to be told of the time."""
        return bool(self._pairs.wanted or self._escapes.active or self._doubts.watches or self._overfills.excesses)

    def is_due(self, now: Instant) -> bool:
        """Whether TimeReached wants to be handled by now. Asked often, so it looks closely only where it must."""
        if not self._due_is_known and not self._is_watched:
            if not self._pipeline.executions:
                self._due, self._due_is_known = None, True
                return False
            if not self._pipeline.may_be_due(now):
                return False
        due = self.due
        return due is not None and due <= now

    def on_the_way(self, symbol: str) -> OnTheWay:
        """What working orders of the symbol may still bring."""
        if not self._pipeline.executions and not self._loop.is_waiting:
            return NOTHING
        buy = sell = at_market = ZERO
        for order, left, filled in self.working(symbol):
            is_buy = order.side is Side.BUY
            if not only_reduces(order):
                buy, sell = (buy + left, sell) if is_buy else (buy, sell + left)
            if order.type is OrderType.MARKET or (order.type is OrderType.STOP and filled > 0):
                at_market += left if is_buy else -left
        return OnTheWay(buy, sell, at_market)

    def working(self, symbol: str) -> list[tuple[Order, Decimal, Decimal]]:
        """Orders of the symbol that were decided and are not done, each with what is left of it and what has filled."""
        working = [
            (each.decision.order, self._pipeline.left_of(each), each.filled) for each in self._pipeline.active(symbol)
        ]
        working += [(each.order, each.order.quantity, ZERO) for each in self._loop.waiting(symbol)]
        return working

    def leaving(self, symbol: str) -> Decimal:
        """What exits at market that take no time will close next, base units."""
        under_way = [(each.decision, self._pipeline.left_of(each)) for each in self._pipeline.active(symbol)]
        waiting = [(each, each.order.quantity) for each in self._loop.waiting(symbol)]
        return sum((left for decision, left in (*under_way, *waiting) if leaves_next(decision)), start=ZERO)

    def stop_of(self, symbol: str) -> Decimal | None:
        """The stop that is wanted for the position on the symbol, quote per base; None for none."""
        return self._pairs.stop_of(symbol)

    def decisions_on_the_way(self) -> set[str]:
        """Ids of the decisions that are on their way, sent or not; of a rest, the one it first had."""
        ids = {first_id(each.id) for each in self._pipeline.active()}
        if self._loop.is_waiting:
            waiting = (each for symbol in self.account.settings.instruments for each in self._loop.waiting(symbol))
            ids.update(first_id(each.order.order_id) for each in waiting)
        return ids

    def digest(self) -> str:
        """SHA-256 over everything the machine remembers."""
        return digest(
            [
                self.account.facts(),
                [each.facts() for each in self._pipeline.active()],
                self._loop.facts(),
                self._escapes.facts(),
                self._pairs.facts(),
                self._doubts.facts(),
                self._overfills.facts(),
                self.journal.head,
            ]
        )

    # -- until nothing more follows -------------------------------------------------------

    def _settle(self, now: Instant) -> None:
        account, pipeline, news = self.account, self._pipeline, self._news
        while True:
            if account.restricted or pipeline.escaping or news.broker_is_lost:
                self._restrict(now)
            if account.touched:
                touched, account.touched = account.touched, {}
                for symbol in touched:
                    self._settle_symbol(symbol, now)
            if pipeline.finished:
                for result in self._route.answers():
                    self.results.append(result)
                    self._loop.finished(result, now)
                    self._overfills.ended(result, now)
            if self._loop.is_waiting:
                self._loop.turn(now)
            if not (account.touched or pipeline.finished or pipeline.escaping or account.restricted):
                return

    def _restrict(self, now: Instant) -> None:
        """What a code, a lost broker or an execution at its wits' end asks for."""
        pipeline, escapes = self._pipeline, self._escapes
        if self.account.restricted:
            self.account.restricted = False
            give_up_forbidden(self.account, self._pipeline, now)
        if self._news.broker_is_lost:
            self._news.broker_is_lost = False
            for symbol in dict.fromkeys(each.symbol for each in pipeline.active()):
                escapes.begin(symbol, EscapeReason.BROKER_UNSTABLE, now)
        leaving, pipeline.escaping = pipeline.escaping, []
        for execution, reason in leaving:
            if not execution.is_over:
                escapes.begin(execution.symbol, reason, now, execution)

    def _settle_symbol(self, symbol: str, now: Instant) -> None:
        account = self.account
        if account.killed and symbol in account.killed and account.positions.of(symbol).quantity:
            self._escapes.begin(symbol, EscapeReason.MANUAL, now)  # heard after the kill was carried out
        if not (self._pipeline.is_reducing or self._pairs.cares_for(symbol) or symbol in account.escaping):
            return
        if symbol in account.escaping:
            self._escapes.advance(symbol, now)
        escaping = symbol in self.account.escaping
        release = escaping or self._pipeline.is_exiting(symbol)
        why = self._pairs.settle(symbol, now, release_target=release)
        if why is not None and not escaping:
            self._escapes.begin(symbol, EscapeReason.SAFETY_FAIL, now)
        position = self._held(symbol)
        for execution in self._pipeline.active(symbol):
            order = execution.decision.order
            if execution.reduces and position * order.side.sign >= 0:
                self._pipeline.give_up(execution, NOTHING_TO_REDUCE, now)
            elif execution.held:
                self._pipeline.advance(execution, now)

    def _held(self, symbol: str) -> Decimal:
        return self.account.positions.of(symbol).quantity

    # -- what the strategies want -----------------------------------------------------------

    def _on_decided(self, event: Decided, now: Instant) -> None:
        if event.available is not None:
            self.account.available = event.available
        for decision in event.decisions:
            order = decision.order
            if order.effect is _REDUCE and not self._shared and order.closes(self._held(order.symbol)):
                stop_building(self._pipeline, order.symbol, order.side.opposite, now)
                if self._loop.is_waiting:
                    stop_waiting(self.account, self._loop, order.symbol, order.side.opposite)
            self._pairs.bring(order)
        self._loop.offer(event.decisions, now)

    def _on_withdrawn(self, event: Withdrawn, now: Instant) -> None:
        withdraw(event, self.account, self._pipeline, self._loop, now)

    def _on_protection_wanted(self, event: ProtectionWanted, now: Instant) -> None:  # noqa: ARG002 - every door has one
        self._pairs.moved(self.account.positions.of(event.symbol), event.stop_loss, event.take_profit)
        self.account.touched[event.symbol] = None

    def _on_net_protection(self, event: NetProtection, now: Instant) -> None:  # noqa: ARG002 - every door has one
        self._pairs.put(self.account.positions.of(event.symbol), event.stop_loss, event.take_profit)
        self.account.touched[event.symbol] = None

    # -- market, time, status -------------------------------------------------------------------

    def _on_quote(self, quote: Quote, now: Instant) -> None:  # noqa: ARG002 - every door has one
        self.account.hear_quote(quote)
        self._pipeline.on_quote(quote.symbol)

    def _on_time(self, event: TimeReached, now: Instant) -> None:  # noqa: ARG002 - every door has one
        self.account.safety.quiet(now)
        self._pipeline.on_time(now)
        self._escapes.advance(None, now)
        self._doubts.on_time(now)
        self._news.after_doubts(now)
        self._overfills.on_time(now)
        for symbol in self._pairs.symbols():
            self.account.touched[symbol] = None

    def _on_account_update(self, event: AccountUpdate, now: Instant) -> None:
        account = self.account
        account.available = event.available
        if account.equity_at_start is None:
            account.equity_at_start = event.equity
        self._loop.loss = account.equity_at_start - event.equity
        was_alive = account.equity is None or account.equity > 0
        account.equity = event.equity
        if event.equity <= 0 and was_alive:
            account.alert(ExecutionAlert(SafetyCode.FS050, "account", "account", f"equity is {event.equity}"), now)

    def _on_status(self, event: VenueStatus, now: Instant) -> None:
        account = self.account
        was_connected, account.connected = account.connected, event.connected
        account.set_market(event.symbol, is_open=event.market_open)
        if event.connected and not was_connected:
            self._doubts.reconcile_all(now)
            for execution in self._pipeline.active():
                self._pipeline.advance(execution, now)
            for symbol in account.settings.instruments:
                account.touched[symbol] = None

    def _on_restarted(self, event: Restarted, now: Instant) -> None:  # noqa: ARG002 - every door has one
        self.account.forget_quotes()  # whoever was away does not know for how long
        for record in tuple(self.account.orders.live()):
            record.cancel_asked_at = None
            if record.state is OrderState.SUBMITTED:
                self._news.lost(record, now)
        self._doubts.reconcile_all(now)
        for symbol in self.account.settings.instruments:
            self.account.touched[symbol] = None

    def _on_overflow(self, event: QueueOverflow, now: Instant) -> None:
        detail = f"{event.depth} urgent events are waiting"
        self.account.paused = True
        self.account.alert(ExecutionAlert(SafetyCode.FS095, "queue", "queue", detail), now)
