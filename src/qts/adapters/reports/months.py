"""What each UTC month and year made of the equity, compounded from its bar closes."""

from dataclasses import dataclass
from datetime import UTC, datetime

from qts.domain.instant import Instant
from qts.research.returns import MarkedEquity

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class YearRow:
    """months: twelve simple returns, None where the run has no bar or nothing was left. whole: of the year."""

    year: int
    months: tuple[float | None, ...]
    whole: float | None


def by_year(curve: MarkedEquity) -> tuple[YearRow, ...]:
    """Every calendar year of the run. A close at midnight belongs to the month that ends there."""
    month_end: dict[tuple[int, int], float] = {}
    for closed_at, equity in zip(curve.closed_at.tolist(), curve.points[1:].tolist(), strict=True):
        month_end[_year_and_month(closed_at - 1)] = equity
    before, year_before, rows = curve.capital, curve.capital, []
    for year in sorted({year for year, _ in month_end}):
        months: list[float | None] = []
        for month in range(1, 13):
            equity = month_end.get((year, month))
            months.append(None if equity is None or before <= 0 else equity / before - 1)
            before = before if equity is None else equity
        rows.append(
            YearRow(year=year, months=tuple(months), whole=before / year_before - 1 if year_before > 0 else None)
        )
        year_before = before
    return tuple(rows)


def _year_and_month(instant: Instant) -> tuple[int, int]:
    moment = datetime.fromtimestamp(instant / 1000, UTC)
    return moment.year, moment.month
