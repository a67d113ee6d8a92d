"""A policy file read, refused and defaulted."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.instant import DAY_MS
from qts.domain.waiver import Waiver
from qts.research.definitions import DEFINITIONS
from qts.simulation.costs import AtrSlippage, FixedSlippage, ImpactSlippage
from qts.worlds.policy import WorldPolicy, policy_schema, ruleset_hash
from qts.worlds.policy_parsing import parse_policy
from qts.worlds.presets import PRESETS

METRICS = frozenset(DEFINITIONS)
DATASET = {"symbol": "BTCUSDT", "interval": "4h", "start": "2020-01-01", "end": "2024-12-31"}
MINIMAL: dict[str, object] = {"world": "crypto-4h", "capital": 10000, "dataset": DATASET}


def parsed(extra: Mapping[str, object] | None = None) -> WorldPolicy:
    return parse_policy({**MINIMAL, **(extra or {})}, source="policy.yaml", metrics=METRICS)


def refusal(extra: Mapping[str, object]) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parsed(extra)
    return caught.value


def test_absence_means_no() -> None:
    """Proves: WS-1"""
    policy = parsed()
    governance = policy.governance
    assert not governance.allow_live
    assert not governance.live_auto_apply
    assert governance.live_requires_manual_approval
    assert governance.four_eyes
    assert governance.approvers == ()
    assert governance.max_live_slots == 0
    assert policy.waivers == ()
    assert not policy.simulated
    assert policy.risk.to_limits().leverage_max == 1
    assert policy.validation.backtest.robustness.dsr_min == 0.95
    assert policy.selection.topk.total == 1


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_no_preset_allows_live_or_weakens_who_decides(preset: str) -> None:
    policy = parsed({"extends": preset})
    assert policy.governance == parsed().governance
    assert policy.extends == preset


def test_presets_demand_more_the_more_careful_they_are() -> None:
    demands = [parsed({"extends": name}) for name in ("sandbox", "aggressive", "moderate", "conservative")]
    performances = [policy.validation.backtest.performance for policy in demands]
    assert [block.sharpe_min for block in performances] == [0.0, 0.5, 0.7, 1.0]
    assert [block.max_drawdown_max for block in performances] == [0.5, 0.4, 0.25, 0.15]
    assert [policy.selection.topk.total for policy in demands] == [10, 8, 5, 3]


def test_the_longest_bars_and_decisions_there_may_be() -> None:
    policy = parsed({"dataset": {**DATASET, "interval": "24h"}, "governance": {"decision_ttl": "60m"}})
    assert policy.dataset.interval_ms == DAY_MS
    assert policy.governance.decision_ttl == "60m"


def test_a_preset_is_extended_and_overridden() -> None:
    """Proves: WS-1"""
    policy = parsed({"extends": "moderate", "validation": {"backtest": {"performance": {"sharpe_min": 0.9}}}})
    assert policy.validation.backtest.performance.sharpe_min == 0.9
    assert policy.validation.backtest.performance.max_drawdown_max == 0.25
    assert policy.validation.paper.performance.sharpe_min == 0.7


def test_null_lifts_a_threshold_of_the_preset() -> None:
    policy = parsed({"extends": "moderate", "validation": {"backtest": {"robustness": {"dsr_min": None}}}})
    assert "dsr_min" not in [key for key, _, _ in policy.validation.backtest.robustness.thresholds()]


@pytest.mark.parametrize(
    ("extra", "cause", "place"),
    [
        ({"valdation": {}}, "unknown key 'valdation'. Did you mean 'validation'?", "policy.yaml, valdation"),
        (
            {"validation": {"backtest": {"performance": {"sharp_min": 1}}}},
            "unknown key 'sharp_min' in validation.backtest.performance. Did you mean 'sharpe_min'?",
            "policy.yaml, validation.backtest.performance.sharp_min",
        ),
        (
            {"validation": {"backtest": {"sharpe_min": 1}}},
            "unknown key 'sharpe_min' in validation.backtest. It belongs in validation.backtest.performance.",
            "policy.yaml, validation.backtest.sharpe_min",
        ),
        (
            {"campaign": {"paper": {"zzz": 1, "window": "3d"}}},
            "unknown key 'zzz' in campaign.paper. Known keys: window.",
            "policy.yaml, campaign.paper.zzz",
        ),
        (
            {"frictions": {"slippage": {"model": "atr", "bps": 1, "fraction": 1}}},
            "the key 'bps' in frictions.slippage belongs to another model.",
            "policy.yaml, frictions.slippage.bps",
        ),
        ({"frictions": {"slippage": {"bps": 1}}}, "the key 'frictions.slippage.model' is missing", "slippage"),
        ({"frictions": {"slippage": {"model": "none"}}}, "'none'", "policy.yaml, frictions.slippage"),
        ({"frictions": {"slippage": {"model": "atr"}}}, "'frictions.slippage.fraction' is missing", "fraction"),
        ({"selection": {"gates": ["shrpe > 1"]}}, "no metric 'shrpe'. Did you mean 'sharpe'?", "selection.gates[0]"),
        ({"selection": {"score": "sharpe >"}}, "'sharpe >' is not an expression", "policy.yaml, selection.score"),
        ({"capital": -1}, "capital is -1", "policy.yaml, capital"),
        ({"capital": float("nan")}, "capital is", "policy.yaml, capital"),
        ({"version": True}, "version is True", "policy.yaml, version"),
        (
            {"dataset": {**DATASET, "interval": "1w"}},
            "dataset.interval is '1w': a world is judged on day returns, which need bars of a day or less",
            "policy.yaml, dataset.interval",
        ),
        (
            {"governance": {"decision_ttl": "61m"}},
            "governance.decision_ttl is '61m': no decision may be acted on for longer than 1h",
            "policy.yaml, governance.decision_ttl",
        ),
        ({"version": "1"}, "version is '1'", "policy.yaml, version"),
        ({"world": "a b"}, "world is 'a b'", "policy.yaml, world"),
        ({"campaign": {"paper": {"window": "3 days"}}}, "'3 days' is not a duration", "campaign.paper.window"),
        ({"dataset": {**DATASET, "end": "2019-01-01"}}, "is not after start", "policy.yaml, dataset"),
        ({"dataset": {**DATASET, "end": "soon"}}, "'soon' is not a date", "policy.yaml, dataset.end"),
        ({"waivers": ["no-fundin"]}, "waivers[0] is 'no-fundin'", "policy.yaml, waivers[0]"),
        ({"extends": "moderat"}, "no preset 'moderat'. Did you mean 'moderate'?", "policy.yaml, extends"),
        ({"extends": 3}, "no preset 3.", "policy.yaml, extends"),
        ({"risk": {"leverage_max": 4}}, "risk.leverage_max is 4", "policy.yaml, risk.leverage_max"),
        ({"risk": {"risk_per_trade": 0.03}}, "risk.risk_per_trade is 0.03", "policy.yaml, risk.risk_per_trade"),
        ({"governance": {"allow_live": True}}, "name who may approve", "policy.yaml, governance"),
        ({"governance": {"live_auto_apply": True}}, "one of them is a mistake", "policy.yaml, governance"),
        ({"governance": {"canary_fraction": 0.5}}, "governance.canary_fraction is 0.5", "canary_fraction"),
        (
            {"simulated": True, "governance": {"allow_live": True, "approvers": ["ann"]}},
            "a simulated world can never go live",
            "policy.yaml",
        ),
        (
            {
                "validation": {
                    "paper": {
                        "performance": {"sharpe_min": None, "max_drawdown_max": None, "profit_factor_min": None},
                        "risk": {"es_p01_max": None},
                        "robustness": {"dsr_min": None, "half_sharpe_gap_max": None},
                    }
                }
            },
            "judges nothing",
            "policy.yaml, validation.paper",
        ),
        ({"capital": object()}, "no policy value", "policy.yaml"),
        ({"dataset": "BTCUSDT"}, "dataset is 'BTCUSDT'", "policy.yaml, dataset"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(extra: Mapping[str, object], cause: str, place: str) -> None:
    """Proves: WS-1"""
    error = refusal(extra)
    assert cause in error.cause
    assert place in error.place
    assert error.next_step


def test_a_missing_key_is_named() -> None:
    with pytest.raises(PolicyError, match="the key 'dataset' is missing"):
        parse_policy({"world": "a", "capital": 1}, source="p", metrics=METRICS)


def test_everything_wrong_is_told_at_once_with_its_line() -> None:
    lines = {("capital",): 3, ("risk", "leverag_max"): 9}
    with pytest.raises(PolicyError) as caught:
        parse_policy(
            {**MINIMAL, "capital": 0, "risk": {"leverag_max": 2}}, source="p.yaml", metrics=METRICS, line_of=lines.get
        )
    assert caught.value.place == "p.yaml:3, capital"
    assert "also line 9: unknown key 'leverag_max' in risk. Did you mean 'leverage_max'?" in caught.value.cause


def test_a_file_with_very_many_faults_says_how_many_more() -> None:
    error = refusal({f"odd_{index}": 1 for index in range(20)})
    assert error.cause.endswith("and 12 more")


def test_a_threshold_on_a_metric_nobody_measures_is_refused() -> None:
    with pytest.raises(PolicyError, match="sharpe_min needs the metric 'sharpe'"):
        parse_policy({**MINIMAL, "selection": {"score": "dsr"}}, source="p", metrics=METRICS - {"sharpe"})


def test_frictions_and_limits_are_handed_on_as_written() -> None:
    policy = parsed(
        {
            "frictions": {"fee_rate_taker": 0.0004, "leverage": 5, "slippage": {"model": "fixed", "bps": 2.5}},
            "risk": {"leverage_max": 2, "position_notional_max": 1.5, "data_age_max": "8h"},
        }
    )
    frictions = policy.frictions.to_frictions()
    assert frictions.fee_rate_taker == Decimal("0.0004")
    assert frictions.leverage == 5
    assert frictions.slippage == FixedSlippage(Decimal("2.5"))
    limits = policy.risk.to_limits()
    assert limits.leverage_max == Decimal("1.5")
    assert limits.data_age_ms_max == 8 * 3_600_000


@pytest.mark.parametrize(
    ("block", "model"),
    [
        ({"model": "atr", "fraction": 0.1}, AtrSlippage(Decimal("0.1"))),
        ({"model": "impact", "coefficient": 1}, ImpactSlippage(Decimal(1))),
    ],
)
def test_another_slippage_model_replaces_the_whole_block(
    block: Mapping[str, object], model: AtrSlippage | ImpactSlippage
) -> None:
    assert parsed({"frictions": {"slippage": block}}).frictions.to_frictions().slippage == model


def test_the_ruleset_hash_follows_the_demands_and_not_the_name() -> None:
    base = parsed()
    assert ruleset_hash(parsed({"world": "other", "version": 7})) == ruleset_hash(base)
    assert ruleset_hash(parsed({"capital": Decimal("10000.00")})) == ruleset_hash(base)
    assert ruleset_hash(parsed({"capital": 10001})) != ruleset_hash(base)
    assert ruleset_hash(parsed({"selection": {"gates": ["sharpe > 1"]}})) != ruleset_hash(base)


def test_a_policy_reads_back_from_its_own_facts() -> None:
    policy = parsed({"extends": "aggressive", "waivers": ["no-funding"], "selection": {"gates": ["sharpe > 1"]}})
    assert parse_policy(policy.facts(), source="stored", metrics=METRICS) == policy
    assert policy.waivers == (Waiver.NO_FUNDING,)


def test_dates_and_decimals_may_come_from_a_program() -> None:
    policy = parsed(
        {"capital": Decimal("10000.50"), "dataset": {**DATASET, "start": date(2020, 1, 1)}, "waivers": ("no-funding",)}
    )
    assert policy.dataset.start_instant == 1577836800000
    assert policy.capital == Decimal("10000.5")
    assert policy.dataset.interval_ms == 4 * 3_600_000


def test_the_schema_describes_every_key_and_forbids_others() -> None:
    schema = policy_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    for name, block in {**definitions, "WorldPolicy": schema}.items():
        if block.get("type") == "object":
            assert block["additionalProperties"] is False, name
            for key, entry in block["properties"].items():
                assert "description" in entry or "$ref" in entry, f"{name}.{key} has no description"


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*WorldPolicy.model_fields, "odd"]), JSONISH))
def test_no_mapping_gives_anything_but_a_policy_or_its_error(extra: dict[str, object]) -> None:
    """Proves: WS-1"""
    try:
        policy = parsed(extra)
    except PolicyError as error:
        told = (error.cause, error.place, error.next_step)
    else:
        told = (policy.world, policy.dataset.symbol)
    assert all(told)
