"""Whether a stop still comes before liquidation is asked again after each kind of change, and not without one.

Proves: QL-14
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.book import Book
from qts.domain.money import exact_arithmetic
from qts.domain.order import Side
from qts.domain.refusal import RefusalCode
from qts.market.brackets import BracketHistory
from qts.risk.limit_policy import LimitPolicies
from qts.risk.liquidation_guard import StopFacts, StopVerdict, stop_before_liquidation
from qts.simulation import stop_recheck
from qts.simulation.stop_recheck import StopRecheck
from tests.generators import bracket_table
from tests.simulation.test_joint_guard import ONE_TIER, WIDE

LATER = 1_000
TABLES = BracketHistory((ONE_TIER, bracket_table(("0", "0.1", 100), as_of=LATER)))
POLICIES = LimitPolicies(account=WIDE)
STOP = Decimal("82.5")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[StopFacts]:
    """Every time the question was really asked."""
    seen: list[StopFacts] = []

    def ask(facts: StopFacts) -> StopVerdict:
        seen.append(facts)
        return stop_before_liquidation(facts)

    monkeypatch.setattr(stop_recheck, "stop_before_liquidation", ask)
    return seen


def held(leverage: int = 5) -> Book:
    """10 at 100, with 200 behind it at 5x; a stop above 82.033 clears liquidation at 80.81."""
    book = Book(Decimal(1_000), leverage)
    book.fill(Side.BUY, Decimal(10), Decimal(100), Decimal(0))
    return book


def more(book: Book) -> None:
    book.fill(Side.BUY, Decimal(10), Decimal(110), Decimal(0))


def a_part_less(book: Book) -> None:
    book.fill(Side.SELL, Decimal(4), Decimal(100), Decimal(0))


def nothing(book: Book) -> None:
    """The book is what it was."""


def charged(book: Book) -> None:
    """Funding so dear that the free 800 do not pay all of it."""
    book.pay_funding(Decimal(850))


def cheap(book: Book) -> None:
    """Funding out of what is free leaves the margin as it was."""
    book.pay_funding(Decimal(50))


CHANGES: list[tuple[Callable[[Book], None], Decimal, int, bool, bool]] = [
    (nothing, STOP, 0, False, False),
    (cheap, STOP, 0, False, False),
    (nothing, STOP, LATER - 1, False, False),
    (nothing, STOP, LATER, True, True),
    (nothing, Decimal(82), 0, True, True),
    (nothing, Decimal(83), 0, True, False),
    (charged, STOP, 0, True, True),
    (more, STOP, 0, True, True),
    (a_part_less, STOP, 0, True, False),
]
"""What happens to the book, the stop then, and when; whether it is asked again, and whether the answer is no."""


@pytest.mark.parametrize(("change", "stop", "now", "again", "no"), CHANGES)
def test_it_is_asked_again_after_a_change_and_only_then(
    change: Callable[[Book], None], stop: Decimal, now: int, *, again: bool, no: bool, asked: list[StopFacts]
) -> None:
    book, recheck = held(), StopRecheck(POLICIES, TABLES)
    with exact_arithmetic():
        assert recheck.objection(book, STOP, 0) is None
        change(book)
        verdict = recheck.objection(book, stop, now)
    assert len(asked) == 1 + again
    assert (verdict is not None) is no
    if verdict is not None:
        assert verdict.code is RefusalCode.LIQUIDATION_BEFORE_STOP
        assert (asked[-1].position, asked[-1].basis, asked[-1].stop) == (book.position, book.basis, stop)
        assert asked[-1].backing.margin == book.margin


def test_another_leverage_is_another_margin_and_asked_again(asked: list[StopFacts]) -> None:
    recheck = StopRecheck(POLICIES, TABLES)
    with exact_arithmetic():
        assert recheck.objection(held(5), STOP, 0) is None
        assert recheck.objection(held(4), STOP, 0) is None
        assert recheck.objection(held(6), STOP, 0) is not None
    assert [facts.leverage for facts in asked] == [5, 4, 6]


def test_a_no_is_asked_again_as_long_as_it_stands(asked: list[StopFacts]) -> None:
    book, recheck = held(), StopRecheck(POLICIES, TABLES)
    with exact_arithmetic():
        assert all(recheck.objection(book, Decimal(80), 0) is not None for _ in range(3))
        assert recheck.objection(book, STOP, 0) is None
        assert recheck.objection(book, STOP, 0) is None
    assert len(asked) == 4


@pytest.mark.parametrize("why", ["no limits", "no buffer", "no brackets", "no stop", "flat"])
def test_where_there_is_nothing_to_ask_it_is_not_asked(why: str, asked: list[StopFacts]) -> None:
    no_buffer = LimitPolicies(account=replace(WIDE, stop_buffer=Decimal(0)))
    policies = None if why == "no limits" else no_buffer if why == "no buffer" else POLICIES
    recheck = StopRecheck(policies, None if why == "no brackets" else TABLES)
    assert recheck.is_asked is (why in ("no stop", "flat"))
    book = Book(Decimal(1_000), 5) if why == "flat" else held()
    assert recheck.objection(book, None if why == "no stop" else Decimal(10), 0) is None
    assert asked == []
