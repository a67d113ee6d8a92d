"""What the venue did not tell, told late, or told of others: open questions, and how they are answered.

Three kinds. An order of unknown outcome goes through the UNKNOWN protocol
(unknown.py). What our record and a snapshot of the venue disagree on is put right
by the same events that should have come by themselves (reconcile.py); a trade
that the venue has counted and nobody told is asked for until it was heard. What
is not ours is adopted, never ignored: the position follows the fills, whoever
made them.
"""

from collections.abc import Collection
from decimal import Decimal

from qts.domain.fill import Cause, Fill
from qts.domain.instant import Duration, Instant
from qts.domain.money import plain
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionAccount
from qts.execution.commands import CancelOrder, QueryOrder, TakeSnapshot
from qts.execution.contracts import ExecutionAlert
from qts.execution.events import Event, OrderAck, OrderEnded, QueryAnswer, SendOutcome, Snapshot
from qts.execution.orders import OrderRecord
from qts.execution.reconcile import POSITION, Differences, differences
from qts.execution.unknown import (
    Bias,
    Evidence,
    NotFound,
    ProvedAbsent,
    Quarantine,
    Query,
    Retry,
    UnknownAction,
    UnknownCase,
    due,
    opened,
    step,
)

ASK_AGAIN_MS: Duration = 2_000
CORRECTIONS_MAX = 3
_STAGE = "reconcile"


class _Symbol:
    """asked_at: the last snapshot request. strangers: orders that are not ours and were told of, by the venue's ids.

    tries: of each thing that the last ones left unexplained, by how many in a row; tried_at: as_of of the last one.
    """

    __slots__ = ("asked_at", "doubt_since", "fills_after", "next_at", "strangers", "tried_at", "tries", "wants")

    def __init__(self) -> None:
        self.asked_at: Instant | None = None
        self.doubt_since: Instant | None = None
        self.next_at: Instant | None = None
        self.strangers: dict[str, None] = {}
        self.tries: dict[str, int] = {}
        self.tried_at: Instant = 0
        self.wants = False
        self.fills_after = ""  # the last trade a snapshot told; one the stream lost lies behind it


class Doubts:
    """absent, retries, settled: what was concluded, until the controller acted on it.

    watches: whether anything was ever open, or is asked for by the clock; until then no time is due.
    """

    def __init__(self, account: ExecutionAccount) -> None:
        self._account = account
        self._cases: dict[str, UnknownCase] = {}
        self._symbols = {symbol: _Symbol() for symbol in account.settings.instruments}
        self._found: Differences | None = None
        self.watches = account.settings.reconcile_ms is not None
        self.absent: list[OrderRecord] = []
        self.retries: list[OrderRecord] = []
        self.settled: list[OrderRecord] = []
        if account.settings.reconcile_ms is not None:
            for each in self._symbols.values():
                each.next_at = 0

    # -- orders of unknown outcome --------------------------------------------------------

    def unanswered(self, record: OrderRecord, ack: OrderAck, now: Instant) -> None:
        """The outcome of a send is unknown, which opens a case; whatever is heard of the order closes it."""
        if record.state.may_be_live and record.state is not OrderState.ACCEPTED:
            order = record.order
            detail = ack.reason or "no answer"
            self._account.alert(ExecutionAlert(SafetyCode.AN050, order.client_id, "sending", detail), now)
            case = opened(order.client_id, Bias.of(order.role), order.attempt, record.sent_at, now)
            self._cases.setdefault(order.client_id, case)
            self.watches = True

    def heard(self, record: OrderRecord, now: Instant) -> None:
        """The venue spoke of the order: it is known again, though trades of it may still be missing."""
        if self._cases:
            self._cases.pop(record.order.client_id, None)
            self._account.retry_allowed.pop(record.order.client_id, None)
        if record.told > record.filled or record.unnamed:
            self._want(record.order.symbol, now)

    def on_answer(self, answer: QueryAnswer, now: Instant) -> tuple[Event, ...]:
        record = self._account.orders.find(answer.client_id)
        if record is None or not answer.answered:
            return ()
        order = answer.order
        if order is None:
            self._hear(answer.client_id, NotFound(now), now)
            if record.state is OrderState.ACCEPTED or record.cancel_asked_at is not None:
                self._want(record.order.symbol, now)  # gone, it seems: trades and lists will tell
            return ()
        self._account.orders.tell(record, order.filled)
        events: list[Event] = []
        if not record.is_final:
            events.append(OrderAck(answer.client_id, SendOutcome.ACCEPTED, order.venue_id))
        if order.state in (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED):
            events.append(OrderEnded(answer.client_id, order.state, order.filled))
        if order.state.may_be_live:
            self._confirmed(record)
            if record.is_final:  # it was taken for over, and is not
                our = record.order
                self._account.out.append(CancelOrder(our.client_id, our.symbol, our.is_conditional))
        self.heard(record, now)
        return tuple(events)

    def _hear(self, client_id: str, heard: NotFound | Evidence, now: Instant) -> None:
        case = self._cases.get(client_id)
        if case is not None:
            self._act(*step(case, heard, now), now)

    def _act(self, case: UnknownCase, action: UnknownAction, now: Instant) -> None:
        account = self._account
        self._cases[case.client_id] = case
        record = account.orders.find(case.client_id)
        assert record is not None
        order = record.order
        match action:
            case Query():
                account.out.append(QueryOrder(order.client_id, order.symbol, order.is_conditional))
            case Retry():
                account.retry_allowed[order.client_id] = None
                self.retries.append(record)
            case Quarantine():
                detail = f"{order.client_id}: its outcome is unknown for 60 seconds"
                account.alert(ExecutionAlert(SafetyCode.FS070, order.symbol, _STAGE, detail), now)
            case ProvedAbsent():
                del self._cases[case.client_id]
                account.retry_allowed.pop(order.client_id, None)
                self.absent.append(record)
                if action.may_retry:
                    self.retries.append(record)
        if case.wants_snapshot and now > case.settled_at:
            self._want(order.symbol, now)

    # -- record and venue -----------------------------------------------------------------

    def reconcile_all(self, now: Instant) -> None:
        """Nothing is opened on any symbol until a snapshot taken from now on agrees, and no order is sure to work."""
        for record in self._account.orders.live():
            record.doubted_at = now
        for symbol, each in self._symbols.items():
            self._account.in_doubt[symbol] = None
            each.doubt_since = now
            self._ask(symbol, now)

    def _want(self, symbol: str, now: Instant) -> None:
        each = self._symbols[symbol]
        if each.asked_at is None or now >= each.asked_at + ASK_AGAIN_MS // 2:
            self._ask(symbol, now)
        else:
            each.wants = True

    def _ask(self, symbol: str, now: Instant) -> None:
        each = self._symbols[symbol]
        each.asked_at, each.wants = now, False
        self.watches = True
        if self._account.settings.reconcile_ms is not None:
            each.next_at = now + self._account.settings.reconcile_ms
        self._account.out.append(TakeSnapshot(symbol, each.fills_after))

    def on_snapshot(self, snapshot: Snapshot, now: Instant) -> tuple[Event, ...]:
        """The events that were missed, to be handled as if they had come by themselves."""
        account, symbol = self._account, snapshot.symbol
        each = self._symbols.get(symbol)
        if each is None:
            return ()
        is_another = snapshot.as_of >= each.tried_at + ASK_AGAIN_MS // 2  # told again, it is no other try
        if is_another:
            each.tried_at = snapshot.as_of
        last_try = [what for what, tries in each.tries.items() if tries + is_another >= CORRECTIONS_MAX]
        found = differences(
            account.orders,
            account.positions.of(symbol),
            snapshot,
            is_ours=self._is_ours,
            last_try=last_try,
            correct_at=self._mark(snapshot) if POSITION in last_try else None,
        )
        self._confirm_listed(found)
        account.out += [*found.queries, *found.zombies]
        self._tell_strange(found, now)
        events: tuple[Event, ...] = (*found.missed, *found.foreign, *found.accepted, *found.ended)
        if events:
            detail = f"{len(events)} pieces of news were missed"
            account.alert(ExecutionAlert(SafetyCode.AN030, symbol, _STAGE, detail), now)
        if found.gap is not None:  # else it is too old to count as a try
            each.tries = {what: each.tries.get(what, 0) + is_another for what in found.unexplained}
        if found.agrees:
            self._believe(symbol, snapshot, now)
        elif self._conclude(found, snapshot, last_try, now):
            each.tries.clear()
            each.wants = found.correction is None and bool(found.gap)
        else:
            each.wants = True
        if found.correction is not None:
            events = (*events, found.correction)
        self._found = found
        if found.behind:
            each.fills_after = ""
        elif snapshot.fills:
            each.fills_after = snapshot.fills[-1].fill_id
        return events

    def _tell_strange(self, found: Differences, now: Instant) -> None:
        """Orders in the venue's lists that are not as they were sent, or not ours."""
        for client_id in found.altered:
            detail = f"{client_id} is not at the venue as it was sent"
            self._account.alert(ExecutionAlert(SafetyCode.FS070, found.symbol, _STAGE, detail), now)
        strangers = self._symbols[found.symbol].strangers
        for order in found.foreign_orders:
            if order.venue_id not in strangers:  # each is told of once, and acknowledged once
                strangers[order.venue_id] = None
                self._foreign(found.symbol, f"an open order that is not ours: {order.client_id}", now)

    def _conclude(self, found: Differences, snapshot: Snapshot, last_try: Collection[str], now: Instant) -> bool:
        """What is taken to be so of what this is the last try for; whether anything is."""
        held, code = f"the venue holds {plain(snapshot.position)}", SafetyCode.FS070
        if found.correction is not None:
            self._account.orders.forgive(found.symbol)  # the correction stands for what they counted
            detail = f"{held}, the record differs by {plain(found.correction.quantity)}"
        elif found.gap and POSITION in last_try:
            detail = f"{held}, {plain(found.gap)} away, at a price nobody told"
        elif found.gap == 0 and found.behind and all(each in last_try for each in found.behind):
            self._account.orders.forgive(found.symbol)
            code = SafetyCode.AN030
            detail = f"{held}, as we do, and counts more than its trades of {', '.join(found.behind)}"
        else:
            return False
        self._account.alert(ExecutionAlert(code, found.symbol, _STAGE, detail), now)
        return True

    def _confirm_listed(self, found: Differences) -> None:
        """What the lists have is sure to work, unless it is doubted since later; what they lack is doubted."""
        nowhere = {each.client_id for each in found.queries} | set(found.altered)
        for record in self._account.orders.live(found.symbol):
            since = record.doubted_at
            if record.order.client_id in nowhere:
                record.doubted_at = found.as_of if since is None else max(since, found.as_of)
            elif record.order.client_id in found.open_ids and since is not None and since <= found.as_of:
                self._confirmed(record)

    def _confirmed(self, record: OrderRecord) -> None:
        if record.doubted_at is not None:
            record.doubted_at = None
            self._account.touched[record.order.symbol] = None  # what it makes superfluous may go

    def _believe(self, symbol: str, snapshot: Snapshot, now: Instant) -> None:
        """Record and venue agree: what was doubted since before the snapshot is in order."""
        each = self._symbols[symbol]
        if each.doubt_since is None:
            return
        if snapshot.as_of >= each.doubt_since:
            each.doubt_since = None
            self._account.in_doubt.pop(symbol, None)
            self._account.restricted = True
        else:
            self._want(symbol, now)

    def _mark(self, snapshot: Snapshot) -> Decimal | None:
        quote = self._account.quote(snapshot.symbol)
        if quote is not None:
            return quote.mark
        return snapshot.fills[-1].price if snapshot.fills else None

    def weigh_snapshot(self, now: Instant) -> None:
        """What the last snapshot proves about orders of unknown outcome, now that its news have been handled."""
        found, self._found = self._found, None
        if found is None:
            return
        if found.gap == 0:
            self.settled += self._account.orders.agreed(found.symbol, found.as_of)
        for client_id in tuple(self._cases):
            record = self._account.orders.find(client_id)
            if record is not None and record.order.symbol == found.symbol:
                self._hear(client_id, found.evidence(client_id), now)

    # -- what is not ours, and what is too much -----------------------------------------------

    def foreign_fill(self, fill: Fill, now: Instant) -> None:
        if fill.cause in (Cause.LIQUIDATION, Cause.ADL):
            detail = f"the venue took {fill.quantity} at {fill.price}: {fill.cause}"
            self._account.alert(ExecutionAlert(SafetyCode.AN030, fill.symbol, _STAGE, detail), now)
        elif fill.symbol not in self._account.foreign:
            self._foreign(fill.symbol, f"a trade that is not ours: {fill.fill_id}", now)

    def _foreign(self, symbol: str, detail: str, now: Instant) -> None:
        self._account.foreign[symbol] = None
        self._account.alert(ExecutionAlert(SafetyCode.GR040, symbol, _STAGE, detail), now)

    def _is_ours(self, client_id: str) -> bool:
        prefix = self._account.settings.id_prefix
        return self._account.orders.find(client_id) is not None or (prefix != "" and client_id.startswith(prefix))

    def acknowledge(self, symbol: str) -> None:
        self._account.foreign.pop(symbol, None)

    # -- time -------------------------------------------------------------------------------

    def due(self) -> Instant | None:
        if not self.watches:
            return None
        first: Instant | None = None
        for symbol in self._symbols:
            first = _earlier(first, self._ask_at(symbol))
        for case in self._cases.values():
            first = _earlier(first, due(case))
        return first

    def _ask_at(self, symbol: str) -> Instant | None:
        each = self._symbols[symbol]
        asked_at = each.asked_at or 0
        at = each.next_at
        if each.wants:
            at = _earlier(at, asked_at + ASK_AGAIN_MS // 2)
        if each.asked_at is not None and (symbol in self._account.in_doubt or self._account.orders.owed(symbol)):
            at = _earlier(at, asked_at + ASK_AGAIN_MS)
        for case in self._cases.values():
            if case.wants_snapshot and self._symbol_of(case) == symbol:
                at = _earlier(at, max(case.settled_at + 1, asked_at + ASK_AGAIN_MS))
        return at

    def _symbol_of(self, case: UnknownCase) -> str:
        record = self._account.orders.find(case.client_id)
        return "" if record is None else record.order.symbol

    def on_time(self, now: Instant) -> None:
        for client_id in tuple(self._cases):
            while (case := self._cases.get(client_id)) is not None and due(case) <= now:
                self._act(*step(case, None, now), now)
        for symbol in self._symbols:
            at = self._ask_at(symbol)
            if at is not None and at <= now:
                self._ask(symbol, now)

    def facts(self) -> tuple[object, ...]:
        cases = tuple((c.client_id, c.queries, c.not_found, c.retried, c.quarantined) for c in self._cases.values())
        symbols = self._symbols.items()
        kept = tuple((name, s.asked_at, tuple(s.tries.items()), s.tried_at, tuple(s.strangers)) for name, s in symbols)
        return (cases, kept)


def _earlier(one: Instant | None, other: Instant | None) -> Instant | None:
    if one is None or other is None:
        return other if one is None else one
    return one if one < other else other
