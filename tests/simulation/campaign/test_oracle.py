"""Each thing the judge forbids is put before it once, and what it allows too."""

from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.money import exact_arithmetic
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderEvent
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, Command, SendOrder
from qts.execution.contracts import ExecutionAlert, Role, SplitOrder
from qts.execution.controller import ExecutionController
from qts.execution.events import (
    Decided,
    Event,
    OperatorSaid,
    OperatorVerb,
    OrderAck,
    QueueOverflow,
    Quote,
    Restarted,
    SendOutcome,
    Snapshot,
    VenueStatus,
    Withdrawn,
)
from qts.execution.stages.emergency_escape import ASKS_MAX
from tests.simulation.campaign.exits import ExitsInTheWay
from tests.simulation.campaign.judged import Violated
from tests.simulation.campaign.oracle import Oracle
from tests.simulation.campaign.scenario import INSTRUMENTS, POSITION_MAX
from tests.simulation.campaign.swarm import Work
from tests.simulation.campaign.truth import Truth
from tests.simulation.campaign.workload import said

SYMBOL = "AAAUSDT"
INSTRUMENT = INSTRUMENTS[SYMBOL]
QUOTE = Quote(SYMBOL, Decimal("1999.9"), Decimal("2000.1"), Decimal("2000.0"), 0)
ENTRY = SplitOrder("q0", "q0", SYMBOL, Side.BUY, OrderType.MARKET, Decimal("0.1"), None, False, Role.ENTRY, 0, 1, 0)  # noqa: FBT003 - of the wire


def judge(*story: Event | ExecutionAlert) -> str:
    """The invariant that an entry breaks after the story; '' when it may go out."""
    oracle = Oracle(INSTRUMENTS, POSITION_MAX)
    oracle.quotes[SYMBOL] = QUOTE
    decided = said(Work(0, "entry", SYMBOL, lots=100, stop_bp=100), 0, 0, INSTRUMENT, QUOTE, Decimal(0))
    assert isinstance(decided, Decided)
    return _told(oracle, (*story, decided), SendOrder(ENTRY))


def _told(oracle: Oracle, story: tuple[Event | ExecutionAlert, ...], last: Command) -> str:
    with exact_arithmetic():
        for now, each in enumerate(story, start=1):
            if isinstance(each, ExecutionAlert):
                oracle._judge_command(each, now)
            else:
                oracle.stored(each, (), (), now)
        try:
            oracle._judge_command(last, len(story) + 1)
        except Violated as found:
            return found.invariant
    return ""


def alert(code: SafetyCode, subject: str = "account", message: str = "") -> ExecutionAlert:
    return ExecutionAlert(code, subject, "test", message)


RESUME = OperatorSaid(OperatorVerb.RESUME, "operator", "again")
ACKNOWLEDGE = OperatorSaid(OperatorVerb.ACKNOWLEDGE, "operator", "seen")
AGREED = Snapshot(SYMBOL, Decimal(0), (), (), 100)
FAILED = tuple(alert(SafetyCode.FS090, f"q0.r{number}") for number in (1, 2, 3))


def test_an_entry_goes_out_when_nothing_forbids_it() -> None:
    assert judge() == ""


@pytest.mark.parametrize(
    ("story", "found_as"),
    [
        ((alert(SafetyCode.FS040),), "INV-16"),
        ((alert(SafetyCode.FS040), ACKNOWLEDGE), "INV-16"),
        ((alert(SafetyCode.FS070, SYMBOL),), "INV-16"),
        ((alert(SafetyCode.FS070, SYMBOL), RESUME), "INV-16"),
        ((alert(SafetyCode.GR040, SYMBOL), RESUME), "INV-16"),
        ((OperatorSaid(OperatorVerb.KILL, "operator"),), "INV-16"),
        ((alert(SafetyCode.FS092, f"{SYMBOL}-x1", "loss-limit: 0 cancelled"),), "INV-16"),
        ((OperatorSaid(OperatorVerb.PAUSE, "operator"),), "INV-08"),
        ((QueueOverflow(10_001),), "INV-08"),
        ((alert(SafetyCode.FS092, f"{SYMBOL}-x1", "safety-fail: 0 cancelled"),), "INV-08"),
        ((OperatorSaid(OperatorVerb.ESCAPE, "operator", symbol=SYMBOL),), "INV-08"),
        ((Restarted(),), "INV-08"),
        ((Restarted(), replace(AGREED, as_of=0)), "INV-08"),
        ((Restarted(), replace(AGREED, position=Decimal(1))), "INV-08"),
        ((VenueStatus(connected=False),), "INV-08"),
        ((VenueStatus(connected=False), VenueStatus(connected=True)), "INV-08"),
        ((Withdrawn(("q0",), "given up"),), "INV-28"),
    ],
)
def test_an_entry_that_is_forbidden_is_seen(story: tuple[Event, ...], found_as: str) -> None:
    assert judge(*story) == found_as


@pytest.mark.parametrize(
    "story",
    [
        (alert(SafetyCode.FS040), RESUME),
        (Withdrawn(("q1",), "given up"),),
        (alert(SafetyCode.FS070, SYMBOL), ACKNOWLEDGE),
        (alert(SafetyCode.FS070, "BBBUSDT"),),
        (OperatorSaid(OperatorVerb.PAUSE, "operator"), RESUME),
        (
            OperatorSaid(OperatorVerb.ESCAPE, "operator", symbol=SYMBOL),
            alert(SafetyCode.FS092, f"{SYMBOL}-x1", "manual: 0 cancelled"),
        ),
        (Restarted(), AGREED),
        (VenueStatus(connected=False), VenueStatus(connected=True), AGREED),
    ],
)
def test_an_entry_that_is_allowed_again_is_no_finding(story: tuple[Event, ...]) -> None:
    assert judge(*story) == ""


def test_three_failed_executions_of_a_strategy_within_an_hour_halt_it() -> None:
    decided = said(Work(0, "entry", SYMBOL, lots=100, stop_bp=100), 0, 0, INSTRUMENT, QUOTE, Decimal(0))
    assert decided is not None
    assert judge(decided, *FAILED[:2]) == ""
    assert judge(decided, *FAILED) == "INV-16"
    assert judge(decided, *FAILED, RESUME) == ""


def stop(side: Side = Side.SELL, price: str = "1980.0", quantity: str = "0.1") -> SplitOrder:
    amount, at = Decimal(quantity), Decimal(price)
    return SplitOrder("sl1", "e1", SYMBOL, side, OrderType.STOP, amount, at, True, Role.STOP_LOSS, 0, 1, 0)  # noqa: FBT003 - as above


@pytest.mark.parametrize(
    ("order", "found_as"),
    [
        (stop(), ""),
        (stop(side=Side.BUY), "INV-11"),
        (stop(price="1970.0"), "INV-11"),
        (stop(quantity="0.099"), "INV-11"),
        (replace(stop(), type=OrderType.LIMIT), "INV-11"),
    ],
)
def test_a_stop_covers_the_position_at_the_price_that_was_wanted(order: SplitOrder, found_as: str) -> None:
    oracle = Oracle(INSTRUMENTS, POSITION_MAX)
    oracle.quotes[SYMBOL] = QUOTE
    oracle.position[SYMBOL] = Decimal("0.1")
    decided = said(Work(0, "entry", SYMBOL, lots=100, stop_bp=100), 0, 0, INSTRUMENT, QUOTE, Decimal(0))
    assert decided is not None
    assert _told(oracle, (decided,), SendOrder(order)) == found_as


@pytest.mark.parametrize(("price", "found_as"), [("1960.0", ""), ("1700.0", "INV-11")])
def test_while_a_position_is_escaped_from_its_stop_may_be_at_the_collar(price: str, found_as: str) -> None:
    oracle = Oracle(INSTRUMENTS, POSITION_MAX)
    oracle.quotes[SYMBOL] = QUOTE
    oracle.position[SYMBOL] = Decimal("0.1")
    escape = OperatorSaid(OperatorVerb.ESCAPE, "operator", "away", symbol=SYMBOL)
    assert _told(oracle, (escape,), SendOrder(stop(price=price))) == found_as


def test_an_exit_that_is_refused_because_of_a_target_known_to_rest_is_seen() -> None:
    truth, exits = Truth(), ExitsInTheWay()
    target = replace(stop(price="2020.0"), client_id="tp1", type=OrderType.LIMIT, role=Role.TAKE_PROFIT)
    leaving = replace(target, client_id="x1", type=OrderType.MARKET, price=None, role=Role.EXIT)
    truth.position[SYMBOL] = Decimal("0.1")
    truth.left(SendOrder(target))
    truth.arrived(SendOrder(target), OrderAck("tp1", SendOutcome.ACCEPTED, "1"))
    exits._known["x1"] = ("tp1",)
    assert exits.refused(leaving, truth) == ["tp1"]
    assert exits.refused(replace(leaving, quantity=Decimal("0.2")), truth) == []
    truth.left(SendOrder(leaving))
    assert exits.refused(leaving, truth) == ["tp1"]
    truth.orders["x1"].is_zombie = True
    assert exits.refused(leaving, truth) == [], "it comes late, and another attempt has done what it was for"


@pytest.mark.parametrize(("heard", "blamed"), [("0.1", ["q1"]), ("0.2", [])])
def test_an_exit_that_had_room_by_what_was_heard_is_nobodys_fault(heard: str, blamed: list[str]) -> None:
    """The venue takes half of the position, and nobody has heard of it when the exit is sent."""
    truth, exits = Truth(), ExitsInTheWay()
    account = ExecutionController(ExecutionSettings(instruments=INSTRUMENTS)).account
    rests = replace(stop(price="2020.0"), client_id="q1", parent_id="q1", type=OrderType.LIMIT, role=Role.EXIT)
    truth.left(SendOrder(rests))
    truth.arrived(SendOrder(rests), OrderAck("q1", SendOutcome.ACCEPTED, "1"))
    account.orders.submit(rests, 0)
    record = account.orders.find("q1")
    assert record is not None
    account.orders.hear(record, OrderEvent.ACCEPT, 0)
    account.positions.of(SYMBOL).quantity = Decimal(heard)
    truth.position[SYMBOL] = Decimal("0.1")
    leaving = replace(rests, client_id="q2", parent_id="q2")
    exits.left(leaving, truth, account, {})
    assert exits.refused(leaving, truth) == blamed


@pytest.mark.parametrize(("is_zombie", "found_as"), [(False, "INV-27"), (True, "")])
def test_the_only_stop_is_not_cancelled_but_for_one_the_venue_took_against_its_word(
    is_zombie: bool,  # noqa: FBT001 - a case
    found_as: str,
) -> None:
    oracle, only = Oracle(INSTRUMENTS, POSITION_MAX), stop(price="1980.0")
    oracle.position[SYMBOL] = oracle.truth.position[SYMBOL] = Decimal("0.1")
    oracle.truth.left(SendOrder(only))
    oracle.truth.arrived(SendOrder(only), OrderAck(only.client_id, SendOutcome.ACCEPTED, "1"))
    oracle.truth.orders[only.client_id].is_zombie = is_zombie
    cancel = CancelOrder(only.client_id, SYMBOL, conditional=True)
    oracle._judge_command(cancel, 1)
    with pytest.raises(Violated, match=found_as) if found_as else nullcontext():
        oracle.left(cancel, 1)


def test_an_exit_that_is_refused_because_of_an_order_thought_absent_is_nobodys_fault() -> None:
    """What was known to rest leaves room enough; the venue kept an order whose absence it had vouched for."""
    truth, exits = Truth(), ExitsInTheWay()
    known = replace(stop(price="2020.0"), client_id="q8a2", type=OrderType.LIMIT, role=Role.EXIT)
    known = replace(known, quantity=Decimal("0.05"))
    leaving = replace(known, client_id="q9", quantity=Decimal("0.025"))
    truth.position[SYMBOL] = Decimal("0.1")
    for order in (known, replace(known, client_id="q8")):
        truth.left(SendOrder(order))
        truth.arrived(SendOrder(order), OrderAck(order.client_id, SendOutcome.ACCEPTED, "1"))
    exits._known["q9"] = ("q8a2",)
    assert exits.refused(leaving, truth) == []
    assert exits.refused(replace(leaving, quantity=Decimal("0.06")), truth) == ["q8a2"]


@pytest.mark.parametrize(("gives_back", "found_as"), [(True, ""), (False, "INV-11")])
def test_while_an_escape_waits_to_send_anything_the_stop_may_be_at_the_collar(
    gives_back: bool,  # noqa: FBT001 - a case
    found_as: str,
) -> None:
    oracle = Oracle(INSTRUMENTS, POSITION_MAX)
    oracle.quotes[SYMBOL] = QUOTE
    oracle.position[SYMBOL] = Decimal("0.1")
    oracle.machine = account = ExecutionController(ExecutionSettings(instruments=INSTRUMENTS)).account
    if gives_back:
        account.escaping[SYMBOL] = 0
    assert _told(oracle, (), SendOrder(stop(price="1960.0"))) == found_as


def test_what_was_asked_to_end_again_and_again_in_vain_is_not_to_blame() -> None:
    truth, exits = Truth(), ExitsInTheWay()
    target = replace(stop(price="2020.0"), client_id="tp1", type=OrderType.LIMIT, role=Role.TAKE_PROFIT)
    leaving = replace(target, client_id="x1.esc1", type=OrderType.MARKET, price=None, role=Role.ESCAPE)
    truth.position[SYMBOL] = Decimal("0.1")
    truth.left(SendOrder(target))
    truth.arrived(SendOrder(target), OrderAck("tp1", SendOutcome.ACCEPTED, "1"))
    machine = ExecutionController(ExecutionSettings(instruments=INSTRUMENTS)).account
    machine.send(target, 0)
    record = machine.orders.find("tp1")
    assert record is not None
    machine.orders.hear(record, OrderEvent.ACCEPT, 1)
    for asked in range(ASKS_MAX + 1):
        exits.left(leaving, truth, machine, {("cancel", "tp1"): asked})
        assert exits.refused(leaving, truth) == (["tp1"] if asked < ASKS_MAX else [])
