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


ASSUMPTIONS = (
    "orders decided at a bar's close fill at the next bar's open, never earlier",
    "when stop and target lie in the same bar, the stop is taken",
    "taker fills are 1 bps worse than the reference price",
    "at most 10 % of a bar's volume is filled in that bar",
    "funding is charged on the notional at the mark of each funding instant",
)


class RandomTrader:
    """Holds a random side for a random while, again and again; keeps money, curve and lists in step."""

    def __init__(self, close: np.ndarray, closed_at: np.ndarray, capital: Decimal, reasons: tuple[str, ...]) -> None:
        self.close, self.closed_at, self.reasons = close, closed_at, reasons
        self.wallet = capital
        self.position, self.earned = np.zeros(len(close)), np.zeros(len(close))
        self.trades: list[Trade] = []
        self.fills: list[Fill] = []
        self.payments: list[FundingPayment] = []

    def trade(self, rng: np.random.Generator, edge: float, every: int) -> None:
        at, bars = 5, len(self.close)
        while at < bars - 2:
            leave = min(at + int(rng.integers(4, 2 * every)), bars - 1)
            move = self.close[leave] / self.close[at] - 1
            knows = rng.random() < 0.5 + edge and move != 0
            self.hold(at, leave, int(np.sign(move)) if knows else (1 if rng.random() < 0.55 else -1), rng)
            at = leave + int(rng.integers(2, every))

    def hold(self, at: int, leave: int, sign: int, rng: np.random.Generator) -> None:
        entry, leaving = cents(self.close[at]), cents(self.close[leave])
        quantity = (max(min(self.wallet, Decimal(15_000)), Decimal(100)) / entry).quantize(Decimal("0.001"))
        is_open = leave == len(self.close) - 1
        gross = sign * quantity * (leaving - entry)
        fees = quantity * entry * FEE + (Decimal(0) if is_open else quantity * leaving * FEE)
        funding = quantity * entry * FUNDING * sign
        at_level = Cause.TAKE_PROFIT if gross > 0 else Cause.STOP_LOSS
        cause = Cause.ORDER if rng.random() < 0.6 else at_level
        self.trades.append(
            Trade(
                trade_id=f"t{len(self.trades)}",
                symbol="BTCUSDT",
                side=Side.BUY if sign > 0 else Side.SELL,
                quantity=quantity,
                entered_at=int(self.closed_at[at]),
                entry_price=entry,
                exited_at=None if is_open else int(self.closed_at[leave]),
                exit_price=None if is_open else leaving,
                exit_cause=None if is_open else cause,
                gross_pnl=gross,
                fees=fees,
                slippage=quantity * (entry + leaving) * SLIP,
                funding=funding,
                reason=self.reasons[0 if sign > 0 else -1],
            )
        )
        self.fill(at, sign * quantity, entry, Cause.ORDER)
        if not is_open:
            self.fill(leave, -sign * quantity, leaving, cause)
        self.pay(at, sign * quantity, entry, funding)
        self.position[at:leave] = sign * float(quantity)
        self.earned[at:] -= float(fees + funding)
        self.earned[at : leave + 1] += sign * float(quantity) * (self.close[at : leave + 1] - self.close[at])
        self.earned[leave + 1 :] += float(gross)
        self.wallet += gross - fees - funding

    def fill(self, row: int, quantity: Decimal, price: Decimal, cause: Cause) -> None:
        self.fills.append(
            Fill(
                fill_id=f"f{len(self.fills)}",
                order_id=f"o{len(self.fills)}",
                symbol="BTCUSDT",
                side=Side.BUY if quantity > 0 else Side.SELL,
                quantity=abs(quantity),
                price=price,
                reference_price=price,
                fee=abs(quantity) * price * FEE,
                liquidity=Liquidity.TAKER,
                cause=cause,
                realized_pnl=Decimal(0),
                occurred_at=int(self.closed_at[row]),
            )
        )

    def pay(self, row: int, position: Decimal, price: Decimal, amount: Decimal) -> None:
        self.payments.append(
            FundingPayment(
                symbol="BTCUSDT",
                occurred_at=int(self.closed_at[row]),
                rate=FUNDING,
                position=position,
                price=price,
                amount=amount,
            )
        )


def provenance(
    strategy: str, capital: Decimal, end: int, waivers: tuple[Waiver, ...], *, synthetic: bool
) -> Provenance:
    return Provenance(
        strategy=strategy,
        parameters={"entry_bars": 55, "exit_bars": 20, "stop_atr": "2.5"},
        code_digest="7d1f0c5e9a" * 6 + "beef",
        data_fingerprint="51a0b7c3d2" * 6 + "cafe",
        data_source="generated, seed 11",
        symbol="BTCUSDT",
        interval_ms=BAR_MS,
        start=START,
        end=end,
        capital=capital,
        frictions={"fee_rate_taker": "0.0005", "slippage": {"model": "fixed", "bps": "1"}, "leverage": 3},
        risk_limits={"leverage_max": "3", "risk_per_trade": "0.02"},
        waivers=waivers,
        synthetic=synthetic,
    )


def refusals(closed_at: np.ndarray) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(
            occurred_at=int(closed_at[100 * i]),
            order_id=f"r{i}",
            codes=("price-collar",) if i % 3 else ("leverage-cap", "price-collar"),
            detail=f"limit {30_000 + i} is more than 5 % from the last close",
        )
        for i in range(min(7, len(closed_at) // 100))
    )


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
    assumptions: tuple[str, ...] = ASSUMPTIONS,
) -> RunResult:
    rng, capital = np.random.default_rng(seed), Decimal(10_000)
    log_price = np.cumsum(rng.standard_t(5, bars) * 0.0075 + 0.0004 * np.sin(np.arange(bars) / 700))
    close = np.round(30_000 * np.exp(log_price), 1)
    closed_at = START + BAR_MS * np.arange(1, bars + 1)
    trader = RandomTrader(close, closed_at, capital, reasons)
    trader.trade(rng, edge, every)
    return RunResult(
        provenance=provenance(strategy, capital, int(closed_at[-1]), waivers, synthetic=synthetic),
        opened_at=closed_at - BAR_MS,
        close=close,
        equity=float(capital) + trader.earned,
        size_changes=tuple(enumerate(trader.position.tolist())),
        fills=tuple(trader.fills),
        funding_payments=tuple(trader.payments),
        trades=tuple(trader.trades),
        refusals=refusals(closed_at),
        wallet=trader.wallet,
        unrealized_pnl=Decimal(0),
        costs=CostSplit(
            fees=sum((trade.fees for trade in trader.trades), Decimal(0)),
            slippage=sum((trade.slippage for trade in trader.trades), Decimal(0)),
            funding=sum((trade.funding for trade in trader.trades), Decimal(0)),
            liquidation_fees=Decimal(0),
        ),
        assumptions=assumptions,
        halted=halted,
    )
