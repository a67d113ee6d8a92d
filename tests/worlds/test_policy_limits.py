"""The staged bounds of a world: read, defaulted, handed on; and what an account under it may say.

Proves: P6-8, P6-9, WS-1
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.risk.limit_policy import CEILINGS, LimitPolicy
from qts.strategy.catalogue import CATALOGUE
from qts.worlds.account_plan import AccountPlan
from qts.worlds.policy import WorldPolicy, ruleset_hash
from qts.worlds.policy_limits import LimitsBlock, limits_of
from qts.worlds.policy_parsing import no_lines, parse_policy, read_block
from qts.worlds.presets import PRESETS
from tests.generators import bounds
from tests.worlds.test_policy import METRICS, MINIMAL

DEFAULTS = LimitPolicy()
STRICTER_ABOVE = {"loss_without_stop", "liquidation_distance_min", "stop_buffer"}


def parsed(extra: Mapping[str, object] | None = None) -> WorldPolicy:
    return parse_policy({**MINIMAL, **(extra or {})}, source="policy.yaml", metrics=METRICS)


def bounds_of(policy: WorldPolicy) -> LimitPolicy:
    return policy.risk.limits.to_policies().account


def plan(text: Mapping[str, object]) -> AccountPlan:
    base = {"account": "a", "strategies": [{"id": "s", "strategy": "BuyAndHold", "symbols": ["X"], "capital": 1}]}
    return read_block(AccountPlan, {**base, **text}, source="account.yaml", line_of=no_lines, keys_listed="")


def is_as_strict(name: str, bound: Any, other: Any) -> bool:
    if bound is None or other is None:
        return other is None
    return bool(bound >= other) if name in STRICTER_ABOVE else bool(bound <= other)


def test_a_policy_that_says_nothing_has_the_careful_defaults() -> None:
    assert bounds_of(parsed()) == DEFAULTS
    assert bounds_of(parsed({"risk": {"limits": {"heat_max": "0.05"}}})) == DEFAULTS.but({"heat_max": Decimal("0.05")})


def test_a_policy_stored_before_there_were_bounds_still_reads() -> None:
    stored: dict[str, Any] = parsed({"risk": {"leverage_max": 2}}).facts()
    del stored["risk"]["limits"]
    again = parse_policy(stored, source="stored", metrics=METRICS)
    assert bounds_of(again) == DEFAULTS
    assert again.risk.leverage_max == 2


@given(bounds)
def test_bounds_come_back_from_the_facts_of_a_policy_and_are_in_its_ruleset(policy: LimitPolicy) -> None:
    said = {name: None if bound is None else str(bound) for name, bound in policy.facts().items()}
    said |= {name: bound for name, bound in policy.facts().items() if isinstance(bound, int)}
    world = parsed({"risk": {"limits": said}})
    assert bounds_of(world) == policy
    assert parse_policy(world.facts(), source="stored", metrics=METRICS) == world
    assert (ruleset_hash(world) == ruleset_hash(parsed())) is (policy == DEFAULTS)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"heat_max": 1}, "risk.limits: heat_max must be below 1, not 1"),
        ({"gross_exposure_max": 3.5}, "risk.limits: gross_exposure_max must be at most 3, not 3.5"),
        ({"daily_loss_warn": 0.06}, "risk.limits: daily_loss warns at 0.06, after it has stopped at 0.05"),
        ({"heat_maximum": 0.1}, "unknown key 'heat_maximum' in risk.limits"),
        ({"orders_per_second_max": 0}, "risk.limits: orders_per_second_max must be above 0, not 0"),
    ],
)
def test_bounds_that_cannot_be_are_refused_where_they_stand(limits: dict[str, object], words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parsed({"risk": {"limits": limits}})
    assert words in caught.value.cause
    assert "risk.limits" in (caught.value.place or "")


def test_the_presets_go_from_careful_to_loose() -> None:
    """Conservative lies at or below the defaults, moderate is them, aggressive lies at or above, under the ceilings."""
    found = {name: limits_of(preset) for name, preset in PRESETS.items()}
    assert found == {name: bounds_of(parsed({"extends": name})) for name in PRESETS}
    assert found["moderate"] == DEFAULTS.but({"loss_without_stop": Decimal("0.05")})
    for name, bound in DEFAULTS.facts().items():
        careful, bold, loose = (found[each].facts()[name] for each in ("conservative", "aggressive", "sandbox"))
        assert is_as_strict(name, careful, bound), name
        assert is_as_strict(name, bound, bold), name
        assert is_as_strict(name, bound, loose), name
    assert found["conservative"].loss_without_stop == 1
    assert all(found["aggressive"].facts()[name] <= ceiling for name, ceiling in CEILINGS.items())  # type: ignore[operator]


@pytest.mark.parametrize("preset", ["sandbox", "moderate", "aggressive"])
def test_where_stops_are_not_asked_for_a_position_as_large_as_equity_fits(preset: str) -> None:
    """Which is what the strategies without stops that come with QTS want."""
    policy = limits_of(PRESETS[preset])
    assert policy.heat_max >= policy.loss_without_stop * min(policy.symbol_exposure_max, Decimal(1))
    assert {"BuyAndHold", "CoinFlip"} <= CATALOGUE.keys()


# -- an account under a world ---------------------------------------------------------------


def test_an_account_has_the_worlds_bounds_where_it_says_nothing() -> None:
    world = DEFAULTS.but({"heat_max": Decimal("0.03")})
    assert plan({}).policies(world).account == world
    assert plan({}).policies().account == DEFAULTS
    tighter = plan({"limits": {"gross_exposure_max": "1.5"}}).policies(world)
    assert tighter.account == world.but({"gross_exposure_max": Decimal("1.5")})
    assert tighter.of("s") == tighter.account


@given(bounds, st.sampled_from(sorted(DEFAULTS.facts())), bounds)
def test_a_file_may_be_stricter_than_its_world_and_never_looser(
    world: LimitPolicy, name: str, other: LimitPolicy
) -> None:
    """Of the account and of a strategy alike; the error has both numbers and the key."""
    said = other.facts()[name]
    block = {name: str(said) if isinstance(said, Decimal) else said}
    one = {"id": "s", "strategy": "BuyAndHold", "symbols": ["X"], "capital": 1, "limits": block}
    for text, place in (({"limits": block}, "limits"), ({"strategies": [one]}, "strategies[0].limits")):
        if is_as_strict(name, said, world.facts()[name]):
            assert plan(text).policies(world).of("s").facts()[name] == said
        else:
            with pytest.raises(PolicyError) as caught:
                plan(text).policies(world)
            assert caught.value.place == f"{place}.{name}"
            assert "looser than the" in caught.value.cause
            assert plan(text).policies().of("s").facts()[name] == said, "without a world nobody is asked"


def test_every_bound_can_be_said() -> None:
    assert LimitsBlock.model_fields.keys() == DEFAULTS.facts().keys()
    assert all(field.description for field in LimitsBlock.model_fields.values())
