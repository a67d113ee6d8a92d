"""Money, grids, instants and identities: exact, refused when absurd, the same everywhere."""

import pickle
from decimal import Decimal
from enum import Enum

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qts.domain.errors import (
    CheckFailed,
    DataError,
    PolicyError,
    QtsError,
    StorageError,
    StrategyError,
    UsageError,
    did_you_mean,
)
from qts.domain.ids import canonical_json, digest, short_id
from qts.domain.instant import format_date, format_duration, format_instant, parse_duration, parse_instant
from qts.domain.instrument import Instrument
from qts.domain.money import computed, exact, exact_arithmetic, on_money_grid, plain
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.waiver import Waiver
from tests.generators import instrument


@given(
    st.integers(1, 10**9),
    st.sampled_from(["0.00001", "0.001", "0.05", "0.1", "1"]),
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=6),
)
def test_a_price_reckoned_with_floats_is_the_step_it_was_meant_to_be(start: int, step: str, moves: list[int]) -> None:
    """Whatever steps a strategy adds to a price on the grid, noise of the last bits moves it off no step."""
    reckoned, steps = start * float(step), start
    for move in moves:
        reckoned, steps = reckoned + move * float(step), steps + move
    assume(steps > 0 and steps >= start // 100)
    assert computed(reckoned) == steps * Decimal(step)


def test_computed_keeps_fourteen_digits() -> None:
    assert computed(126.77 + 2.0 + 3.0) == Decimal("131.77")
    assert computed(0.3 - 0.1) == Decimal("0.2")
    assert computed(1 / 3) == Decimal("0.33333333333333")
    assert computed(9999999.999999) == Decimal("9999999.999999")


def test_exact_is_the_decimal_a_person_means() -> None:
    assert exact(0.1) == Decimal("0.1")
    assert exact(np.float64(0.1)) == Decimal("0.1")
    assert exact("1e3") == 1000
    for wrong in ("ten", float("nan"), float("inf"), Decimal("-Infinity")):
        with pytest.raises(UsageError, match="number"):
            exact(wrong)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=10))
def test_the_money_grid_is_the_nearest_and_stays(amount: Decimal) -> None:
    with exact_arithmetic():
        placed = on_money_grid(amount)
        assert abs(placed - amount) <= Decimal("0.000000005")
        assert on_money_grid(placed) == placed


def test_money_halves_go_to_the_even_side() -> None:
    assert on_money_grid(Decimal("0.000000005")) == 0
    assert on_money_grid(Decimal("0.000000015")) == Decimal("0.00000002")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
def test_plain_text_reads_back_and_has_no_exponent_or_idle_zeros(number: Decimal) -> None:
    text = plain(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert text in ("0",) or not ("." in text and text.endswith("0"))
    assert plain(Decimal("-0.00")) == "0"
    assert plain(Decimal("1E+5")) == "100000"


@given(st.integers(1, 10**9), st.sampled_from(["0.01", "0.5", "1", "0.0001"]))
def test_prices_round_to_their_grid_in_the_asked_direction(hundredths: int, tick: str) -> None:
    traded, value = instrument(tick), Decimal(hundredths) / 1000
    with exact_arithmetic():
        down, up, near = traded.price_down(value), traded.price_up(value), traded.price(float(value))
        assert down <= value <= up
        assert up - down in (0, traded.tick)
        assert near in (down, up)
        assert abs(near - value) * 2 <= traded.tick
        assert all(each % traded.tick == 0 for each in (down, up, near))
        assert traded.quantity_down(value) <= value < traded.quantity_down(value) + traded.lot
        assert traded.quantity_down(value) % traded.lot == 0


@given(
    st.one_of(st.integers(0, 10**13), st.integers(0, 10**5)),
    st.sampled_from([0, 1e-9, -1e-9, 0.009, -0.009, 0.02, -0.02, 0.3]),
    st.sampled_from(["0.01", "0.5", "1", "0.0001", "0.03", "0.025"]),
)
def test_the_nearest_tick_is_that_of_the_exact_quotient(half_ticks: int, off: float, tick: str) -> None:
    """On ticks, on the ties between them, and close to both: the way over a float gives what the digits give."""
    traded = instrument(tick)
    value = (half_ticks + off) * float(tick) / 2
    with exact_arithmetic():
        exactly = (exact(value) / traded.tick).quantize(Decimal(1), "ROUND_HALF_EVEN") * traded.tick
        near = traded.price(value)
        assert (near, near.as_tuple().exponent) == (exactly, exactly.as_tuple().exponent)
        assert traded.price(float("nan")).is_nan()


@pytest.mark.parametrize(
    "wrong", [{"tick": "0"}, {"lot": "-1"}, {"notional_min": "-1"}, {"tick": "0.00001", "lot": "0.00001"}]
)
def test_an_instrument_off_the_money_grid_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(DataError):
        instrument(**wrong)


def test_an_instruments_facts_are_plain_text() -> None:
    assert instrument().facts() == {
        "symbol": "XYZUSDT",
        "base": "XYZ",
        "quote": "USDT",
        "tick": "0.01",
        "lot": "0.001",
        "notional_min": "5",
    }
    assert isinstance(instrument(), Instrument)


@given(st.integers(1, 10**6), st.sampled_from("smhdw"))
def test_durations_read_back(count: int, unit: str) -> None:
    duration = parse_duration(f"{count}{unit}")
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("wrong", ["", "4", "h", "0h", "-1h", "4 h", "4H", "1.5h", "4h\n", "4hh"])
def test_what_is_no_duration_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="not a duration"):
        parse_duration(wrong)


def test_durations_below_a_second_are_told_in_milliseconds() -> None:
    assert format_duration(1_500) == "1500ms"


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_instants_read_back(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == instant


def test_instants_are_utc_unless_they_say_otherwise() -> None:
    assert parse_instant("2024-01-31") == parse_instant("2024-01-31T00:00:00Z") == 1_706_659_200_000
    assert parse_instant("2024-01-31T09:00:00+09:00") == 1_706_659_200_000
    assert format_date(1_706_659_200_000) == "2024-01-31"
    with pytest.raises(UsageError, match="not a date"):
        parse_instant("yesterday")
    assert format_instant(10**18).endswith(" ms")


class Colour(Enum):
    RED = "red"


def test_canonical_text_is_one_text_for_one_value() -> None:
    facts = {"b": [Decimal("1.50"), 0.1, None, True], "a": (Colour.RED, Side.BUY), 3: {"deep": 1}}
    told = canonical_json(facts)
    assert told == '{"3":{"deep":1},"a":["red","buy"],"b":["1.5","0.1",null,true]}'
    assert canonical_json({"x": np.float64(0.1)}) == canonical_json({"x": 0.1})
    assert digest(facts) == digest(dict(reversed(list(facts.items()))))
    assert short_id("run", "a", 1) == f"run-{digest(['a', 1])[:16]}"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), object(), {1, 2}, [b"x"]])
def test_values_without_one_text_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="no canonical text"):
        canonical_json([wrong])


def test_errors_say_cause_place_and_next_step_and_survive_a_process_border() -> None:
    exits = [
        kind.exit_code
        for kind in (QtsError, UsageError, CheckFailed, DataError, StrategyError, PolicyError, StorageError)
    ]
    assert exits == [1, 2, 3, 4, 5, 6, 7]
    error = pickle.loads(pickle.dumps(DataError("no bars", place="row 3", next_step="import some")))  # noqa: S301
    assert isinstance(error, DataError)
    assert str(error) == "no bars (row 3)\n  next: import some"
    assert str(UsageError("only a cause")) == "only a cause"
    assert did_you_mean("shrpe", ["sharpe", "calmar"]) == " Did you mean 'sharpe'?"
    assert did_you_mean("zzz", ["sharpe"]) == ""


def _order(**changes: object) -> Order:
    facts = {
        "order_id": "o",
        "symbol": "X",
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "quantity": Decimal(1),
        "effect": Effect.INCREASE,
        "price": None,
        "stop_loss": None,
        "take_profit": None,
        "created_at": 0,
        "good_until": None,
        "reason": "",
    }
    return Order(**{**facts, **changes})  # type: ignore[arg-type]


def test_orders_that_make_no_sense_cannot_be_made() -> None:
    with pytest.raises(StrategyError, match="quantity"):
        _order(quantity=Decimal(0))
    with pytest.raises(StrategyError, match="do not go together"):
        _order(price=Decimal(1))
    with pytest.raises(StrategyError, match="do not go together"):
        _order(type=OrderType.LIMIT)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite.sign == 1


def test_every_waiver_says_what_the_reader_must_know() -> None:
    assert len({waiver.meaning for waiver in Waiver}) == len(Waiver)
