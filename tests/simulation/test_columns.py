"""The market laid out for the exchange, against loops that look at one bar at a time."""

from hypothesis import given

from qts.domain.waiver import Waiver
from qts.simulation.columns import market_columns
from qts.simulation.costs import FixedSlippage
from tests.generators import ALL_WAIVERS, Knobs, knobs, market

NO_MODEL = FixedSlippage(0)  # type: ignore[arg-type]


@given(knobs())
def test_finer_marks_are_folded_into_the_bar_they_belong_to(given: Knobs) -> None:
    """Proves: QL-9"""
    dataset = market(given)
    bars, mark = dataset.bars, dataset.mark
    if mark is None:
        columns = market_columns(dataset, (Waiver.MARK_FROM_LAST, Waiver.NO_FUNDING), NO_MODEL)
        assert columns.mark_low.tolist() == bars.low.tolist()
        return
    columns = market_columns(dataset, (Waiver.NO_FUNDING,), NO_MODEL)
    for row, opened_at in enumerate(bars.opened_at.tolist()):
        inside = [i for i, at in enumerate(mark.opened_at.tolist()) if opened_at <= at < bars.closed_at(row)]
        assert columns.mark_open[row] == mark.open[inside[0]]
        assert columns.mark_high[row] == max(mark.high[inside])
        assert columns.mark_low[row] == min(mark.low[inside])
        assert columns.mark_close[row] == mark.close[inside[-1]]


@given(knobs())
def test_each_funding_event_is_on_its_bar_or_at_the_open_after_its_gap(given: Knobs) -> None:
    """Proves: QL-10"""
    dataset = market(given)
    if dataset.funding is None:
        return
    columns = market_columns(dataset, (Waiver.MARK_FROM_LAST,), NO_MODEL)
    assert [event.occurred_at for event in columns.funding] == dataset.funding.occurred_at.tolist()
    assert columns.funding_rows.tolist() == sorted(event.row for event in columns.funding)
    for event in columns.funding:
        opened_at = int(dataset.bars.opened_at[event.row])
        if event.at_open and event.occurred_at != opened_at:
            assert dataset.bars.closed_at(event.row - 1) <= event.occurred_at < opened_at
        else:
            assert opened_at <= event.occurred_at < dataset.bars.closed_at(event.row)
            assert event.at_open == (event.occurred_at == opened_at)


@given(knobs())
def test_bracket_changes_are_on_the_first_bar_under_the_new_table(given: Knobs) -> None:
    """Proves: QL-9"""
    dataset = market(given)
    columns = market_columns(dataset, tuple(w for w in ALL_WAIVERS if w is not Waiver.NO_BRACKETS), NO_MODEL)
    opened_at = dataset.bars.opened_at.tolist()
    for row in range(len(opened_at)):
        expected = len(opened_at)
        for later in range(max(row, 1), len(opened_at)):
            history = dataset.brackets
            if history is not None and history.at(opened_at[later]) is not history.at(opened_at[later - 1]):
                expected = later
                break
        assert columns.next_bracket_change(row) == expected
