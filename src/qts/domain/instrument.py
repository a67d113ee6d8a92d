"""What is traded, and the grids its prices and quantities lie on."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from qts.domain.errors import DataError
from qts.domain.money import MONEY_GRID, ZERO, plain

_WHOLE = Decimal(1)
_TICKS_SURE, _SURE = 1e9, 0.49
"""Up to so many ticks, a float counts them to a millionth of one: what lies within 0.49 of a tick is nearest to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A linear perpetual future settled in ``quote``.

    tick: price step, in quote per base. lot: quantity step, in base.
    notional_min: smallest order value, in quote (reducing orders are exempt).
    Tick times lot must lie on the money grid, so that every notional does.
    Source of the rules: PRICE_FILTER, LOT_SIZE and MIN_NOTIONAL of Binance
    USD-M exchangeInfo.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    notional_min: Decimal
    _ticks_per_unit: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("tick", "lot"):
            if not getattr(self, name) > 0:
                raise DataError(f"{self.symbol}: {name} must be above 0, not {getattr(self, name)}")
        if self.notional_min < 0:
            raise DataError(f"{self.symbol}: notional_min must not be negative, not {self.notional_min}")
        if (self.tick * self.lot) % MONEY_GRID != 0:
            raise DataError(
                f"{self.symbol}: tick {plain(self.tick)} times lot {plain(self.lot)} is finer than {plain(MONEY_GRID)}"
            )
        object.__setattr__(self, "_ticks_per_unit", 1.0 / float(self.tick))

    def price(self, value: float) -> Decimal:
        """The tick nearest to a market price read from a column (ties to the even tick)."""
        ticks = float(value) * self._ticks_per_unit
        if 0.0 <= ticks < _TICKS_SURE:
            nearest = int(ticks + 0.5)
            if -_SURE < ticks - nearest < _SURE:
                return nearest * self.tick
        return (Decimal(repr(float(value))) / self.tick).quantize(_WHOLE, ROUND_HALF_EVEN) * self.tick

    def price_down(self, value: Decimal) -> Decimal:
        """The highest tick not above ``value``; a decimal's own division cuts toward 0."""
        steps, rest = divmod(value, self.tick)
        return (steps - _WHOLE if rest < ZERO else steps) * self.tick

    def price_up(self, value: Decimal) -> Decimal:
        """The lowest tick not below ``value``."""
        steps, rest = divmod(value, self.tick)
        return (steps + _WHOLE if rest > ZERO else steps) * self.tick

    def quantity_down(self, value: Decimal) -> Decimal:
        """The largest whole number of lots not above ``value`` (0 or more)."""
        steps, rest = divmod(value, self.lot)
        return (steps - _WHOLE if rest < ZERO else steps) * self.lot

    def facts(self) -> dict[str, str]:
        """The instrument as plain text, for fingerprints and manifests."""
        return {
            "symbol": self.symbol,
            "base": self.base,
            "quote": self.quote,
            "tick": plain(self.tick),
            "lot": plain(self.lot),
            "notional_min": plain(self.notional_min),
        }
