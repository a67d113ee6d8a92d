"""Leverage brackets: how much margin a notional must keep, and since when that was so.

Maintenance margin of notional N is N x ``maintenance_rate`` - ``deduction`` of
the bracket N lies in. The deductions make it continuous:
deduction[n] = deduction[n-1] + floor[n] x (rate[n] - rate[n-1]).
Source: Binance USD-M ``leverageBracket`` (fields notionalFloor, notionalCap,
maintMarginRatio, cum, initialLeverage).
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

from qts.domain.errors import DataError
from qts.domain.instant import Instant, format_date
from qts.domain.money import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    notional_floor: Decimal
    notional_cap: Decimal
    maintenance_rate: Decimal
    deduction: Decimal
    leverage_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketTable:
    """The brackets of one symbol as they stood on ``as_of``; a notional at a border belongs to the higher bracket."""

    symbol: str
    as_of: Instant
    brackets: tuple[Bracket, ...]

    def __post_init__(self) -> None:
        if not self.brackets or self.brackets[0].notional_floor != 0:
            raise DataError(f"{self.symbol} brackets of {format_date(self.as_of)}: the first must start at 0")
        if not all(0 < bracket.maintenance_rate < 1 and bracket.leverage_max >= 1 for bracket in self.brackets):
            raise DataError(
                f"{self.symbol} brackets of {format_date(self.as_of)}: a maintenance rate lies between 0 and 1, "
                "and the highest leverage is 1 or more"
            )
        for number, (lower, upper) in enumerate(zip(self.brackets, self.brackets[1:], strict=False), start=2):
            due = lower.deduction + upper.notional_floor * (upper.maintenance_rate - lower.maintenance_rate)
            if lower.notional_cap != upper.notional_floor or due != upper.deduction:
                raise DataError(
                    f"{self.symbol} brackets do not join: bracket {number} starts at {plain(upper.notional_floor)} "
                    f"with deduction {plain(upper.deduction)}, expected {plain(lower.notional_cap)} and {plain(due)}",
                    place=f"table of {format_date(self.as_of)}",
                )

    def of(self, notional: Decimal) -> Bracket:
        """The bracket a notional (0 or more, in quote) lies in; above the last cap, the last bracket."""
        floors = [bracket.notional_floor for bracket in self.brackets]
        return self.brackets[bisect_right(floors, notional) - 1]

    def facts(self) -> list[object]:
        return [
            self.symbol,
            self.as_of,
            [
                [b.notional_floor, b.notional_cap, b.maintenance_rate, b.deduction, b.leverage_max]
                for b in self.brackets
            ],
        ]


@dataclass(frozen=True, slots=True)
class BracketHistory:
    """Every known table of one symbol, oldest first."""

    tables: tuple[BracketTable, ...]

    def __post_init__(self) -> None:
        dates = [table.as_of for table in self.tables]
        if not dates or dates != sorted(set(dates)):
            raise DataError("bracket tables must be at least one, each of its own date, oldest first")
        if len({table.symbol for table in self.tables}) > 1:
            raise DataError("bracket tables of one history are of one symbol")

    def at(self, instant: Instant) -> BracketTable:
        """The latest table not younger than ``instant``; before the first one, the first one."""
        dates = [table.as_of for table in self.tables]
        return self.tables[max(0, bisect_right(dates, instant) - 1)]

    def between(self, start: Instant, end: Instant) -> "BracketHistory":
        """The tables that can rule an instant of [start, end): the one in force at its start, and those that follow."""
        first = self.at(start)
        return BracketHistory(tuple(t for t in self.tables if t is first or first.as_of < t.as_of < end))

    def covers(self, start: Instant) -> bool:
        """Whether a table is known for every instant from ``start`` on."""
        return self.tables[0].as_of <= start
