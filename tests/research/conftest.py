"""Runs made by hand: an equity curve and a list of trade results, everything else as plain as it can be."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.fill import Cause, Trade
from qts.domain.instant import HOUR_MS, Instant, parse_instant
from qts.domain.order import Side
from qts.simulation.result import CostSplit, Provenance, RunResult

START = parse_instant("2024-01-01")
MakeRun = Callable[..., RunResult]


def trade(number: int, net: Decimal, *, open_still: bool = False) -> Trade:
    at = START + number * HOUR_MS
    return Trade(
        trade_id=f"t{number}",
        symbol="BTCUSDT",
        side=Side.BUY,
        quantity=Decimal(1),
        entered_at=at,
        entry_price=Decimal(100),
        exited_at=None if open_still else at + HOUR_MS,
        exit_price=None if open_still else Decimal(101),
        exit_cause=None if open_still else Cause.ORDER,
        gross_pnl=net + 3,
        fees=Decimal(2),
        slippage=Decimal(0),
        funding=Decimal(1),
        reason="by hand",
    )


@pytest.fixture
def make_run() -> MakeRun:
    def make(
        equity: Sequence[float],
        *,
        net_pnl: Sequence[Decimal] = (),
        open_pnl: Sequence[Decimal] = (),
        capital: str = "10000",
        interval_ms: int = 4 * HOUR_MS,
        closed_at: Sequence[Instant] | None = None,
        position: Sequence[float] | None = None,
        fills: tuple[object, ...] = (),
    ) -> RunResult:
        n = len(equity)
        closes = START + interval_ms * np.arange(1, n + 1) if closed_at is None else np.array(closed_at)
        trades = [trade(i, net) for i, net in enumerate(net_pnl)]
        trades += [trade(len(trades) + i, net, open_still=True) for i, net in enumerate(open_pnl)]
        zero = Decimal(0)
        return RunResult(
            provenance=Provenance(
                strategy="by-hand",
                parameters={},
                code_digest="c0de",
                data_fingerprint="da7a",
                data_source="by hand",
                symbol="BTCUSDT",
                interval_ms=interval_ms,
                start=START,
                end=START + n * interval_ms,
                capital=Decimal(capital),
                frictions={"fee_rate_taker": "0.0005"},
                risk_limits={},
                waivers=(),
                synthetic=False,
            ),
            opened_at=closes.astype(np.int64) - interval_ms,
            close=np.linspace(100.0, 200.0, n) if n else np.empty(0),
            equity=np.asarray(equity, dtype=np.float64),
            size_changes=tuple(enumerate(np.zeros(n) if position is None else map(float, position))),
            fills=fills,  # type: ignore[arg-type]
            funding_payments=(),
            trades=tuple(trades),
            refusals=(),
            wallet=Decimal(capital),
            unrealized_pnl=zero,
            costs=CostSplit(fees=zero, slippage=zero, funding=zero, liquidation_fees=zero),
            assumptions=(),
            halted=None,
        )

    return make
