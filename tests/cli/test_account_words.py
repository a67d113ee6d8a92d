"""An operator's script in an account file, through the front door: what is said, kept, shown and refused.

Proves: P6-2, P6-3, P6-5
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qts.adapters.reports import wording
from qts.domain.instant import parse_duration, parse_instant
from tests.cli.front_door import qts, refused, strategy_file
from tests.cli.test_account import ALONE, GOOD, account_file, answered, words_of

WORDS = """operator:
  - {at: 2021-03-01, who: ann, disable: trend, why: it is being looked at}
  - {at: 2021-03-01, who: ann, close: trend}
  - {at: 2021-05-01, who: ann, enable: trend}
  - {at: 2021-06-01T04:00, who: ann, flatten: SYNUSDT}
  - {at: 2021-07-01, foreign_trade: {symbol: OTHERUSDT, side: sell, quantity: 0.5}}
  - {at: 2021-07-03, who: ann, flatten_quarantine: OTHERUSDT}
  - {at: 2021-07-03, who: ann, acknowledge: OTHERUSDT}
  - {at: 2021-08-01, who: ann, pause: account}
  - {at: 2021-08-08, who: ann, resume: account}
  - {at: 2021-09-01, who: bob, kill: account}
  - {at: 2021-09-02, who: bob, resume: account}
  - {at: 2021-09-03, who: bob, resume: account, why: <the drill> is over}
  - {at: 2021-10-01, who: ann, transfer: {from: breakout, to: trend, amount: 2500.5}, why: it has too much}
"""
SCRIPTED = GOOD + WORDS


def test_a_script_is_said_kept_shown_and_said_again(
    markets: Path, tmp_path: Path, told_of_three: dict[str, Any]
) -> None:
    told = answered("account", "backtest", account_file(tmp_path, SCRIPTED))
    words = told["operator"]
    outcomes = [each["outcome"] for each in words]
    assert [each for each in outcomes if each not in ("done", "nothing")] == ["refused"]
    assert [(each["verb"], each["subject"]) for each in words][3] == ("flatten", "SYNUSDT")
    assert told["sums_equal"] is True
    assert [row["name"] for row in told["strategies"]] == ["breakout", "revert", "trend", "quarantine"]
    quarantine = told["strategies"][-1]
    assert quarantine["fills"] > 1
    assert (Decimal(quarantine["capital"]), quarantine["total_return"]) == (0, None)
    assert {Decimal(each["position"]) for each in told["books"] if each["strategy_id"] == "quarantine"} == {0}
    other = told_of_three
    assert other["operator"] == []
    assert told["run_id"] != other["run_id"]
    again = answered("account", "backtest", account_file(tmp_path, SCRIPTED))
    assert (again["run_id"], again["digest"]) == (told["run_id"], told["digest"])
    assert again["operator"] == words
    page = words_of(Path(told["report"]).read_text())
    assert "What the operator said" in page
    shown = qts("account", "backtest", account_file(tmp_path, SCRIPTED))
    assert shown.exit_code == 0, shown.output
    for each in words:
        assert each["detail"] in shown.stdout
        assert each["detail"] in page
    assert "bob: resume account (<the drill> is over): done, it trades again" in shown.stdout
    assert "somebody else: foreign_trade OTHERUSDT, sell 0.5: done" in shown.stdout
    assert "ann: transfer breakout to trend, 2500.5 (it has too much): done, breakout has " in shown.stdout
    assert "transfer breakout to trend, 2500.5" in page
    explained = qts("risk", "explain", told["run_id"])
    assert explained.exit_code == 0, explained.output


def test_a_transfer_moves_capital_and_no_sum(markets: Path, tmp_path: Path, told_of_three: dict[str, Any]) -> None:
    """Proves: P4-3"""
    word = "operator:\n  - {at: 2021-06-01, who: ann, transfer: {from: breakout, to: revert, amount: AMOUNT}}\n"
    plain = told_of_three
    told = answered("account", "backtest", account_file(tmp_path, GOOD + word.replace("AMOUNT", "9000.25")))
    assert told["sums_equal"] is True
    assert told["account"]["capital"] == plain["account"]["capital"] == "60000.5"
    assert told["sums"]["transferred"] == {"strategies": "0", "symbols": "0", "account": "0"}
    rows = {row["name"]: row for row in told["strategies"]}
    assert {name: (row["capital"], row["transferred"]) for name, row in rows.items()} == {
        "breakout": ("21000.25", "-9000.25"),
        "revert": ("29000.25", "9000.25"),
        "trend": ("10000", "0"),
    }
    (made,) = told["transfers"]
    assert (made["source"], made["target"], made["amount"]) == ("breakout", "revert", "9000.25")
    pools = {each["strategy_id"]: Decimal(each["total"]) for each in told["pools"]}
    books = {
        name: sum(Decimal(each["wallet"]) for each in told["books"] if each["strategy_id"] == name) for name in rows
    }
    assert {name: pools[name] - books[name] for name in rows} == {
        name: Decimal(row["transferred"]) for name, row in rows.items()
    }
    for name, row in rows.items():
        before = next(each for each in plain["strategies"] if each["name"] == name)
        gained = Decimal(row["equity"]) / Decimal(row["capital"]) - 1
        if name == "trend":
            assert row["total_return"] == pytest.approx(before["total_return"]) == pytest.approx(float(gained))
        else:
            assert row["total_return"] != pytest.approx(float(gained), rel=1e-6), "what was transferred is no gain"
    shown = qts("account", "backtest", account_file(tmp_path, GOOD + word.replace("AMOUNT", "9000.25")))
    page = words_of(Path(told["report"]).read_text())
    for where in (" ".join(shown.stdout.split()), page):
        assert "growth is measured from one transfer to the next" in where
    for row in rows.values():
        assert f"{row['total_return']:.2%}" in shown.stdout
        assert wording.signed_percent(row["total_return"]) in page
    explained = qts("risk", "explain", told["run_id"])
    assert explained.exit_code == 0, explained.output
    assert "21,000.25" in explained.stdout
    much = answered("account", "backtest", account_file(tmp_path, GOOD + word.replace("AMOUNT", "50000")))
    assert much["operator"][0]["outcome"] == "refused"
    assert "50000 is wanted, " in much["operator"][0]["detail"]
    assert " of account/breakout is available" in much["operator"][0]["detail"]
    assert much["strategies"] == plain["strategies"]
    assert much["transfers"] == []


def test_what_is_in_the_guardians_care_at_the_end_is_shown(markets: Path, tmp_path: Path) -> None:
    """Proves: P6-3"""
    holding = strategy_file(
        tmp_path,
        "    def on_bar(self, view):\n        return buy(quantity=0.1) if view.bar_number == 330 else None\n",
    )
    text = (
        f"account: one\n{ALONE.replace('2021-12', '2021-04')}strategies:\n"
        f"  - {{id: holder, strategy: {holding}, symbols: [SYNUSDT], capital: 50000}}\n"
        "operator:\n  - {at: 2021-03-01, who: ann, disable: holder}\n"
    )
    told = answered("account", "backtest", account_file(tmp_path, text))
    assert told["in_care"] == [{"strategy_id": "holder", "symbol": "SYNUSDT"}]
    shown = qts("account", "backtest", account_file(tmp_path, text))
    assert "holder is asked no more; the guardian looks after its 0.1 SYNUSDT" in shown.stdout
    assert "holder is asked no more and holds 0.1 SYNUSDT" in words_of(Path(told["report"]).read_text()).replace(
        "<code>", ""
    ).replace("</code>", "")


def test_a_strategy_is_silent_from_its_disabling_to_its_enabling(markets: Path, tmp_path: Path) -> None:
    """Proves: P6-2"""
    only = "\n".join(line for line in WORDS.splitlines() if "trend" in line or "operator" in line)
    told = answered("account", "backtest", account_file(tmp_path, GOOD + only))
    assert [each["outcome"] for each in told["operator"]][0::2] == ["done", "done"]
    off, on = (told["operator"][place]["said_at"] for place in (0, 2))
    times = {each["opened_at"] for each in told["postings"] if each["strategy_id"] == "trend" and each["order_id"]}
    assert min(times) < off
    assert max(times) > on
    silent = [at for at in times if off < at < on]
    assert len(silent) == 0, "but for the close, which is at the open of the bar that begins when it is said"


def but(old: str, new: str) -> str:
    assert SCRIPTED.count(old) == 1
    return SCRIPTED.replace(old, new)


FIRST = SCRIPTED[: SCRIPTED.index("operator:")].count("\n") + 2
"""The line of the script's first word."""

BAD = {
    "two words": (but("disable: trend,", "disable: trend, enable: trend,"), "disable and enable", 0, "operator[0]"),
    "no word": (but(", acknowledge: OTHERUSDT", ""), "this one says none", 6, "operator[6]"),
    "a word there is not": (but("pause: account", "puase: account"), "Did you mean 'pause'", 7, "operator[7]"),
    "of half the account": (but("pause: account", "pause: trend"), "'account'", 7, "operator[7].pause"),
    "nobody says it": (but("who: ann, pause", "pause"), "pause needs the name of who says it", 7, "operator[7]"),
    "somebody says a foreign trade": (
        but("2021-07-01, foreign", "2021-07-01, who: ann, foreign"), "nobody's word: leave who out", 4, "operator[4]",
    ),
    "no instant": (but("at: 2021-08-01, ", ""), "the key 'operator[7].at' is missing", 7, "operator[7]"),
    "no date": (but("2021-08-01,", "soon,"), "'soon' is not a date", 7, "operator[7].at"),
    "before the window": (
        but("2021-03-01, who: ann, disable", "2020-03-01, who: ann, disable"),
        "which goes from 2021-01-01T00:00:00Z to 2021-12-01T00:00:00Z", 0, "operator[0].at",
    ),
    "at the end of the window": (but("2021-08-08,", "2021-12-01,"), "is not in the window", 8, "operator[8].at"),
    "a strategy there is not": (but("enable: trend", "enable: trnd"), "Did you mean 'trend'?", 2, "operator[2].enable"),
    "a symbol for a strategy": (
        but("enable: trend", "enable: SYNUSDT"), "the account has no strategy 'SYNUSDT'", 2, "operator[2].enable",
    ),
    "a symbol there is not": (
        but("flatten: SYNUSDT", "flatten: SYNUSD"), "Did you mean 'SYNUSDT'?", 3, "operator[3].flatten",
    ),
    "a symbol somebody else cannot trade": (
        but("{symbol: OTHERUSDT", "{symbol: NONEUSDT"), "no symbol 'NONEUSDT'", 4, "operator[4].foreign_trade",
    ),
    "a quantity of nothing": (but("quantity: 0.5", "quantity: 0"), "greater than 0", 4, "foreign_trade.quantity"),
    "a quantity off the grid": (
        but("quantity: 0.5", "quantity: 0.50001"), "not a number of lots of 0.001", 4, "foreign_trade.quantity",
    ),
    "a transfer to itself": (
        but("from: breakout", "from: trend"), "a transfer from trend to itself", 12, "operator[12].transfer",
    ),
    "a transfer from nobody": (but("from: breakout", "from: brekout"), "Did you mean 'breakout'?", 12, "transfer.from"),
    "a transfer to nobody": (but("to: trend", "to: trnd"), "no strategy 'trnd'. Did you mean", 12, "transfer.to"),
    "a transfer to a symbol": (but("to: trend", "to: SYNUSDT"), "no strategy 'SYNUSDT'", 12, "transfer.to"),
    "a transfer to no one": (but("to: trend, ", ""), "the key 'operator[12].transfer.to' is missing", 12, "transfer"),
    "a transfer of no known key": (but("to: trend", "too: trend"), "Did you mean 'to'?", 12, "operator[12].transfer"),
    "a transfer of nothing": (but("amount: 2500.5", "amount: 0"), "greater than 0", 12, "transfer.amount"),
    "a transfer back": (but("amount: 2500.5", "amount: -1"), "greater than 0", 12, "transfer.amount"),
    "a transfer of less than the grid": (
        but("amount: 2500.5", "amount: 0.000000001"), "greater than or equal to", 12, "transfer.amount",
    ),
    "a transfer off the grid": (
        but("amount: 2500.5", "amount: 2500.000000001"), "no more than 8 decimal places", 12, "transfer.amount",
    ),
    "a transfer outside the window": (but("2021-10-01,", "2022-10-01,"), "is not in the window", 12, "operator[12].at"),
    "a side there is not": (but("side: sell", "side: short"), "'buy' or 'sell'", 4, "foreign_trade.side"),
    "a way to halt there is not": (GOOD + "on_halt: sell\n", "'keep' or 'close'", None, "on_halt"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_with_a_script_is_said_with_its_place(fault: str, markets: Path, tmp_path: Path) -> None:
    """Proves: UX-2"""
    text, cause, number, place = BAD[fault]
    message = refused("account", "backtest", account_file(tmp_path, text), code=6)
    assert cause in message
    assert place in message
    if number is not None:
        assert f"account.yaml:{FIRST + number}" in message
    assert not (markets / "accounts").exists(), "nothing is kept of a run that was refused"


BREAKS = """    def on_bar(self, view):
        if view.bar_number > 50:
            raise RuntimeError('planted')
        return buy(quantity=0.5, stop_loss=view.close * 0.75) if view.is_flat else None
"""


@pytest.mark.parametrize(
    ("on_halt", "left"), [("", "kept"), ("on_halt: keep\n", "kept"), ("on_halt: close\n", "closed")]
)
def test_the_file_says_what_becomes_of_what_a_halted_strategy_held(
    on_halt: str, left: str, markets: Path, tmp_path: Path
) -> None:
    """Proves: P6-3"""
    bad = strategy_file(tmp_path, BREAKS)
    more = f"  - {{id: broken, strategy: {bad}, symbols: [SYNUSDT], capital: 50000}}\n"
    told = answered("account", "backtest", account_file(tmp_path, GOOD + more + on_halt))
    assert [each["strategy_id"] for each in told["halted"]] == ["broken"]
    traded = [
        (each["opened_at"], Decimal(each["quantity"]))
        for each in told["postings"]
        if each["strategy_id"] == "broken" and Decimal(each["quantity"])
    ]
    assert traded[0][1] > 0
    next_open = parse_instant("2021-01-01") + 52 * parse_duration("4h")
    assert (traded[1:2] == [(next_open, -traded[0][1])]) is (left == "closed")
    (book,) = [each for each in told["books"] if each["strategy_id"] == "broken"]
    assert bool(told["in_care"]) is bool(Decimal(book["position"]))


def test_a_slow_strategy_is_told_of_and_nothing_else_follows(markets: Path, tmp_path: Path) -> None:
    """Proves: P6-3"""

    def file(delay: str) -> str:
        slow = strategy_file(
            tmp_path,
            f"    def on_bar(self, view):\n        import time\n"
            f"        if view.bar_number in (50, 60):\n            time.sleep({delay})\n",
        )
        more = f"  - {{id: sleepy, strategy: {slow}, symbols: [SYNUSDT], capital: 5000}}\n"
        return account_file(tmp_path, GOOD + more)

    told = answered("account", "backtest", file("0.12"))
    slow = told["slow_calls"]
    assert slow["count"] >= 2
    named = [each for each in slow["slowest"] if each["strategy_id"] == "sleepy"]
    assert [each["symbol"] for each in named] == ["SYNUSDT"], "the second time: the first one made QTS look closer"
    assert all(each["took_ns"] > 100_000_000 for each in slow["slowest"])
    assert told["halted"] == []
    shown = qts("account", "backtest", file("0.12"))
    assert "longer than 100 ms" in shown.stdout
    assert "sleepy on SYNUSDT" in shown.stdout
    quick, again = answered("account", "backtest", file("0")), answered("account", "backtest", file("0.12"))
    assert again["digest"] == told["digest"], "how long it took this time is in no record"
    for what in ("strategies", "symbols", "postings", "gate", "journal_head"):
        assert quick[what] == told[what]
