"""In a run of one strategy: the position is given back where its stop no longer comes before liquidation.

The strategy's stop is the account's (``stop_recheck.py``). It is looked at before
the strategy's answer is made into orders, as on an account of several; what the
answer closes itself, and what is leaving already, is not closed twice.

Only fills, funding, a stop that was moved and another bracket table can change
the answer. An engine that skips what cannot matter is told of the first row at
whose close it has to be asked although the market does nothing (``due``); the
market's own events it visits anyway. While nothing is held, or nothing changed,
asking costs a comparison or two.
"""

from bisect import bisect_left
from decimal import Decimal
from typing import Final

import numpy as np

from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order, OrderType, Side
from qts.execution.contracts import OrderDecision, leaves_next
from qts.execution.controller import ExecutionController
from qts.execution.cycle import Plan
from qts.risk.gate import AccountState, Approved, RiskGate
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.columns import MarketColumns
from qts.simulation.run_limits import OWN, RunLimits
from qts.simulation.stop_recheck import WHY, StopRecheck, given_back
from qts.simulation.venue import Venue

_NEVER: Final = 2**63 - 1


class RunGuard:
    """limits: of the run, None for none of them; then nothing is asked. gate: of the run."""

    def __init__(
        self,
        venue: Venue,
        controller: ExecutionController,
        columns: MarketColumns,
        policies: LimitPolicies | None,
        *,
        limits: RunLimits | None,
        gate: RiskGate,
    ) -> None:
        self._recheck = StopRecheck(policies, columns.brackets)
        self._is_asked = self._recheck.is_asked
        self._venue = venue
        self._book = venue.book
        self._symbol = venue.instrument.symbol
        self._controller = controller
        self._limits = limits
        self._gate = gate
        self._opened = columns.bars.opened_at
        self._interval_ms = columns.bars.interval_ms
        self._tables = _rows_of_tables(columns)
        self._table_row = _NEVER  # the next row at whose close another table rules
        self._happened = -1  # fills and payments when it was asked last
        self._stop_moved = False  # since then
        self._gives_back = False  # by the last answer

    def due(self, row: int) -> int:
        """The first row, from ``row`` on, at whose close it has to be asked whatever the market does."""
        if not self._is_asked or not self._book.position:
            return _NEVER
        return row if self._gives_back or self._stop_moved else max(row, self._table_row)

    def gives_back(self, row: int) -> bool:
        """Whether the position has to go; asked at the close of each row on which anything happens or is decided."""
        if not self._is_asked or not self._book.position:
            self._gives_back = False
            return False
        happened = len(self._venue.fills) + len(self._venue.payments)
        if happened == self._happened and row < self._table_row and not (self._gives_back or self._stop_moved):
            return False
        self._happened, self._stop_moved = happened, False
        place = bisect_left(self._tables, row + 1)
        self._table_row = self._tables[place] if place < len(self._tables) else _NEVER
        now = self._closed_at(row)
        with exact_arithmetic():
            verdict = self._recheck.objection(self._book, self._controller.stop_of(self._symbol), now)
        self._gives_back = verdict is not None
        if verdict is not None:
            assert self._limits is not None, "it is asked by a limit"
            self._limits.told(given_back(now, OWN, self._symbol, verdict))
        return self._gives_back

    def joined(self, plan: Plan, state: AccountState, price: Decimal, now: Instant) -> Plan:
        """The plan, and before everything in it the way out of the position, where that has to go.

        state: what the plan was made of. price: the last one. Call inside ``exact_arithmetic()``.
        """
        if plan.protection is not None:
            self._stop_moved = True
        quantity = state.position.copy_abs() - self._leaving(plan) if self._gives_back else ZERO
        if not quantity > ZERO:
            return plan
        side = Side.SELL if state.position > ZERO else Side.BUY
        order_id, effect = f"{self._symbol}-{now}-out", Effect.REDUCE
        order = Order(
            order_id, self._symbol, side, OrderType.MARKET, quantity, effect, None, None, None, now, None, WHY
        )
        approved = self._gate.before_route(order, state, now)
        assert isinstance(approved, Approved), "what takes a position down by no more than it has reduces"
        assert self._limits is not None, "it is asked by a limit"
        self._limits.went_out(order)
        decisions = (OrderDecision(order, price), *plan.decisions)
        return Plan((approved, *plan.orders), plan.protection, plan.not_sent, decisions)

    def _leaving(self, plan: Plan) -> Decimal:
        """What is closed next already: by orders at work, and by the plan itself; base units."""
        planned = (decision.order.quantity for decision in plan.decisions if leaves_next(decision))
        return sum(planned, start=self._controller.leaving(self._symbol))

    def _closed_at(self, row: int) -> Instant:
        return int(self._opened[row]) + self._interval_ms


def _rows_of_tables(columns: MarketColumns) -> list[int]:
    """Rows whose close is the first under a newer bracket table, in order."""
    tables = () if columns.brackets is None else columns.brackets.tables[1:]  # the first rules from the beginning
    starts = np.array([table.as_of for table in tables], dtype=np.int64)
    closes = columns.bars.opened_at + columns.bars.interval_ms
    return sorted(set(np.searchsorted(closes, starts, side="left").tolist()))
