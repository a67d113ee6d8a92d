"""Capital per strategy and world: nothing is created and nothing is lost, whatever comes in whatever order."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import UsageError
from qts.risk.capital import Capital, CapitalRefusal, ChangeRefused, Pool, Sums, changed, folded
from qts.risk.capital_changes import (
    ALLOWS,
    Change,
    Deposited,
    Earned,
    Filled,
    PoolKey,
    PoolOpened,
    PoolState,
    Released,
    Reserved,
    Returned,
    StateSet,
    Transfer,
    Withdrawn,
)

WORLD, OTHER = PoolKey("w"), PoolKey("v")
ONE, TWO = PoolKey("w", "one"), PoolKey("w", "two")
KEYS = [WORLD, OTHER, ONE, TWO, PoolKey("nowhere", "none")]
BEGIN = [PoolOpened(WORLD), PoolOpened(ONE), PoolOpened(TWO), Deposited(WORLD, Decimal(1000))]


def amount(text: str) -> Decimal:
    return Decimal(text)


def after(*changes: Change) -> Capital:
    return folded([*BEGIN, *changes])


def refused(capital: Capital, change: Change) -> ChangeRefused:
    answer = changed(capital, change)
    assert isinstance(answer, ChangeRefused)
    return answer


GIVEN = Transfer(WORLD, ONE, Decimal(400))

# Each story, then what the pool of strategy one holds: total, available, invested, reserved.
STORIES: list[tuple[str, list[Change], tuple[str, str, str, str]]] = [
    ("an order reserves", [Reserved(ONE, "a", amount("100"))], ("400", "300", "0", "100")),
    (
        "a cancelled order gives back",
        [Reserved(ONE, "a", amount("100")), Released(ONE, "a", amount("100"))],
        ("400", "400", "0", "0"),
    ),
    (
        "a fill invests, and part stays in flight",
        [Reserved(ONE, "a", amount("100")), Filled(ONE, "a", amount("60"), amount("60"))],
        ("400", "300", "60", "40"),
    ),
    (
        "a fill at a better price leaves the rest available",
        [Reserved(ONE, "a", amount("100")), Filled(ONE, "a", amount("100"), amount("99.5"))],
        ("400", "300.5", "99.5", "0"),
    ),
    (
        "a fill at a worse price takes from what was available, below 0 if it must",
        [Reserved(ONE, "a", amount("400")), Filled(ONE, "a", amount("400"), amount("401"))],
        ("400", "-1", "401", "0"),
    ),
    (
        "a fill that comes after the order's end is written down too",
        [
            Reserved(ONE, "a", amount("50")),
            Released(ONE, "a", amount("50")),
            Filled(ONE, "a", amount("0"), amount("50")),
        ],
        ("400", "350", "50", "0"),
    ),
    (
        "a closed position returns what it took, and its loss is the pool's",
        [
            Reserved(ONE, "a", amount("100")),
            Filled(ONE, "a", amount("100"), amount("100")),
            Earned(ONE, amount("-30.00000001")),
            Returned(ONE, amount("100")),
        ],
        ("369.99999999", "369.99999999", "0", "0"),
    ),
    ("a profit belongs to who made it", [Earned(ONE, amount("7"))], ("407", "407", "0", "0")),
    ("what is free goes back to the world", [Transfer(ONE, WORLD, amount("400"))], ("0", "0", "0", "0")),
]


@pytest.mark.parametrize(("name", "story", "expected"), STORIES)
def test_stories(name: str, story: list[Change], expected: tuple[str, str, str, str]) -> None:
    """Proves: P4-3"""
    pool = after(GIVEN, *story).pools[ONE]
    assert (pool.total, pool.available, pool.invested, pool.reserved) == tuple(map(Decimal, expected))


REFUSALS: list[tuple[list[Change], Change, CapitalRefusal]] = [
    ([], Reserved(ONE, "a", amount("400.00000001")), CapitalRefusal.AVAILABLE_INSUFFICIENT),
    (
        [Reserved(ONE, "a", amount("300"))],
        Reserved(ONE, "b", amount("100.00000001")),
        CapitalRefusal.AVAILABLE_INSUFFICIENT,
    ),
    ([Reserved(ONE, "a", amount("1"))], Reserved(ONE, "a", amount("1")), CapitalRefusal.ORDER_HOLDS_ALREADY),
    ([Reserved(ONE, "a", amount("300"))], Transfer(ONE, TWO, amount("101")), CapitalRefusal.AVAILABLE_INSUFFICIENT),
    ([Reserved(ONE, "a", amount("300"))], Withdrawn(ONE, amount("101")), CapitalRefusal.AVAILABLE_INSUFFICIENT),
    ([Reserved(ONE, "a", amount("5"))], Released(ONE, "a", amount("6")), CapitalRefusal.RESERVED_INSUFFICIENT),
    ([Reserved(ONE, "a", amount("5"))], Released(TWO, "a", amount("5")), CapitalRefusal.RESERVED_INSUFFICIENT),
    (
        [Reserved(ONE, "a", amount("5")), Reserved(ONE, "b", amount("5"))],
        Filled(ONE, "a", amount("6"), amount("6")),
        CapitalRefusal.RESERVED_INSUFFICIENT,
    ),
    ([], Returned(ONE, amount("1")), CapitalRefusal.INVESTED_INSUFFICIENT),
    ([], Deposited(OTHER, amount("1")), CapitalRefusal.POOL_UNKNOWN),
    ([], Transfer(ONE, OTHER, amount("1")), CapitalRefusal.POOL_UNKNOWN),
    ([], PoolOpened(PoolKey("v", "s")), CapitalRefusal.POOL_UNKNOWN),
    ([], PoolOpened(ONE), CapitalRefusal.POOL_EXISTS),
]


@pytest.mark.parametrize(("story", "change", "reason"), REFUSALS)
def test_what_is_not_there_is_refused_with_both_numbers_and_nothing_moves(
    story: list[Change], change: Change, reason: CapitalRefusal
) -> None:
    """Proves: P4-3"""
    before = after(GIVEN, *story)
    facts = before.facts()
    no = refused(before, change)
    assert no.reason is reason
    assert no.sentence
    if reason.value.endswith("insufficient"):
        assert sum(character.isdigit() for character in no.sentence) >= 2
        assert " is wanted, " in no.sentence
    assert before.facts() == facts


HAPPENED = {
    Released: Released(ONE, "a", amount("1")),
    Filled: Filled(ONE, "a", amount("1"), amount("1")),
    Returned: Returned(ONE, amount("1")),
    Earned: Earned(ONE, amount("-1")),
}
WANTED = {
    Deposited: Deposited(ONE, amount("1")),
    Withdrawn: Withdrawn(ONE, amount("1")),
    Reserved: Reserved(ONE, "z", amount("1")),
    Transfer: Transfer(ONE, TWO, amount("1")),
}


def in_state(state: PoolState, whose: PoolKey) -> Capital:
    return after(
        GIVEN,
        Reserved(ONE, "a", amount("100")),
        Filled(ONE, "a", amount("50"), amount("50")),
        StateSet(whose, state, "operator", "drill"),
    )


@pytest.mark.parametrize("state", PoolState)
@pytest.mark.parametrize("whose", [ONE, WORLD], ids=["its own state", "its world's state"])
@pytest.mark.parametrize("kind", [*HAPPENED, *WANTED])
def test_a_state_lets_through_exactly_what_the_table_says(state: PoolState, whose: PoolKey, kind: type) -> None:
    """Proves: P4-3"""
    answer = changed(in_state(state, whose), (HAPPENED | WANTED)[kind])
    assert isinstance(answer, Capital) is (kind in ALLOWS[state])


def test_the_table_says_what_was_decided() -> None:
    """Proves: P4-3"""
    assert ALLOWS[PoolState.ACTIVE] - ALLOWS[PoolState.PAUSED] == {Reserved}
    assert ALLOWS[PoolState.LOCKED] == set(HAPPENED) | {StateSet}


def test_a_transfer_asks_both_pools() -> None:
    """Proves: P4-3"""
    locked = after(GIVEN, StateSet(TWO, PoolState.LOCKED, "operator", "drill"))
    assert refused(locked, Transfer(ONE, TWO, amount("1"))).reason is CapitalRefusal.POOL_LOCKED


def test_a_world_is_the_sum_of_its_pools_and_the_account_of_all() -> None:
    """Proves: P4-3"""
    capital = after(
        GIVEN,
        PoolOpened(OTHER),
        Deposited(OTHER, amount("50")),
        Reserved(ONE, "a", amount("10")),
        Filled(ONE, "a", amount("4"), amount("4")),
    )
    assert capital.of_world("w") == Sums(Decimal(1000), Decimal(990), Decimal(4), Decimal(6))
    assert capital.of_account() == Sums(Decimal(1050), Decimal(1040), Decimal(4), Decimal(6))


@pytest.mark.parametrize("field", ["total", "available", "invested"])
def test_check_finds_one_grain_that_is_missing(field: str) -> None:
    """Proves: P4-3"""
    capital = after(GIVEN)
    pool = capital.pools[ONE]
    wrong = replace(pool, **{field: getattr(pool, field) + Decimal("0.00000001")})
    with pytest.raises(AssertionError, match="does not add up"):
        Capital({**capital.pools, ONE: wrong}, capital.account).check()


def test_check_finds_pools_that_are_not_the_account() -> None:
    """Proves: P4-3"""
    capital = after(GIVEN)
    grown = {**capital.pools, TWO: Pool(total=Decimal("0.00000001"), available=Decimal("0.00000001"))}
    with pytest.raises(AssertionError, match="to the account"):
        Capital(grown, capital.account).check()


@pytest.mark.parametrize("wrong", ["0", "-1", "0.000000001", "NaN", "Infinity"])
def test_amounts_are_above_0_and_on_the_grid(wrong: str) -> None:
    with pytest.raises(UsageError):
        Reserved(ONE, "a", Decimal(wrong))


def test_a_journal_that_could_not_have_been_written_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="refused"):
        folded([*BEGIN, Returned(ONE, Decimal(1))])


amounts = st.integers(1, 10**12).map(lambda grains: Decimal(grains).scaleb(-8))
keys = st.sampled_from(KEYS)
order_ids = st.sampled_from("abc")
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(PoolOpened, keys),
    st.builds(Deposited, keys, amounts),
    st.builds(Withdrawn, keys, amounts),
    st.builds(Reserved, keys, order_ids, amounts),
    st.builds(Released, keys, order_ids, amounts),
    st.builds(Filled, keys, order_ids, amounts, amounts),
    st.builds(Filled, keys, order_ids, st.just(Decimal(0)), amounts),
    st.builds(Returned, keys, amounts),
    st.builds(Earned, keys, st.tuples(amounts, st.sampled_from([1, -1])).map(lambda each: each[0] * each[1])),
    st.builds(Transfer, st.just(WORLD), st.sampled_from([ONE, TWO, OTHER]), amounts),
    st.builds(Transfer, st.sampled_from([ONE, TWO, OTHER]), st.just(WORLD), amounts),
    st.builds(StateSet, keys, st.sampled_from(PoolState), st.just("operator"), st.just("drill")),
)


def walked(story: list[Change]) -> Iterator[tuple[Capital, Change, Capital | ChangeRefused]]:
    capital = Capital()
    for change in [*BEGIN, PoolOpened(OTHER), *story]:
        answer = changed(capital, change)
        yield capital, change, answer
        if isinstance(answer, Capital):
            capital = answer


def outside(change: Change) -> Decimal:
    """What a change brings in from outside the account."""
    if isinstance(change, Deposited | Earned):
        return change.amount
    return -change.amount if isinstance(change, Withdrawn) else Decimal(0)


@given(st.lists(changes, max_size=60))
def test_capital_is_conserved_whatever_comes(story: list[Change]) -> None:
    """Counted here a second time: what came from outside is what there is; a wish never spends what is not there.

    Proves: P4-3
    """
    came = Decimal(0)
    for before, change, answer in walked(story):
        if isinstance(answer, ChangeRefused):
            continue
        came += outside(change)
        answer.check()
        assert answer.account == came == answer.of_account().total
        assert sum((answer.of_world(world).total for world in ("w", "v")), Decimal(0)) == came
        for key, pool in answer.pools.items():
            assert pool.total == pool.available + pool.invested + pool.reserved
            if pool.available < min(Decimal(0), before.pools.get(key, Pool()).available):
                assert type(change) in HAPPENED


@given(st.lists(changes, max_size=60))
def test_the_state_is_the_fold_of_what_was_let_through(story: list[Change]) -> None:
    """Proves: P4-3"""
    journal, last = [], Capital()
    for _, change, answer in walked(story):
        if isinstance(answer, Capital):
            journal.append(change)
            last = answer
    assert folded(journal) == last
    with localcontext() as hostile:
        hostile.prec = 3  # whatever another thread's code did to the context
        assert folded(journal).facts() == last.facts()


@given(st.lists(changes, max_size=40), amounts)
def test_there_and_back_leaves_no_trace(story: list[Change], much: Decimal) -> None:
    """Proves: P4-3"""
    capital = folded([change for _, change, answer in walked(story) if isinstance(answer, Capital)])
    for there, back in (
        (Transfer(WORLD, ONE, much), Transfer(ONE, WORLD, much)),
        (Reserved(ONE, "new", much), Released(ONE, "new", much)),
    ):
        once = changed(capital, there)
        if isinstance(once, Capital):
            twice = changed(once, back)
            assert isinstance(twice, ChangeRefused) or twice == capital
