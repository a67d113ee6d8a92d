"""Too much filled, too many tries, values that are none: through the front door.

Proves: SX-5, QL-16, P4-7
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.errors import DataError
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, QueryOrder, TakeSnapshot
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    CancelOutcome,
    OperatorVerb,
    QueryAnswer,
    SendOutcome,
    Snapshot,
)
from qts.execution.protection import PlaceLeg
from qts.execution.stages.precheck import PreCheckLimits
from tests.execution.front_desk import BTC, SYMBOL, Desk, replayed
from tests.execution.protected_venue import Venue


def stops(desk):
    return [order for order in desk.all_sent if order.role is Role.STOP_LOSS]


def escapes(desk):
    return [order for order in desk.all_sent if order.role is Role.ESCAPE]


def in_part_and_given_up(named):
    """0.4 of 1 filled, its time is over, and the venue has cancelled it."""
    desk = Desk()
    desk.decide(desk.decision())
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "0.4")
    desk.after(61_000)
    desk.cancelled(entry, named)
    return desk, entry


def test_no_rest_goes_out_before_it_is_known_how_much_had_filled():
    desk, entry = in_part_and_given_up(named=None)
    assert [order for order in desk.sent if order.role is Role.ENTRY] == []
    assert desk.queried == [entry.client_id]
    desk.fill(entry, "0.6")
    desk.after(60_000)
    assert desk.position == 1
    assert len(desk.all_sent) == 1


@pytest.mark.parametrize("told_by", ["query", "snapshot"])
def test_the_rest_goes_out_once_it_is_known(told_by):
    desk, entry = in_part_and_given_up(named=None)
    desk.after(1_000)
    if told_by == "query":
        ended = replace(desk.listed(entry, "0.4"), state=OrderState.CANCELED)
        desk.tell(QueryAnswer(entry.client_id, ended))
    else:
        desk.snapshot("0.4")
    assert desk.only_sent.quantity == Decimal("0.6")


def test_what_fills_although_the_venue_had_named_less_is_given_back():
    desk, entry = in_part_and_given_up(named="0.4")
    rest = desk.only_sent
    desk.accept(rest)
    desk.fill(entry, "0.6")
    desk.fill(rest)
    desk.after(60_000)
    assert SafetyCode.FS070 in desk.codes
    (back,) = [order for order in desk.all_sent if "back" in order.client_id]
    assert back.quantity == desk.position - 1 == Decimal("0.6")


def test_two_overfills_at_one_instant_are_both_given_back():
    desk = Desk()
    desk.decide(desk.decision())
    entry = desk.only_sent
    desk.accept(entry)
    desk.now += 10
    desk.snapshot("1.7", fills=tuple(desk.trade(entry, q) for q in ("1", "0.3", "0.4")))
    for _ in range(5):
        for order in desk.all_sent[1:]:
            if desk.record(order).left and not desk.record(order).is_final:
                desk.accept(order)
                desk.fill(order)
        desk.after(1_000)
    assert desk.position == 1


def test_a_refused_give_back_is_tried_again():
    desk = Desk()
    desk.decide(desk.decision())
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "1.5")
    desk.refuse(desk.only_sent, SendOutcome.REJECTED, -2022)
    desk.after(60_000)
    assert len(desk.all_sent) > 2


@pytest.mark.parametrize("what", ["exit", "stop"])
def test_an_overfilled_exit_or_stop_is_flagged(what):
    desk = Desk()
    (stop,) = desk.hold(stop="90")
    if what == "exit":
        desk.decide(desk.decision(Side.SELL, "1", reduce=True))
        x = desk.only_sent
        desk.accept(x)
        desk.fill(x, "1.5")
    else:
        desk.fill(stop, "1.5")
    desk.after(60_000)
    assert desk.position == Decimal("-0.5")
    assert SafetyCode.FS070 in desk.codes


def with_a_target() -> tuple[Desk, SplitOrder]:
    desk = Desk()
    desk.decide(desk.decision(stop="90", target="110"))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry)
    stop, target = desk.sent
    desk.accept(stop)
    return desk, target


def test_an_exit_does_not_wait_for_a_target_of_which_nobody_knows():
    desk, target = with_a_target()
    desk.lose(target)
    desk.decide(desk.decision(Side.SELL, "1", reduce=True))
    desk.after(30_000)
    assert [order for order in desk.all_sent if order.role is Role.EXIT]


def test_an_exit_that_its_own_target_keeps_back_does_not_end_in_silence():
    """The venue would refuse it while the target rests: it ends, and says so.

    Reaches: FS090
    """
    desk, target = with_a_target()
    desk.accept(target)
    desk.decide(desk.decision(Side.SELL, "1", reduce=True))
    desk.tell(CancelAck(target.client_id, CancelOutcome.UNKNOWN))
    desk.after(30_000)
    assert desk.codes == [SafetyCode.FS090]
    assert desk.results[-1].reason == "nothing was sent in time"


def test_an_exit_above_the_largest_market_order_is_sliced():
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, quantity_max={SYMBOL: Decimal("1.5")}))
    for _ in range(2):
        desk.decide(desk.decision(quantity="1.5"))
        entry = desk.only_sent
        desk.accept(entry)
        desk.fill(entry)
    desk.decide(desk.decision(Side.SELL, "3", reduce=True))
    assert all(order.quantity <= Decimal("1.5") for order in desk.sent)


def test_an_unknown_stop_is_no_cover_in_a_long_escape():
    venue = Venue("1", target=None)
    venue.ask()
    (stop,) = venue.stops
    venue.hear(stop, OrderEvent.LOSE)
    venue.escaping_since = venue.now
    venue.now += 60_000
    assert [s for s in venue.ask() if isinstance(s, PlaceLeg)]


def test_a_doubted_stop_is_no_cover_in_a_long_escape():
    venue = Venue("1", target=None)
    venue.settle()
    (stop,) = venue.stops
    stop.doubted_at = venue.now
    venue.escaping_since = venue.now
    venue.now += 60_000
    assert [s for s in venue.ask() if isinstance(s, PlaceLeg)]


def test_attempt_two_of_an_entry_passes_the_gates_again():
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, limits=PreCheckLimits(data_age_ms_max=3_000)))
    desk.quote("100", "100.1")
    desk.decide(desk.decision())
    desk.lose(desk.only_sent)
    for _ in range(60):
        for command in desk.after(500):
            if isinstance(command, QueryOrder):
                desk.not_found(command.client_id)
            elif isinstance(command, TakeSnapshot):
                desk.snapshot("0")
    assert len(desk.all_sent) == 1, "the quote is 10 s old, 3 s are allowed"


def test_one_snapshot_told_three_times_is_one_try():
    desk = Desk()
    desk.quote("100", "100.1")
    desk.decide(desk.decision(stop="90"))
    entry = desk.only_sent
    desk.accept(entry)
    trade = desk.trade(entry)
    desk.now += 1
    s = Snapshot(SYMBOL, Decimal(1), (desk.listed(entry),), (), desk.now)
    for _ in range(3):
        desk.tell(s)
    desk.tell(trade)
    assert desk.position == 1


def test_what_the_precheck_reduced_stays_reduced():
    desk = Desk()
    desk.decide(desk.decision(), available=Decimal(50))
    entry = desk.only_sent
    assert entry.quantity == Decimal("0.5")
    desk.accept(entry)
    desk.fill(entry, "0.3")
    desk.after(61_000)
    desk.cancelled(entry, "0.3")
    assert sum(order.quantity for order in desk.sent) <= Decimal("0.2")


def test_ids_with_r_in_them():
    desk = Desk()
    desk.decide(desk.decision())
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "0.4")
    desk.after(61_000)
    desk.cancelled(entry, "0.4")
    rest = desk.only_sent
    desk.accept(rest)
    desk.fill(rest, "0.9")  # the rest is overfilled by 0.3
    back = desk.only_sent
    desk.accept(back)
    desk.fill(back, "0.1")
    desk.ended(back, OrderState.EXPIRED, "0.1")  # thin market


def test_a_decision_whose_id_has_dot_r_gets_its_stop():
    desk = Desk()
    x = desk.decision(stop="90")
    x = replace(x, order=replace(x.order, order_id="mean.rev-7"))
    desk.decide(x)
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry)
    assert stops(desk)


@pytest.mark.parametrize(
    "poison",
    [
        lambda desk, entry: replace(desk.trade(entry), quantity=Decimal("NaN")),
        lambda desk, entry: replace(desk.trade(entry), price=Decimal("-Infinity"), quantity=Decimal(2)),
        lambda desk, entry: AccountUpdate(Decimal("NaN"), Decimal("NaN")),
        lambda desk, entry: replace(desk.trade(entry), symbol="ETHUSDT"),
        lambda desk, entry: CancelAck(entry.client_id, CancelOutcome.CANCELED, Decimal("NaN")),
    ],
)
def test_no_value_from_outside_breaks_handle_or_the_replay(poison):
    desk = Desk()
    desk.decide(desk.decision(stop="90"))
    entry = desk.only_sent
    desk.accept(entry)
    try:
        news = poison(desk, entry)
    except DataError:
        pass
    else:
        desk.tell(news)
    desk.after(10)
    assert (
        replayed(desk.machine.journal.taken(), desk.machine.account.settings).machine.digest() == desk.machine.digest()
    )


def test_negative_fill():
    with pytest.raises(DataError):
        replace(Desk().trade("x"), quantity=Decimal(-1))


def test_a_stop_the_list_has_smaller_is_no_full_cover():
    desk = Desk()
    (stop,) = desk.hold(stop="90")
    desk.now += 1
    desk.snapshot("1", orders=(replace(desk.listed(stop), quantity=Decimal("0.1"), price=Decimal(50)),))
    desk.after(60_000)
    assert len(stops(desk)) > 1 or desk.codes


def test_a_kill_for_a_symbol_that_does_not_exist_says_so():
    desk = Desk()
    desk.hold()
    desk.operator(OperatorVerb.KILL, symbol="BTCUSD")
    desk.after(60_000)
    assert escapes(desk)


def test_an_order_that_lives_is_not_sent_again():
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.refuse(order, SendOutcome.REFUSED, -1008)
    desk.accept(order)
    desk.after(5_000)
    assert len(desk.all_sent) == 1


def test_an_order_taken_for_rejected_that_lives_is_swept():
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.refuse(order, SendOutcome.REJECTED, -2010)
    desk.accept(order)
    desk.tell(QueryAnswer(order.client_id, desk.listed(order)))
    desk.after(60_000)
    assert any(isinstance(command, (CancelOrder, TakeSnapshot, QueryOrder)) for command in desk.said)
