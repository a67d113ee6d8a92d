"""Everything that crosses between a strategy's process and its parent arrives as it left, or is refused."""

import json
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.app import strategy_wire as wire
from qts.domain.book import Holding
from qts.strategy.intent import Action, Intent, Targets
from qts.strategy.multiplexer import HaltCause, Halted, Round, Said
from tests.generators import COMPLETE, Improviser

floats = st.floats(allow_nan=False, allow_infinity=False)
decimals = st.decimals("1e-12", 10**15, places=12)
texts = st.text(st.characters(), max_size=20)

intents = st.builds(
    Intent,
    action=st.sampled_from(list(Action)),
    symbol=st.sampled_from([None, "X"]),
    quantity=st.none() | decimals,
    limit=st.none() | decimals,
    stop_loss=st.none() | decimals,
    take_profit=st.none() | decimals,
    good_for_bars=st.integers(1, 9),
    reason=texts,
    over_bars=st.sampled_from([0, 3]),
    urgent=st.booleans(),
) | st.builds(Intent, action=st.just(Action.BUY), weight=st.floats(1e-9, 1e9), trigger=decimals)


def across(message: dict[str, object]) -> dict[str, Any]:
    frame = wire.framed(message)
    assert wire.HEADER.unpack(frame[:4]) == (len(frame) - 4,)
    return wire.message_of(frame[4:])


@given(st.lists(intents, min_size=1, max_size=4))
def test_intents_arrive_as_they_left(said: list[Intent]) -> None:
    before = Round(7, (Said("mine", "X", tuple(said)),))
    assert wire.round_of(across(wire.round_as_fields(before)), "mine", frozenset({"X", "Y"}), 7) == before


@given(st.floats(-1e9, 1e9) | st.integers(-9, 9))
def test_targets_and_halts_arrive_as_they_left(weight: float) -> None:
    before = Round(7, (Said("mine", "X", Targets(MappingProxyType({"X": weight}))),))
    after = wire.round_of(across(wire.round_as_fields(before)), "mine", frozenset({"X"}), 7)
    assert [each.answer.weights["X"] for each in after.answers if isinstance(each.answer, Targets)] == [weight]
    stopped = Round(7, halted=(Halted("mine", "X", HaltCause.FLOOD, "too much"),))
    assert wire.round_of(across(wire.round_as_fields(stopped)), "mine", frozenset({"X"}), 7) == stopped


def test_numbers_of_numpy_arrive_as_numbers() -> None:
    before = Round(7, (Said("mine", "X", (Intent(Action.BUY, weight=np.float32(0.1)),)),))  # type: ignore[arg-type]
    (after,) = wire.round_of(across(wire.round_as_fields(before)), "mine", frozenset({"X"}), 7).answers
    assert isinstance(after.answer, tuple)
    assert after.answer[0].weight == float(np.float32(0.1))


@given(
    st.builds(Holding, st.decimals(allow_nan=False, allow_infinity=False), st.none() | floats, floats, floats, floats)
)
def test_holdings_arrive_as_they_left(held: Holding) -> None:
    assert wire.holding_of(across({"h": wire.holding_as_fields(held)})["h"]) == held


def test_bars_arrive_as_they_left() -> None:
    sent = across({"b": wire.bars_as_fields(COMPLETE.bars)})["b"]
    arrived = wire.bars_of(COMPLETE.bars.symbol, sent)
    for name in ("opened_at", "open", "high", "low", "close", "volume"):
        assert getattr(arrived, name).tobytes() == getattr(COMPLETE.bars, name).tobytes()
    assert (arrived.symbol, arrived.interval_ms) == (COMPLETE.bars.symbol, COMPLETE.bars.interval_ms)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"1",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b"[" * 50_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.message_of(body)


plain = st.none() | st.booleans() | st.integers() | floats | texts | st.sampled_from(["X", "buy", "1", "flood", "NaN"])
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abX"), inner, max_size=3)
)
an_intent = st.fixed_dictionaries(dict.fromkeys(sorted(wire._INTENT), plain))
an_answer = st.fixed_dictionaries({"intents": st.lists(an_intent | anything, max_size=3)}) | st.fixed_dictionaries(
    {"targets": st.dictionaries(st.sampled_from("XY"), plain, max_size=2) | anything}
)


@given(
    st.lists(st.tuples(st.just("X") | plain, an_answer | anything).map(list), max_size=3) | anything,
    st.lists(st.tuples(plain, plain, plain).map(list), max_size=2) | anything,
)
def test_whatever_a_child_says_is_an_answer_of_its_own_or_refused(said: Any, halted: Any) -> None:
    """Proves: P6-3"""
    sent = json.loads(json.dumps({"said": said, "halted": halted}))
    try:
        heard = wire.round_of(sent, "mine", frozenset({"X"}), 7)
    except wire.WireError:
        return
    assert all((each.strategy_id, each.symbol) == ("mine", "X") for each in (*heard.answers, *heard.halted))
    assert len(heard.answers) <= 1
    assert not (heard.answers and heard.halted)


def test_the_start_of_a_strategy_with_unsendable_parameters_is_refused_before_it_is_sent() -> None:
    assert wire.parameters_of(wire.parameters_as_fields(Improviser(seed=3).parameters())) == {
        "seed": 3,
        "talk": 0.5,
        "words": Improviser.words,
    }
