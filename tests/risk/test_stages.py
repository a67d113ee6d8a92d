"""Pass, warn, reduce, block: the worst wins, every reason is kept, and who speaks first does not matter."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from qts.domain.refusal import RefusalCode
from qts.risk.stages import Block, Pass, Reduce, Stage, StageWord, Warn, only_warned, together, word_of, worst
from tests.generators import instrument

XYZ = instrument("0.01", "0.5", "100")
PRICE = Decimal(50)
ASKED = Decimal(10)

reasons = st.sampled_from(["a", "b", "c", "d"])
stages: st.SearchStrategy[Stage] = st.one_of(
    st.builds(Pass),
    st.builds(Warn, reasons),
    st.builds(Reduce, st.decimals(0, 20, places=3), reasons),
    st.builds(Block, st.sampled_from(RefusalCode), reasons),
)
many = st.lists(stages, max_size=8)


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_the_rules_does_not_matter(said: list[Stage], dice) -> None:
    """Proves: P6-7"""
    shuffled = list(said)
    dice.shuffle(shuffled)
    assert worst(shuffled) == worst(said)
    assert together(ASKED, shuffled, XYZ, PRICE) == together(ASKED, said, XYZ, PRICE)


@given(many, many, many)
def test_what_is_said_together_is_associative_and_saying_it_twice_adds_nothing(
    a: list[Stage], b: list[Stage], c: list[Stage]
) -> None:
    """Proves: P6-7"""
    left = worst((*worst((*worst(a), *worst(b))), *worst(c)))
    right = worst((*worst(a), *worst((*worst(b), *worst(c)))))
    assert left == right == worst((*a, *b, *c))
    assert worst((*left, *left)) == left
    assert worst((*a, Pass())) == worst(a)


@given(many)
def test_the_worst_wins_and_every_reason_is_kept(said: list[Stage]) -> None:
    """Proves: P6-7"""
    verdict = together(ASKED, said, XYZ, PRICE)
    for stage in said:
        assert stage in verdict.stages or isinstance(stage, Pass)
    assert {stage.reason for stage in said if not isinstance(stage, Pass)} <= set(verdict.reasons)
    ranks = [list(StageWord).index(word_of(stage)) for stage in verdict.stages]
    assert ranks == sorted(ranks)
    assert list(StageWord).index(verdict.word) <= min((list(StageWord).index(word_of(s)) for s in said), default=3)


@given(many)
def test_what_flows_on_is_the_smallest_of_all_on_the_lot_grid_or_nothing(said: list[Stage]) -> None:
    """Proves: P6-7"""
    verdict = together(ASKED, said, XYZ, PRICE)
    assert (verdict.quantity == 0) is (verdict.word is StageWord.BLOCK)
    allowed = [stage.quantity for stage in said if isinstance(stage, Reduce)]
    if verdict.word is StageWord.BLOCK:
        if not any(isinstance(stage, Block) for stage in said):
            assert min(allowed) < 2  # 2 x 50 is the minimum of 100
        return
    assert verdict.quantity <= min([ASKED, *allowed])
    assert verdict.quantity > min([ASKED, *allowed]) - XYZ.lot
    assert verdict.quantity % XYZ.lot == 0
    assert verdict.quantity * PRICE >= XYZ.notional_min
    if not allowed:
        assert verdict.quantity == ASKED


@given(many)
def test_an_order_that_reduces_passes_whole_and_is_only_warned(said: list[Stage]) -> None:
    """Proves: P6-7"""
    verdict = only_warned(ASKED, said)
    assert verdict.quantity == ASKED
    assert verdict.word in (StageWord.PASS, StageWord.WARN)
    assert set(verdict.reasons) == {stage.reason for stage in said if not isinstance(stage, Pass)}
    assert verdict.codes == ()


def test_a_little_of_everything() -> None:
    """Proves: P6-7"""
    said = [Warn("near"), Reduce(Decimal("7.9"), "gross"), Pass(), Reduce(Decimal("6.3"), "heat")]
    reduced = together(ASKED, said, XYZ, PRICE)
    assert (reduced.word, reduced.quantity) == (StageWord.REDUCE, Decimal("6.0"))
    assert reduced.reasons == ("heat", "gross", "near")
    said += [Block(RefusalCode.HEAT_ABOVE_LIMIT, "hot"), Block(RefusalCode.DATA_STALE, "old")]
    blocked = together(ASKED, said, XYZ, PRICE)
    assert (blocked.word, blocked.quantity) == (StageWord.BLOCK, 0)
    assert blocked.codes == (RefusalCode.DATA_STALE, RefusalCode.HEAT_ABOVE_LIMIT)
    assert blocked.reasons == ("old", "hot", "heat", "gross", "near")


def test_too_little_left_is_a_block_that_says_why() -> None:
    """Proves: P6-7"""
    below_lot = together(ASKED, [Reduce(Decimal("0.4"), "heat")], XYZ, PRICE)
    assert below_lot.codes == (RefusalCode.QUANTITY_BELOW_LOT,)
    below_minimum = together(ASKED, [Reduce(Decimal("1.9"), "heat")], XYZ, PRICE)
    assert below_minimum.codes == (RefusalCode.NOTIONAL_BELOW_MINIMUM,)
    assert "heat" in below_minimum.reasons
    at_minimum = together(ASKED, [Reduce(Decimal("2.4"), "heat")], XYZ, PRICE)
    assert (at_minimum.word, at_minimum.quantity) == (StageWord.REDUCE, 2)


def test_without_a_price_nothing_passes() -> None:
    """Proves: P6-7"""
    assert together(ASKED, [], XYZ, None).codes == (RefusalCode.DATA_STALE,)
