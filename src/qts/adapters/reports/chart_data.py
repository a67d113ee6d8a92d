"""What the page's own script draws: plain columns and rows, no styling: that is the script's business."""

from collections.abc import Sequence
from decimal import Decimal
from math import floor, log10

import numpy as np

from qts.adapters.reports.thinning import thin
from qts.domain.fill import Trade
from qts.domain.order import Side
from qts.market.bars import Floats
from qts.research.drawdown import drawdowns
from qts.research.returns import MarkedEquity
from qts.simulation.result import RunResult

BINS_WANTED = 36


def chart_data(result: RunResult, curve: MarkedEquity, held: MarkedEquity, quote: str) -> dict[str, object]:
    """Everything of one run that is drawn or listed by the script."""
    return {
        "quote": quote,
        "base": result.provenance.symbol.removesuffix(quote) if quote else "",
        "capital": float(result.capital),
        "equity": thin(curve.instants, curve.points).facts(),
        "held": thin(held.instants, held.points).facts(),
        "fall": thin(curve.instants, -drawdowns(curve.points)).facts(),
        "heldFall": thin(held.instants, -drawdowns(held.points)).facts(),
        "price": thin(result.closed_at, result.close).facts(),
        "bins": return_bins([trade_return(trade) for trade in result.closed_trades]),
        "costs": cost_steps(result),
        **trade_rows(result.trades),
    }


def trade_return(trade: Trade) -> float:
    """Net P&L over the value at entry, a fraction."""
    return float(trade.net_pnl / (trade.entry_price * trade.quantity))


def trade_rows(trades: Sequence[Trade]) -> dict[str, object]:
    """Every trade as a row of numbers; causes and reasons are listed once and pointed at."""
    causes: dict[str, int] = {}
    reasons: dict[str, int] = {}
    rows = [
        [
            1 if trade.side is Side.BUY else -1,
            trade.entered_at,
            trade.exited_at,
            float(trade.quantity),
            float(trade.entry_price),
            None if trade.exit_price is None else float(trade.exit_price),
            float(trade.gross_pnl),
            float(trade.fees),
            float(trade.funding),
            float(trade.slippage),
            float(trade.net_pnl),
            float(f"{trade_return(trade):.6g}"),
            causes.setdefault("open" if trade.exit_cause is None else trade.exit_cause.value, len(causes)),
            reasons.setdefault(trade.reason, len(reasons)),
        ]
        for trade in trades
    ]
    return {"trades": rows, "causes": list(causes), "reasons": list(reasons)}


def return_bins(returns: Sequence[float]) -> dict[str, object]:
    """A histogram whose bins meet at 0, so that no bin mixes gains and losses.

    The outermost bins also hold what lies beyond them (the page says so); exact
    zeros are counted with the gains' first bin.
    """
    if len(returns) == 0:
        return {"width": 0.0, "first": 0.0, "counts": [], "beyond": 0}
    values = np.asarray(returns)
    low, high = (float(edge) for edge in np.quantile(values, (0.01, 0.99)))
    width = _round_step(max(high - low, 1e-6) / BINS_WANTED)
    first, last = floor(low / width), max(floor(high / width), floor(low / width))
    place = np.floor(values / width + 1e-9).astype(np.int64)
    counts = np.bincount(np.clip(place, first, last) - first, minlength=last - first + 1)
    return {
        "width": width,
        "first": first * width,
        "counts": counts.tolist(),
        "beyond": int(((place < first) | (place > last)).sum()),
    }


def _round_step(step: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** floor(log10(step))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step)


def cost_steps(result: RunResult) -> list[list[object]]:
    """From what prices alone gave to what was kept: label and amount, quote; costs are negative."""
    costs, kept = result.costs, result.final_equity - result.capital
    steps: list[tuple[str, Decimal]] = [
        ("Price moves, before costs", kept + costs.total),
        ("Slippage", -costs.slippage),
        ("Fees", -costs.fees),
        ("Funding", -costs.funding),
        ("Liquidation fees", -costs.liquidation_fees),
        ("Net result", kept),
    ]
    return [[label, float(amount)] for label, amount in steps]


def spark(points: Floats, width: float, height: float, points_max: int = 120) -> str:
    """An SVG path of a curve inside a box of that size."""
    drawn = thin(np.arange(len(points), dtype=np.int64), points, points_max)
    low, reach = float(points.min()), float(np.ptp(points))
    x = drawn.at / max(len(points) - 1, 1) * width
    y = height - (drawn.value - low) / reach * height if reach > 0 else np.full(len(drawn.value), height / 2)
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in zip(x.tolist(), y.tolist(), strict=True))
