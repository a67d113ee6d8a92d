"""Whatever several strategies say on whatever markets: the money of the account is where it is said to be.

The run itself checks at every posting that books, purses and pools are one
another's; here the end is counted once more, from the postings and the changes.
"""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.money import exact_arithmetic
from qts.domain.virtual_books import QUARANTINE
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.risk.capital import folded
from qts.risk.capital_changes import Deposited, Earned, Filled, PoolKey, PoolState, Released, Reserved, StateSet
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member, OnHalt
from qts.strategy.arbitration import Rule
from tests.generators import ALL_WAIVERS, WORDS, Improviser, frictions, knobs, market
from tests.simulation.joint_members import books_add_up

WORLD = PoolKey("drill")


def called(dataset: Dataset, symbol: str) -> Dataset:
    brackets = dataset.brackets
    if brackets is not None:
        brackets = BracketHistory(tuple(replace(each, symbol=symbol) for each in brackets.tables))
    return replace(
        dataset,
        instrument=replace(dataset.instrument, symbol=symbol),
        bars=replace(dataset.bars, symbol=symbol),
        mark=None if dataset.mark is None else replace(dataset.mark, symbol=symbol),
        funding=None if dataset.funding is None else replace(dataset.funding, symbol=symbol),
        brackets=brackets,
    )


def improviser(seed: int, talk: float, words: str) -> type[Improviser]:
    said = {"seed": seed, "talk": talk, "words": words}
    notes = {"seed": int, "talk": float, "words": str}
    return type("Improvising", (Improviser,), said | {"__annotations__": notes, "__module__": __name__})


@st.composite
def accounts(draw: st.DrawFn) -> tuple[dict[str, Dataset], list[Member], JointTerms]:
    made = draw(st.lists(knobs(40), min_size=1, max_size=3))
    datasets = {f"S{number}USDT": called(market(each), f"S{number}USDT") for number, each in enumerate(made)}
    kinds = draw(
        st.lists(
            st.builds(improviser, st.integers(0, 10**6), st.sampled_from([0.2, 0.7, 1.0]), st.sampled_from(WORDS)),
            min_size=1,
            max_size=4,
        )
    )
    members = [
        Member(
            strategy_id=f"s{number}",
            make=kind,
            symbols=tuple(draw(st.lists(st.sampled_from(sorted(datasets)), min_size=1, unique=True))),
            capital=draw(st.sampled_from([Decimal(50), Decimal(10_000), Decimal("123456.78901234")])),
            priority=draw(st.integers(0, 1)),
            pool=draw(st.sampled_from([PoolState.ACTIVE, PoolState.ACTIVE, PoolState.ACTIVE, PoolState.PAUSED])),
        )
        for number, kind in enumerate(kinds)
    ]
    terms = JointTerms(
        rule=draw(st.sampled_from(Rule)),
        on_halt=draw(st.sampled_from(OnHalt)),
        frictions=draw(frictions),
        policies=draw(st.sampled_from([None, None, LimitPolicies()])),
        waivers=ALL_WAIVERS,
        world=WORLD.world,
    )
    named = {symbol for each in members for symbol in each.symbols}
    return {symbol: each for symbol, each in datasets.items() if symbol in named}, members, terms


@settings(max_examples=80, deadline=None)
@given(accounts())
def test_pools_are_the_wallets_and_the_fold_of_what_happened(account) -> None:
    """Proves: P4-3, P6-5"""
    datasets, members, terms = account
    result = run_together(datasets, members, terms)
    books_add_up(result)
    changes = [change for _, change in result.changes]
    with exact_arithmetic():
        assert folded(changes) == result.capital
        result.capital.check()
        for member in members:
            pool = result.capital.pools[PoolKey(WORLD.world, member.strategy_id)]
            assert pool.total == result.of_strategy(member.strategy_id).wallet
            _recounted(result, member, changes)
        world = result.capital.pools[WORLD]
        assert world.total == result.of_strategy(QUARANTINE).wallet
        venue = sum(each.wallet + each.unrealized for each in result.venue.values())
        assert sum(each.equity for each in result.books.values()) == venue
    instants = [at for at, _ in result.changes]
    assert instants == sorted(instants)


def _recounted(result: JointResult, member: Member, changes: list[object]) -> None:
    """Nothing is reserved for an order twice, and whatever was reserved became a fill, was released, or is reserved."""
    key = PoolKey(WORLD.world, member.strategy_id)
    own = [each for each in changes if getattr(each, "pool", None) == key]
    reserved: dict[str, Decimal] = {}
    for each in own:
        if isinstance(each, Reserved):
            assert each.order_id not in reserved
            reserved[each.order_id] = each.amount
        elif isinstance(each, Released):
            reserved[each.order_id] -= each.amount
        elif isinstance(each, Filled) and each.released:
            reserved[each.order_id] -= each.released
    left = {order_id: amount for order_id, amount in reserved.items() if amount}
    assert left == {each.order_id: each.amount for each in result.capital.pools[key].reservations}
    assert all(amount > 0 for amount in left.values())
    if member.pool is not PoolState.ACTIVE:
        assert {type(each) for each in own[1:]} <= {Deposited, StateSet}, "nothing was ever opened with it"
        return
    earned = sum((each.amount for each in own if isinstance(each, Earned)), start=Decimal(0))
    postings = [each for told in result.postings.values() for _, each in told if each.strategy_id == member.strategy_id]
    paid = sum((each.fee + each.funding + each.liquidation_fee - each.insurance for each in postings), start=Decimal(0))
    assert earned == sum((each.realized_pnl for each in postings), start=Decimal(0)) - paid
