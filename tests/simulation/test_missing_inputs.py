"""An input that is missing stops a run and names the command that brings it, or is waived by name and told."""

from dataclasses import replace

import numpy as np
import pytest

from qts.domain.errors import DataError
from qts.domain.instant import DAY_MS, HOUR_MS
from qts.domain.waiver import Waiver
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.simulation.backtest import Terms, run_backtest
from tests.generators import ALL_WAIVERS, COMPLETE, START, SYMBOL, Silent, bracket_table, make_bars


def without_funding_hours(dataset: Dataset, first: int, last: int) -> Dataset:
    assert dataset.funding is not None
    hours = (dataset.funding.occurred_at - START) / HOUR_MS
    keep = (hours < first) | (hours > last)
    kept = Funding(symbol=SYMBOL, occurred_at=dataset.funding.occurred_at[keep], rate=dataset.funding.rate[keep])
    return replace(dataset, funding=kept)


LATER = BracketHistory((bracket_table(("0", "0.01", 50), as_of=START + DAY_MS),))
assert COMPLETE.mark is not None
ODD_MARK = make_bars(
    START + 7 * 60_000 * np.arange(400, dtype=np.int64) - START % (7 * 60_000),
    {name: np.full(400, 100.0) for name in ("open", "high", "low", "close")},
    np.zeros(400),
    7 * 60_000,
)

MISSING = [
    (replace(COMPLETE, funding=None), Waiver.NO_FUNDING, "funding history is missing", "--kind funding"),
    (without_funding_hours(COMPLETE, 2, 33), Waiver.NO_FUNDING, "no event for", "--kind funding"),
    (without_funding_hours(COMPLETE, 0, 30), Waiver.NO_FUNDING, "no event for", "--kind funding"),
    (replace(COMPLETE, brackets=None), Waiver.NO_BRACKETS, "leverage brackets are missing", "--kind brackets"),
    (
        replace(COMPLETE, brackets=LATER),
        Waiver.BRACKETS_UNDATED,
        "the oldest leverage brackets are of 2024-01-02, the run begins 2024-01-01",
        "--kind brackets --as-of DATE",
    ),
    (replace(COMPLETE, mark=None), Waiver.MARK_FROM_LAST, "mark price is missing", "--kind mark"),
    (
        replace(COMPLETE, mark=COMPLETE.mark.rows(0, 150)),
        Waiver.MARK_FROM_LAST,
        "no bars for 2024-01-02T13:00:00Z",
        "--kind mark",
    ),
    (replace(COMPLETE, mark=ODD_MARK), Waiver.MARK_FROM_LAST, "7m bars, which do not divide 1h", "--kind mark"),
]


@pytest.mark.parametrize(("dataset", "waiver", "cause", "command"), MISSING)
def test_a_missing_input_names_the_command_and_the_waiver(
    dataset: Dataset, waiver: Waiver, cause: str, command: str
) -> None:
    """Proves: QL-9"""
    with pytest.raises(DataError) as caught:
        run_backtest(dataset, Silent(), Terms())
    assert cause in caught.value.cause
    assert caught.value.next_step.startswith("qts data import FILE ")
    assert command in caught.value.next_step
    assert f"--waive {waiver}" in caught.value.next_step


@pytest.mark.parametrize(("dataset", "waiver", "cause", "command"), MISSING)
def test_a_waiver_is_used_only_where_needed_and_told_on_the_result(
    dataset: Dataset, waiver: Waiver, cause: str, command: str
) -> None:
    """Proves: QL-9"""
    result = run_backtest(dataset, Silent(), Terms(waivers=ALL_WAIVERS))
    assert result.provenance.waivers == (waiver,)
    assert result.assumptions[0] == f"WAIVED: {waiver.meaning}"
    others = tuple(each for each in Waiver if each is not waiver)
    with pytest.raises(DataError):
        run_backtest(dataset, Silent(), Terms(waivers=others))


def test_nothing_is_waived_when_nothing_is_missing() -> None:
    """Proves: QL-9"""
    result = run_backtest(COMPLETE, Silent(), Terms(waivers=ALL_WAIVERS))
    assert result.provenance.waivers == ()
    assert not any("WAIVED" in sentence for sentence in result.assumptions)


def test_funding_outside_the_run_is_no_gap_in_it() -> None:
    """A funding history with an old hole before the run's window is complete for the run. Proves: QL-9"""
    assert COMPLETE.funding is not None
    old = START - 30 * DAY_MS
    longer = Funding(
        symbol=SYMBOL,
        occurred_at=np.concatenate(([old], COMPLETE.funding.occurred_at, [COMPLETE.end + 9 * DAY_MS])),
        rate=np.concatenate(([0.0], COMPLETE.funding.rate, [0.0])),
    )
    assert run_backtest(replace(COMPLETE, funding=longer), Silent(), Terms()).provenance.waivers == ()
