"""Runs for pages: a random walk with a fixed seed, traded at random, whose equity, trades, fills and costs agree."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.fill import Cause, Fill, FundingPayment, Liquidity, Trade
from qts.domain.instant import HOUR_MS, parse_instant
from qts.domain.order import Side
from qts.domain.waiver import Waiver
from qts.simulation.result import CostSplit, Provenance, Refusal, RunResult

START = parse_instant("2021-01-01")
BAR_MS = 4 * HOUR_MS
FEE, SLIP, FUNDING = Decimal("0.0005"), Decimal("0.0001"), Decimal("0.0001")
MakePageRun = Callable[..., RunResult]


def cents(value: object) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


@pytest.fixture(scope="session")
def make_page_run() -> MakePageRun:
    return page_run


def page_run(
    bars: int = 6570,
    *,
    seed: int = 11,
    edge: float = 0.0,
    strategy: str = "donchian-breakout",
    reasons: tuple[str, ...] = ("closed above the 55-bar high", "closed below the 55-bar low"),
    synthetic: bool = True,
    waivers: tuple[Waiver, ...] = (Waiver.MARK_FROM_LAST, Waiver.BRACKETS_UNDATED),
    every: int = 24,
    halted: str | None = None,
    assumptions: tuple[str, ...] = (
        "orders decided at a bar's close fill at the next bar's open, never earlier",
        "when stop and target lie in the same bar, the stop is taken",
        "taker fills are 1 bps worse than the reference price",
        "at most 10 % of a bar's volume is filled in that bar",
        "funding is charged on the notional at the mark of each funding instant",
    ),
) -> RunResult:
    rng = np.random.default_rng(seed)
    log_price = np.cumsum(rng.standard_t(5, bars) * 0.0075 + 0.0004 * np.sin(np.arange(bars) / 700))
    close = np.round(30_000 * np.exp(log_price), 1)
    closed_at = START + BAR_MS * np.arange(1, bars + 1)
    capital = Decimal(10_000)
    position, marked, paid = np.zeros(bars), np.zeros(bars), np.zeros(bars)
    fills: list[Fill] = []
    payments: list[FundingPayment] = []
    trades: list[Trade] = []
    at, wallet = 5, capital
    while at < bars - 2:
        length = int(rng.integers(4, 2 * every))
        leave = min(at + length, bars - 1)
        move = close[leave] / close[at] - 1
        sign = int(np.sign(move)) if rng.random() < 0.5 + edge and move else (1 if rng.random() < 0.55 else -1)
        quantity = (min(wallet, Decimal(15_000)) / Decimal(str(close[at]))).quantize(Decimal("0.001"))
        if quantity <= 0:
            break
        is_open = leave == bars - 1
        entry, leaving = cents(close[at]), cents(close[leave])
        gross = sign * quantity * (leaving - entry)
        fees = quantity * entry * FEE + (Decimal(0) if is_open else quantity * leaving * FEE)
        funding = quantity * entry * FUNDING * sign
        slippage = quantity * (entry + leaving) * SLIP
        cause = Cause(rng.choice([Cause.ORDER, Cause.STOP_LOSS, Cause.TAKE_PROFIT], p=[0.6, 0.25, 0.15]))
        if gross > 0 and cause is Cause.STOP_LOSS:
            cause = Cause.TAKE_PROFIT
        elif gross < 0 and cause is Cause.TAKE_PROFIT:
            cause = Cause.STOP_LOSS
        trades.append(
            Trade(
                trade_id=f"t{len(trades)}",
                symbol="BTCUSDT",
                side=Side.BUY if sign > 0 else Side.SELL,
                quantity=quantity,
                entered_at=int(closed_at[at]),
                entry_price=entry,
                exited_at=None if is_open else int(closed_at[leave]),
                exit_price=None if is_open else leaving,
                exit_cause=None if is_open else cause,
                gross_pnl=gross,
                fees=fees,
                slippage=slippage,
                funding=funding,
                reason=reasons[0 if sign > 0 else -1],
            )
        )
        for price, side, instant in ((entry, sign, closed_at[at]), (leaving, -sign, closed_at[leave])):
            fills.append(
                Fill(
                    fill_id=f"f{len(fills)}",
                    order_id=f"o{len(fills)}",
                    symbol="BTCUSDT",
                    side=Side.BUY if side > 0 else Side.SELL,
                    quantity=quantity,
                    price=price,
                    reference_price=price,
                    fee=quantity * price * FEE,
                    liquidity=Liquidity.TAKER,
                    cause=Cause.ORDER,
                    realized_pnl=Decimal(0),
                    occurred_at=int(instant),
                )
            )
        payments.append(
            FundingPayment(
                symbol="BTCUSDT",
                occurred_at=int(closed_at[at]),
                rate=FUNDING,
                position=sign * quantity,
                price=entry,
                amount=funding,
            )
        )
        position[at:leave] = sign * float(quantity)
        marked[at : leave + 1] += sign * float(quantity) * (close[at : leave + 1] - close[at])
        paid[at:] -= float(fees + funding)
        paid[leave + 1 :] += float(gross)
        wallet += gross - fees - funding
        at = leave + int(rng.integers(2, every))
    costs = CostSplit(
        fees=sum((t.fees for t in trades), Decimal(0)),
        slippage=sum((t.slippage for t in trades), Decimal(0)),
        funding=sum((t.funding for t in trades), Decimal(0)),
        liquidation_fees=Decimal(0),
    )
    return RunResult(
        provenance=Provenance(
            strategy=strategy,
            parameters={"entry_bars": 55, "exit_bars": 20, "stop_atr": "2.5"},
            code_digest="7d1f0c5e9a" * 6 + "beef",
            data_fingerprint="51a0b7c3d2" * 6 + "cafe",
            data_source="generated, seed 11",
            symbol="BTCUSDT",
            interval_ms=BAR_MS,
            start=START,
            end=int(closed_at[-1]),
            capital=capital,
            frictions={"fee_rate_taker": "0.0005", "slippage": {"model": "fixed", "bps": "1"}, "leverage": 3},
            risk_limits={"leverage_max": "3", "risk_per_trade": "0.02"},
            waivers=waivers,
            synthetic=synthetic,
        ),
        opened_at=closed_at - BAR_MS,
        close=close,
        equity=float(capital) + marked + paid,
        size_changes=tuple(enumerate(position.tolist())),
        fills=tuple(fills),
        funding_payments=tuple(payments),
        trades=tuple(trades),
        refusals=tuple(
            Refusal(
                occurred_at=int(closed_at[100 * i]),
                order_id=f"r{i}",
                codes=("price-collar",) if i % 3 else ("leverage-cap", "price-collar"),
                detail=f"limit {30_000 + i} is more than 5 % from the last close",
            )
            for i in range(min(7, bars // 100))
        ),
        wallet=wallet,
        unrealized_pnl=Decimal(0),
        costs=costs,
        assumptions=assumptions,
        halted=halted,
    )
