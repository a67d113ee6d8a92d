"""What waits to be handled, the urgent first: four lanes before the one machine.

URGENT is all that the venue says of our orders and account, and the operator.
MARKET is quotes and the clock, EVALUATION what strategies decided, SHOWN what is
only to be looked at. A lane is served in the order it was filled. The record is
made where events are handled, so nothing of it rides a lane that may drop.

Each lane has a bound, and says what it does there:

- URGENT keeps everything. Past its bound it tells so, once, ahead of all else
  (``QueueOverflow``, which pauses new executions), and again only after it had
  fallen to half.
- MARKET holds one quote of a symbol, the last, in the place of the first; and
  one ``TimeReached``, since the clock is read when it is handled.
- EVALUATION gives up the oldest set of decisions of the same strategies that
  only increases, else the oldest that only increases. What reduces, withdraws
  or moves a stop is kept past the bound.
- SHOWN keeps one item in ten.

``put`` gives back what will not be handled because of it, and each kind is
counted: nothing goes without a word.

Who starves. What is urgent waits for nothing but what is urgent and came before,
and everything else waits for it. Below it, a lane waits for the lanes above,
but never for more than ``passed_max`` of their items: then one of its own is
served, a decision before a screen. So quotes delay decisions, and cannot keep
them from being handled, and with a patience of 2 or more nor can those quotes.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from qts.domain.errors import UsageError
from qts.domain.fill import Fill
from qts.execution.contracts import only_reduces
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


class Lane(StrEnum):
    """In the order they are served."""

    URGENT = "urgent"
    MARKET = "market"
    EVALUATION = "evaluation"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Shown:
    """Something for a screen. The machine never sees it; whoever takes it shows it."""

    topic: str
    text: str


Waiting: TypeAlias = Event | Shown

LANE_OF: Final[Mapping[type, Lane]] = MappingProxyType(
    {
        Fill: Lane.URGENT,
        OrderAck: Lane.URGENT,
        CancelAck: Lane.URGENT,
        ModifyAck: Lane.URGENT,
        OrderEnded: Lane.URGENT,
        QueryAnswer: Lane.URGENT,
        Snapshot: Lane.URGENT,
        AccountUpdate: Lane.URGENT,
        VenueStatus: Lane.URGENT,
        Restarted: Lane.URGENT,
        QueueOverflow: Lane.URGENT,
        OperatorSaid: Lane.URGENT,
        Quote: Lane.MARKET,
        TimeReached: Lane.MARKET,
        Decided: Lane.EVALUATION,
        Withdrawn: Lane.EVALUATION,
        ProtectionWanted: Lane.EVALUATION,
        NetProtection: Lane.EVALUATION,
        Shown: Lane.SHOWN,
    }
)

_CLOCK: Final = ""  # the clock's place in the market lane; no symbol is called so


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBounds:
    """Items per lane; the market lane is bounded by the number of symbols. passed_max: see the file's head."""

    urgent: int = 100
    evaluation: int = 1_000
    shown: int = 50_000
    shown_one_in: int = 10
    passed_max: int = 1_000

    def __post_init__(self) -> None:
        if min(self.urgent, self.evaluation, self.shown, self.shown_one_in, self.passed_max - 1) < 1:
            raise UsageError("every bound of the queue is 1 or more, passed_max 2 or more")


class EventQueue:
    """quotes_replaced, decisions_dropped, shown_dropped: how many never came to be handled, since the start."""

    __slots__ = (
        "_bounds",
        "_evaluation",
        "_market",
        "_overflow",
        "_passed",
        "_shown",
        "_shown_past_bound",
        "_urgent",
        "decisions_dropped",
        "overflowed",
        "quotes_replaced",
        "shown_dropped",
    )

    def __init__(self, bounds: QueueBounds | None = None) -> None:
        self._bounds = QueueBounds() if bounds is None else bounds
        self._urgent: deque[Waiting] = deque()
        self._market: OrderedDict[str, Waiting] = OrderedDict()
        self._evaluation: deque[Waiting] = deque()
        self._shown: deque[Waiting] = deque()
        self._overflow: QueueOverflow | None = None
        self._passed = {Lane.EVALUATION: 0, Lane.SHOWN: 0}
        self._shown_past_bound = 0
        self.overflowed = False  # from the overflow until the lane has fallen to half
        self.quotes_replaced = 0
        self.decisions_dropped = 0
        self.shown_dropped = 0

    def __len__(self) -> int:
        waiting = len(self._urgent) + len(self._market) + len(self._evaluation) + len(self._shown)
        return waiting + (self._overflow is not None)

    def depth(self, lane: Lane) -> int:
        match lane:
            case Lane.URGENT:
                return len(self._urgent)
            case Lane.MARKET:
                return len(self._market)
            case Lane.EVALUATION:
                return len(self._evaluation)
            case Lane.SHOWN:
                return len(self._shown)

    # -- in -------------------------------------------------------------------------

    def put(self, item: Waiting) -> Waiting | None:
        """Line it up. Gives back what will not be handled because of it, which may be the item; else None."""
        lane = LANE_OF[type(item)]
        if lane is Lane.URGENT:
            self._urgent.append(item)
            if len(self._urgent) > self._bounds.urgent and not self.overflowed:
                self.overflowed = True
                self._overflow = QueueOverflow(len(self._urgent))
            return None
        if lane is Lane.MARKET:
            return self._put_market(item)
        if lane is Lane.EVALUATION:
            return self._put_evaluation(item)
        return self._put_shown(item)

    def _put_market(self, event: Waiting) -> Waiting | None:
        key = event.symbol if isinstance(event, Quote) else _CLOCK
        replaced = self._market.get(key)
        self._market[key] = event
        if replaced is not None and key != _CLOCK:
            self.quotes_replaced += 1
        return replaced

    def _put_evaluation(self, event: Waiting) -> Waiting | None:
        lane = self._evaluation
        lane.append(event)
        if len(lane) <= self._bounds.evaluation:
            return None
        superseded = self._superseded(event)
        if superseded is None:
            return None
        dropped = lane[superseded]
        del lane[superseded]
        self.decisions_dropped += 1
        return dropped

    def _superseded(self, newest: Waiting) -> int | None:
        """Which place in the lane is given up; None when all that waits reduces or protects."""
        strategies = _strategies(newest)
        oldest: int | None = None
        for place, each in enumerate(self._evaluation):
            if not _only_increases(each):
                continue
            if each is not newest and strategies and _strategies(each) == strategies:
                return place
            oldest = place if oldest is None else oldest
        return oldest

    def _put_shown(self, item: Waiting) -> Waiting | None:
        lane = self._shown
        if len(lane) < self._bounds.shown:
            self._shown_past_bound = 0
            lane.append(item)
            return None
        self._shown_past_bound += 1
        self.shown_dropped += 1
        if self._shown_past_bound % self._bounds.shown_one_in:
            return item
        lane.append(item)
        return lane.popleft()

    # -- out ------------------------------------------------------------------------

    def take(self) -> Waiting | None:
        """What is to be handled next, or None when nothing waits."""
        if self._overflow is not None:
            told, self._overflow = self._overflow, None
            return told
        if self._urgent:
            event = self._urgent.popleft()
            if self.overflowed and len(self._urgent) * 2 <= self._bounds.urgent:
                self.overflowed = False
            return event
        return self._take_below()

    def _take_below(self) -> Waiting | None:
        patience, passed = self._bounds.passed_max, self._passed
        if self._evaluation and (not self._market or passed[Lane.EVALUATION] >= patience):
            lane = Lane.EVALUATION
        elif self._market:
            lane = Lane.MARKET
        else:
            lane = Lane.SHOWN
        if self._shown and passed[Lane.SHOWN] >= patience and passed[Lane.EVALUATION] < patience:
            lane = Lane.SHOWN
        self._count_passed(lane)
        if lane is Lane.MARKET:
            return self._market.popitem(last=False)[1]
        if lane is Lane.EVALUATION:
            return self._evaluation.popleft()
        return self._shown.popleft() if self._shown else None

    def _count_passed(self, served: Lane) -> None:
        """Who waits was passed over once more, and who was served begins anew."""
        passed = self._passed
        passed[Lane.EVALUATION] = (
            0 if served is Lane.EVALUATION or not self._evaluation else passed[Lane.EVALUATION] + 1
        )
        passed[Lane.SHOWN] = 0 if served is Lane.SHOWN or not self._shown else passed[Lane.SHOWN] + 1


def _strategies(event: Waiting) -> frozenset[str]:
    if not isinstance(event, Decided):
        return frozenset()
    return frozenset(decision.strategy_id for decision in event.decisions)


def _only_increases(event: Waiting) -> bool:
    return isinstance(event, Decided) and not any(only_reduces(decision.order) for decision in event.decisions)
