"""Policy files: what is wrong is told with its line, and a file can do nothing but hold data."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.stores.policy_files import SIZE_MAX, load_policy, policy_data_from_yaml, read_policy_data
from qts.domain.errors import PolicyError
from qts.research.definitions import DEFINITIONS
from qts.worlds.policy import WorldPolicy

METRICS = frozenset(DEFINITIONS)
GOOD = """\
world: w
extends: moderate
dataset:
  symbol: BTCUSDT
  interval: 4h
  start: 2020-01-01
  end: 2025-01-01
frictions:
  fee_rate_taker: 0.00045
selection:
  gates:
    - sharpe > 1
    - n_trades > 60
"""


def loaded(tmp_path: Path, text: str | bytes, name: str = "policy.yaml") -> WorldPolicy:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_policy(path, metrics=METRICS)


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Proves: WS-1"""
    policy = loaded(tmp_path, GOOD)
    assert str(policy.frictions.fee_rate_taker) == "0.00045"
    assert policy.dataset.start == "2020-01-01"
    assert policy.selection.gates == ("sharpe > 1", "n_trades > 60")


def test_json_reads_as_the_same_policy(tmp_path: Path) -> None:
    data, _ = policy_data_from_yaml(GOOD, "x")
    assert loaded(tmp_path, json.dumps(data, indent="\t"), "policy.json") == loaded(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "cause", "place"),
    [
        ("sharpe > 1", "shrpe > 1", "no metric 'shrpe'. Did you mean 'sharpe'?", "policy.yaml:12, selection.gates[0]"),
        (
            "  fee_rate_taker",
            "  fee_rate_takr",
            "Did you mean 'fee_rate_taker'?",
            "policy.yaml:9, frictions.fee_rate_takr",
        ),
        ("0.00045", "'0.5 %'", "fee_rate_taker is '0.5 %'", "policy.yaml:9, frictions.fee_rate_taker"),
        ("  symbol: BTCUSDT\n", "", "the key 'dataset.symbol' is missing", "policy.yaml:3, dataset.symbol"),
        ("extends: moderate", "extends: moderat", "Did you mean 'moderate'?", "policy.yaml:2, extends"),
        ("extends: moderate", "world: v", "the key 'world' is given twice, first on line 1", "policy.yaml:2, world"),
        ("  symbol: BTCUSDT", "  symbol: [", "this is not YAML", "policy.yaml:"),
        ("extends: moderate", "\textends: moderate", "this is not YAML", "policy.yaml:2"),
        ("extends: moderate", "extends: !!python/name:os.system", "tag", "policy.yaml:2, extends"),
        ("extends: moderate", "extends: !local x", "tag '!local' is not allowed", "policy.yaml:2, extends"),
        ("extends: moderate", "1: moderate", "the key '1' is not a word", "policy.yaml:2"),
        ("extends: moderate", "[a]: moderate", "is not a word", "policy.yaml:2"),
        ("world: w", "world: w\nwaivers: &a [no-funding]\nextra: *a", "anchors and aliases", "policy.yaml:"),
        ("extends: moderate", "version: 0b", "version is '0b'", "policy.yaml:2, version"),
        ("extends: moderate", "version: !!int x", "'x' cannot be read", "policy.yaml:2, version"),
        ("extends: moderate", "capital: .nan", "capital", "policy.yaml:2, capital"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, old: str, new: str, cause: str, place: str) -> None:
    """Proves: WS-1"""
    assert old in GOOD
    with pytest.raises(PolicyError) as caught:
        loaded(tmp_path, GOOD.replace(old, new, 1))
    assert cause in caught.value.cause
    assert caught.value.place.startswith(place)


@pytest.mark.parametrize(
    ("text", "name", "cause"),
    [
        ("", "p.yaml", "not one"),
        ("- a\n- b\n", "p.yaml", "not one"),
        ("just words", "p.yaml", "not one"),
        ("a: 1\n---\nb: 2\n", "p.yaml", "this is not YAML"),
        ("a: " + "[" * 40 + "]" * 40, "p.yaml", "nested deeper than 32"),
        ("a: " + "[" * 5000, "p.yaml", "this is not YAML"),
        ("a: \x00", "p.yaml", "this is not YAML"),
        (b"a: \xff", "p.yaml", "not UTF-8"),
        ("a: 1\n" * SIZE_MAX, "p.yaml", "longer than 256 KiB"),
        ('{"a": 1, "a": 2}', "p.json", "given twice"),
        ('{"a": 1,\n}', "p.json", "this is not JSON"),
        ("[1]", "p.json", "not one"),
        ('{"a":' + "[" * 100_000, "p.json", "this is not JSON"),
    ],
)
def test_what_is_no_policy_file_is_refused(tmp_path: Path, text: str | bytes, name: str, cause: str) -> None:
    with pytest.raises(PolicyError, match=cause):
        loaded(tmp_path, text, name)


def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(PolicyError, match="anchors and aliases are not allowed"):
        loaded(tmp_path, bomb)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(PolicyError, match="cannot be read") as caught:
            read_policy_data(path)
        assert caught.value.next_step


def test_a_mark_at_the_head_of_the_file_is_no_part_of_it(tmp_path: Path) -> None:
    assert loaded(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()) == loaded(tmp_path, GOOD)


@given(st.text(max_size=200) | st.lists(st.sampled_from([*"{}[]:,-&*!|>#'\"%@`\n\t ~", "a", "1", "<<"])).map("".join))
def test_no_text_gives_anything_but_data_or_a_policy_error(text: str) -> None:
    """Proves: WS-1"""
    try:
        data, line_of = policy_data_from_yaml(text, "p")
    except PolicyError:
        return
    assert all(isinstance(key, str) and (line_of((key,)) or 0) >= 1 for key in data)
