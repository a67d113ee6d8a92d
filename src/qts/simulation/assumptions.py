"""What a run assumed, in sentences for the reader of its result; docs/assumptions.md tells the whole."""

from decimal import Decimal

from qts.domain.money import plain
from qts.domain.waiver import Waiver
from qts.simulation.costs import Frictions


def sentences(frictions: Frictions, waivers: tuple[Waiver, ...], rows_filled: int) -> tuple[str, ...]:
    """One sentence an assumption, waivers first. rows_filled: bars that cleaning made to close short gaps."""
    waived = [f"WAIVED: {waiver.meaning}" for waiver in waivers]
    if rows_filled > 0:
        waived.append(
            f"{rows_filled} bars were missing and filled with the last close and no volume; nothing fills on them"
        )
    always = [
        "a decision at a bar's close fills at the next bar's open at the earliest",
        "a resting limit order fills only when a bar trades through its price; a touch is not a fill",
        "a stop is triggered by a touch of the last price; it fills at its price, or at an open that gapped over it",
        "when one bar holds both stop and target, the stop came first",
        f"all orders together take at most {_percent(frictions.participation_max)} of a bar's volume; the rest waits",
        "what the cap left of an order at market goes on working at the next opens",
        "a timer inside a bar is served at its close; a slice that is due then fills at the next open",
        "an order that does not fill may only wait or go to market; no price is improved on bars",
        "no volume profile is given: VWAP is worked as TWAP",
        f"makers pay {_percent(frictions.fee_rate_maker)} of notional, takers {_percent(frictions.fee_rate_taker)}",
        frictions.slippage.sentence(),
        "funding at an instant is settled before the fills of that instant, on the mark price of the bar's open",
        "funding inside a bar is charged on the position held after the fills at its open",
        f"margin is isolated at leverage {frictions.leverage}; funding the free wallet cannot pay comes out of it",
        "a mark price at the liquidation price takes the position there; its margin is the most it can lose",
        f"a liquidation costs {_percent(frictions.liquidation_fee_rate)} of notional",
        "a stop nearer than the liquidation price fills before it",
        "positions open at the end are marked at the last mark price, not closed",
    ]
    return (*waived, *always)


def _percent(fraction: Decimal) -> str:
    return f"{plain(fraction * 100)} %"
