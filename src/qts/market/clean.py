"""Cleaning: from raw columns to ``Bars``, by named rules and nothing else.

Each rule answers one finding of the audit, says how many rows it touched, and
looks at a row and its neighbours only: nothing is fitted on the whole sample,
so no bar changes because of a later one. A row no rule names comes out as it
went in, to the bit.

What no rule can mend (two different rows for one time, a wrong unit, rows off
the grid) stops the cleaning with the row and the next step. Dropping rows with
impossible prices throws information away, so it happens only when asked for.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from qts.domain.errors import DataError
from qts.domain.instant import format_instant
from qts.market.audit import audit_bars, impossible_rows
from qts.market.audit_time import FILLABLE_BARS_MAX, duplicate_groups
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.market.findings import FindingKind, Severity
from qts.market.raw import RawBars


class Rule(Enum):
    DROP_IMPOSSIBLE = "drop_impossible"
    SORT_BY_TIME = "sort_by_time"
    DROP_EXACT_DUPLICATES = "drop_exact_duplicates"
    FILL_SHORT_GAPS = "fill_short_gaps"


RULE_ANSWERS: Final = {
    Rule.DROP_IMPOSSIBLE: (
        FindingKind.PRICE_NOT_FINITE,
        FindingKind.PRICE_NOT_POSITIVE,
        FindingKind.HIGH_BELOW_LOW,
        FindingKind.BODY_OUTSIDE_RANGE,
        FindingKind.VOLUME_IMPOSSIBLE,
    ),
    Rule.SORT_BY_TIME: (FindingKind.OUT_OF_ORDER,),
    Rule.DROP_EXACT_DUPLICATES: (FindingKind.DUPLICATE_EXACT,),
    Rule.FILL_SHORT_GAPS: (FindingKind.GAP,),
}
STANDARD_RULES: Final = (Rule.SORT_BY_TIME, Rule.DROP_EXACT_DUPLICATES, Rule.FILL_SHORT_GAPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleApplied:
    """What one rule did. rows_touched: rows dropped, moved or added; 0 means the rule found nothing to do."""

    rule: Rule
    rows_before: int
    rows_after: int
    rows_touched: int
    message: str

    def facts(self) -> dict[str, object]:
        return {
            "rule": self.rule.value,
            "answers": [kind.value for kind in RULE_ANSWERS[self.rule]],
            "rows_before": self.rows_before,
            "rows_after": self.rows_after,
            "rows_touched": self.rows_touched,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanResult:
    """filled: bool, shape (n,), True where the bar was not in the source but carried forward."""

    bars: Bars
    filled: npt.NDArray[np.bool_]
    log: tuple[RuleApplied, ...]

    def __post_init__(self) -> None:
        if self.filled.shape != (len(self.bars),):
            raise ValueError(f"filled has shape {self.filled.shape}, the bars {len(self.bars)} rows")


def clean_bars(raw: RawBars, *, rules: tuple[Rule, ...] = STANDARD_RULES) -> CleanResult:
    """Applies the rules in their fixed order. Raises DataError while a blocking finding is left.

    A series without volume (mark price) gets volume 0, as ``Bars`` wants one.
    """
    log: list[RuleApplied] = []
    rows = raw
    for rule, step in (
        (Rule.DROP_IMPOSSIBLE, _drop_impossible),
        (Rule.SORT_BY_TIME, _sort_by_time),
        (Rule.DROP_EXACT_DUPLICATES, _drop_exact_duplicates),
    ):
        if rule in rules:
            rows, applied = step(rows)
            log.append(applied)
    _refuse_blocking(rows)
    bars = rows.to_bars()
    filled: npt.NDArray[np.bool_] = np.zeros(len(bars), dtype=np.bool_)
    if Rule.FILL_SHORT_GAPS in rules:
        bars, filled, applied = _fill_short_gaps(bars)
        log.append(applied)
    return CleanResult(bars=bars, filled=filled, log=tuple(log))


def _refuse_blocking(rows: RawBars) -> None:
    report = audit_bars(rows)
    for finding in report.of_severity(Severity.BLOCKING):
        raise DataError(
            f"{rows.symbol} {rows.interval}: {finding.message}; no rule in use may mend this",
            place=f"row {finding.row_first} after the rules, {format_instant(finding.instant)}, {finding.column}",
            next_step=finding.remedy,
        )


def _applied(rule: Rule, before: int, after: int, touched: int, message: str) -> RuleApplied:
    return RuleApplied(rule=rule, rows_before=before, rows_after=after, rows_touched=touched, message=message)


def _drop_impossible(rows: RawBars) -> tuple[RawBars, RuleApplied]:
    bad = impossible_rows(rows)
    kept = rows.rows(~bad)
    number = int(bad.sum())
    message = f"{number} rows with impossible prices or volume dropped"
    return kept, _applied(Rule.DROP_IMPOSSIBLE, len(rows), len(kept), number, message)


def _sort_by_time(rows: RawBars) -> tuple[RawBars, RuleApplied]:
    order = np.argsort(rows.opened_at, kind="stable")
    moved = int((order != np.arange(len(rows))).sum())
    message = f"{moved} rows moved to their place in time"
    return rows.rows(order), _applied(Rule.SORT_BY_TIME, len(rows), len(rows), moved, message)


def _drop_exact_duplicates(rows: RawBars) -> tuple[RawBars, RuleApplied]:
    keep = np.ones(len(rows), dtype=np.bool_)
    for group, same in duplicate_groups(rows):
        if same:
            keep[group[1:]] = False
    kept = rows.rows(keep)
    number = len(rows) - len(kept)
    message = f"{number} rows that repeat another row dropped"
    return kept, _applied(Rule.DROP_EXACT_DUPLICATES, len(rows), len(kept), number, message)


def _fill_short_gaps(bars: Bars) -> tuple[Bars, npt.NDArray[np.bool_], RuleApplied]:
    """At most 3 missing bars in a row: open = high = low = close = the last close, volume 0."""
    gaps = bars.gaps()
    short = [(row, missing) for row, missing in gaps if missing <= FILLABLE_BARS_MAX]
    at = np.array([row for row, missing in short for _ in range(missing)], dtype=np.int64)
    steps = np.array([step for _, missing in short for step in range(1, missing + 1)], dtype=np.int64)
    filled = np.insert(np.zeros(len(bars), dtype=np.bool_), at, True)
    carried = bars.close[at - 1]
    columns = {name: np.insert(getattr(bars, name), at, carried) for name in PRICE_COLUMNS}
    result = Bars(
        symbol=bars.symbol,
        interval_ms=bars.interval_ms,
        opened_at=np.insert(bars.opened_at, at, bars.opened_at[at - 1] + steps * bars.interval_ms),
        volume=np.insert(bars.volume, at, 0.0),
        **columns,
    )
    message = f"{len(at)} missing bars filled; {len(gaps) - len(short)} longer gaps left as they are"
    return result, filled, _applied(Rule.FILL_SHORT_GAPS, len(bars), len(result), len(at), message)
