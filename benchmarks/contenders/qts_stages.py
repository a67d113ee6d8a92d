"""QTS: how long each stage of an execution takes in process, on the real machine, told real events.

    precheck  from the state PRECHECK to SPLITTING: every limit set, capital included
    split     from SPLITTING to SENDING: single, TWAP, VWAP and iceberg in turn
    send      from Decided to the first SendOrder that may be performed: precheck, split and the record included
    adjust    the event at which a limit order that does not fill is taken back, and the one that sends its successor
    escape    the operator's word while an entry, a stop and a target rest, and the answers until the close is sent

With ``--folder`` a command may be performed when its rows are on the platter
(SQLite, synchronous=FULL): that wait is part of send, adjust and escape, and
`X"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections import defaultdict, deque
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

from benchmarks.measuring import report
from qts.adapters.stores.journal_store import SqliteJournal
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order, OrderType, Side
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, Command, SendOrder
from qts.execution.contracts import ExecutionState, OrderDecision, Role, SplitAlgorithm, SplitOrder
from qts.execution.controller import ExecutionController
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    Decided,
    Event,
    OperatorSaid,
    OperatorVerb,
    OrderAck,
    Quote,
    SendOutcome,
    TimeReached,
)
from qts.execution.executions import Execution
from qts.execution.stages.precheck import PreCheckLimits
from qts.market.volume_profile import VolumeProfile

SYMBOL = "SEEDED"
START_MS = 1_672_531_200_000
MINUTE_MS = 60_000
INSTRUMENT = Instrument(
    symbol=SYMBOL, base="S", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"), notional_min=Decimal(5)
)
PROFILE = VolumeProfile(
    symbol=SYMBOL,
    bucket_ms=MINUTE_MS,
    weights=tuple(1 + minute % 97 for minute in range(1440)),
    day_volume=Decimal(1_000_000),
    known_at=START_MS - 1,
)
LIMITS = PreCheckLimits(
    position_max=Decimal(1_000), executions_per_day_max=1_000_000, data_age_ms_max=10_000, leverage=2
)
AVAILABLE = Decimal(1_000_000)
BID, ASK = Decimal("100.0"), Decimal("100.2")
_WARM_UP_TURNS = 50


class Bench:
    """One machine, its journal, a clock that stands still between turns, and a venue that accepts everything.

    ns: what was measured, by stage. What is at market or closes an escape fills at once.
    """

    def __init__(self, store: SqliteJournal | None) -> None:
        self.machine = ExecutionController(
            ExecutionSettings(instruments={SYMBOL: INSTRUMENT}, profiles={SYMBOL: PROFILE}, limits=LIMITS)
        )
        self.now = START_MS
        self.ns: dict[str, list[int]] = defaultdict(list)
        self.entered: dict[ExecutionState, int] = {}
        self.appended = 0
        self._store = store
        self._clock = time.thread_time_ns if store is None else time.perf_counter_ns
        self._number = itertools.count(1)
        self._note_states()

    def _note_states(self) -> None:
        """Every execution tells when it enters a state."""
        entered, enter, clock = self.entered, Execution.enter, self._clock

        def noted(execution: Execution, state: ExecutionState, now: int) -> None:
            entered[state] = clock()
            enter(execution, state, now)

        Execution.enter = noted  # type: ignore[assignment, method-assign]

    # -- news in, commands out -----------------------------------------------------------

    def tell(self, event: Event) -> tuple[tuple[Command, ...], int]:
        """The commands, and the nanoseconds until the first of them may be performed."""
        journal, store, clock = self.machine.journal, self._store, self._clock
        start = clock()
        commands = self.machine.handle(event, self.now)
        rows = journal.taken()
        handled = clock()
        if store is not None:
            store.append(rows)
        end = clock()
        self.appended = end - handled
        return commands, end - start

    def settle(self, commands: tuple[Command, ...]) -> None:
        """Let the venue answer, and answer what follows from its answers."""
        waiting = deque(commands)
        while waiting:
            for answer in self._answers(waiting.popleft()):
                waiting += self.tell(answer)[0]

    def answered(self, commands: tuple[Command, ...], *, until: Role) -> int:
        """Nanoseconds of the venue's answers up to the order of that role; what is open then is settled."""
        waiting, spent = deque(commands), 0
        while waiting:
            for answer in self._answers(waiting.popleft()):
                new, ns = self.tell(answer)
                spent += ns
                waiting += new
                if any(isinstance(each, SendOrder) and each.order.role is until for each in new):
                    self.settle(tuple(waiting))
                    return spent
        raise AssertionError(f"no order to {until} was sent")

    def _answers(self, command: Command) -> tuple[Event, ...]:
        match command:
            case SendOrder(order):
                accepted = OrderAck(order.client_id, SendOutcome.ACCEPTED, venue_id="v")
                fills = order.type is OrderType.MARKET or order.role is Role.ESCAPE
                return (accepted, self._fill(order)) if fills else (accepted,)
            case CancelOrder(client_id):
                return (CancelAck(client_id, CancelOutcome.CANCELED, ZERO),)
        return ()

    def _fill(self, order: SplitOrder) -> Fill:
        price = ASK if order.side is Side.BUY else BID
        return Fill(
            fill_id=f"t{next(self._number)}",
            order_id=order.client_id,
            symbol=SYMBOL,
            side=order.side,
            quantity=order.quantity,
            price=price,
            reference_price=price,
            fee=Decimal("0.01"),
            liquidity=Liquidity.TAKER,
            cause=Cause.ORDER,
            realized_pnl=ZERO,
            occurred_at=self.now,
        )

    # -- turns ------------------------------------------------------------------------------

    def turn(self, algorithm: SplitAlgorithm) -> None:
        """One decision sent, filled, protected and escaped from; then one limit order adjusted and given up."""
        self._decide(algorithm)
        self._adjust()
        self._pass(5_000)
        if self.machine.account.positions.of(SYMBOL).quantity != 0 or self.machine.account.escaping:
            raise AssertionError("a turn has to end flat")

    def _decide(self, algorithm: SplitAlgorithm) -> None:
        self._quote()
        self.entered.clear()
        commands, ns = self.tell(self._decided(algorithm, stop="95", target="110"))
        self._require(commands, SendOrder)
        self.ns["send"].append(ns)
        self.ns["append"].append(self.appended)
        self._note("precheck", ExecutionState.PRECHECK, ExecutionState.SPLITTING)
        self._note("split", ExecutionState.SPLITTING, ExecutionState.SENDING)
        self.settle(commands)
        self.settle(self.tell(self._decided(limit="99"))[0])
        commands, ns = self._escape()
        self.ns["escape"].append(ns + self.answered(commands, until=Role.ESCAPE))

    def _adjust(self) -> None:
        self._quote()
        commands, _ = self.tell(self._decided(limit="100"))
        self.settle(commands)
        while True:
            due = self.machine.due
            assert due is not None
            self.now = max(self.now, due)
            self._quote()
            commands, ns = self.tell(TimeReached())
            if any(isinstance(each, CancelOrder) for each in commands):
                self.ns["adjust"].append(ns + self.answered(commands, until=Role.ENTRY))
                break
        self.settle(self._escape()[0])

    def _escape(self) -> tuple[tuple[Command, ...], int]:
        commands, ns = self.tell(OperatorSaid(OperatorVerb.ESCAPE, "benchmark", symbol=SYMBOL))
        self._require(commands, CancelOrder)
        return commands, ns

    def _decided(
        self,
        algorithm: SplitAlgorithm | None = None,
        *,
        limit: str | None = None,
        stop: str | None = None,
        target: str | None = None,
    ) -> Decided:
        order = Order(
            order_id=f"d{next(self._number)}",
            symbol=SYMBOL,
            side=Side.BUY,
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            quantity=Decimal("12.345"),
            effect=Effect.INCREASE,
            price=None if limit is None else Decimal(limit),
            stop_loss=None if stop is None else Decimal(stop),
            take_profit=None if target is None else Decimal(target),
            created_at=self.now,
            good_until=None,
            reason="",
        )
        horizon = 0 if algorithm is None else 20 * MINUTE_MS
        return Decided((OrderDecision(order, BID, "benchmark", algorithm, horizon_ms=horizon),), AVAILABLE)

    def _quote(self) -> None:
        self.tell(Quote(SYMBOL, BID, ASK, BID, self.now))

    def _pass(self, ms: int) -> None:
        end = self.now + ms
        while (due := self.machine.due) is not None and due <= end:
            self.now = max(self.now, due)
            self.settle(self.tell(TimeReached())[0])
        self.now = end

    def _note(self, stage: str, begins: ExecutionState, ends: ExecutionState) -> None:
        self.ns[stage].append(self.entered[ends] - self.entered[begins])

    @staticmethod
    def _require(commands: tuple[Command, ...], kind: type) -> None:
        if not any(isinstance(each, kind) for each in commands):
            raise AssertionError(f"no {kind.__name__} among {commands}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, required=True)
    parser.add_argument("--folder", type=Path, help="store the journal in a file of this folder, durably")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        stack.enter_context(exact_arithmetic())
        store = None
        if chosen.folder is not None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder))
            store = stack.enter_context(SqliteJournal(Path(folder) / "account.journal"))
        bench = Bench(store)
        for number, algorithm in zip(range(_WARM_UP_TURNS + chosen.turns), itertools.cycle(SplitAlgorithm)):
            if number == _WARM_UP_TURNS:
                bench.ns.clear()
            bench.turn(algorithm)
    report(turns=chosen.turns, rows=bench.machine.journal.number, **_quantiles(bench.ns))


def _quantiles(ns: dict[str, list[int]]) -> dict[str, float]:
    """Milliseconds: ``send_p50``, ``send_p99`` and so on."""
    found: dict[str, float] = {}
    for stage, each in ns.items():
        percents = statistics.quantiles(each, n=100, method="inclusive")
        found |= {f"{stage}_p50": percents[49] / 1e6, f"{stage}_p99": percents[98] / 1e6}
    return found


if __name__ == "__main__":
    main()
