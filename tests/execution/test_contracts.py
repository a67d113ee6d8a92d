"""What is decided, sent and set is checked where it is made.

Proves: SX-8
"""

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from decimal import Decimal

import pytest

from qts.domain.errors import QtsError
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution import commands, contracts, events
from qts.execution.contracts import OrderDecision, Role, SlippageConfig, SplitConfig, SplitOrder
from qts.execution.events import OperatorSaid, OperatorVerb, OrderEnded
from tests.execution.front_desk import SYMBOL, T0, Desk

STOP = SplitOrder(
    client_id="c",
    parent_id="p",
    symbol=SYMBOL,
    side=Side.SELL,
    type=OrderType.STOP,
    quantity=Decimal(1),
    price=Decimal(95),
    reduce_only=True,
    role=Role.STOP_LOSS,
    sequence=0,
    attempt=1,
    send_at=T0,
)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quantity": Decimal(0)}, "quantity must be above 0"),
        ({"price": None}, "does not go with"),
        ({"type": OrderType.MARKET}, "does not go with"),
        ({"reduce_only": False}, "must be reduce-only"),
    ],
)
def test_an_order_that_cannot_be_is_not_made(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(QtsError, match=said):
        replace(STOP, **wrong)


def test_a_decision_has_an_arrival_price_and_no_negative_horizon() -> None:
    decision = Desk().decision()
    with pytest.raises(QtsError, match="arrival price must be above 0"):
        replace(decision, arrival_price=Decimal(0))
    with pytest.raises(QtsError, match="a horizon is not negative"):
        replace(decision, horizon_ms=-1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SplitConfig(min_split_lots=0),
        lambda: SplitConfig(iceberg_lots=10),
        lambda: SplitConfig(slices_max=0),
        lambda: SplitConfig(iceberg_visible=Decimal(0)),
        lambda: SplitConfig(participation_max=Decimal(2)),
        lambda: SlippageConfig(hold_at=Decimal("0.01")),
        lambda: SlippageConfig(step=Decimal(0)),
        lambda: SlippageConfig(rounds_max=-1),
        lambda: OperatorSaid(OperatorVerb.KILL, who=""),
        lambda: OrderEnded("c", OrderState.ACCEPTED),
    ],
)
def test_settings_and_words_that_make_no_sense_are_refused(make: object) -> None:
    with pytest.raises(QtsError):
        make()  # type: ignore[operator]


def test_everything_that_travels_is_frozen_and_slotted() -> None:
    values = [
        each
        for module in (contracts, events, commands)
        for each in vars(module).values()
        if isinstance(each, type) and is_dataclass(each) and each.__module__ == module.__name__
    ]
    assert len(values) > 30
    for each in values:
        assert "__slots__" in vars(each), each
        assert each.__dataclass_params__.frozen, each
        assert fields(each) is not None
    with pytest.raises(FrozenInstanceError):
        STOP.quantity = Decimal(2)  # type: ignore[misc]
    assert isinstance(Desk().decision(), OrderDecision)
