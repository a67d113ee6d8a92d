"""Through the whole run of several strategies: a stop costs 2 % of what was allocated, whatever else the account does.

Each strategy trades some of the symbols, twice on each, with a stop that is then
reached without a gap, and may hold something else meanwhile that gains or loses
on paper. What each pool held when it decided is recounted here from the postings.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qts.domain.instrument import Instrument
from qts.domain.money import exact_arithmetic
from qts.domain.virtual_books import Posting
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.strategy.intent import Answer, buy, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, make_bars

DECISIONS = (0, 4)  # the bars at whose close something is wanted; filled at the next open, stopped out the bar after
ROUNDING = Decimal("0.00000004")  # of two fees, each on the grid
TWO_PERCENT = Decimal("0.02")
PAPER = "PAPERUSDT"


@dataclass(frozen=True, kw_only=True)
class Traded:
    """One symbol: the side that is taken on it, its price, and how many ticks away each of the two stops is."""

    symbol: str
    tick: Decimal
    lot: Decimal
    notional_min: Decimal
    side: int
    ticks: int
    away: tuple[int, int]

    @property
    def levels(self) -> list[float]:
        """The price, and the two stops, each measured from where the one before left the market."""
        first = self.ticks - self.side * self.away[0]
        return [float(each * self.tick) for each in (self.ticks, first, first - self.side * self.away[1])]

    def dataset(self) -> Dataset:
        entry, stop, second = self.levels
        return self._made(
            np.array([entry, entry, entry, stop, stop, stop, stop, second]),
            np.array([entry, entry, stop, stop, stop, stop, second, second]),
        )

    def _made(self, opens: np.ndarray, closes: np.ndarray) -> Dataset:
        columns = {"open": opens, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes), "close": closes}
        bars = make_bars(START + INTERVAL * np.arange(len(opens)), columns, np.full(len(opens), 1e15))
        traded = Instrument(
            symbol=self.symbol, base="X", quote="USDT", tick=self.tick, lot=self.lot, notional_min=self.notional_min
        )
        bars = replace(bars, symbol=self.symbol)
        return Dataset(
            instrument=traded, bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="made"
        )


def paper(change: int) -> Dataset:
    """From 100 to 100 + change between the two decisions, and it stays there."""
    market = Traded(
        symbol=PAPER, tick=Decimal(1), lot=Decimal(1), notional_min=Decimal(5), side=1, ticks=100, away=(1, 1)
    )
    path = np.array([100.0, 100, 100, 100 + change, 100 + change, 100 + change, 100 + change, 100 + change])
    return market._made(path, path)


def trader(traded: dict[str, Traded], on_paper: int) -> type[Strategy]:
    orders = MappingProxyType({symbol: (each.side, tuple(each.levels[1:])) for symbol, each in traded.items()})

    class Trader(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.symbol == PAPER:
                return buy(quantity=on_paper) if on_paper and view.bar_number == 0 else None
            if view.bar_number not in DECISIONS:
                return None
            side, stops = orders[view.symbol]
            stop = stops[DECISIONS.index(view.bar_number)]
            return buy(stop_loss=stop) if side > 0 else sell(stop_loss=stop)

    return Trader


@st.composite
def symbols(draw: st.DrawFn, number: int) -> Traded:
    tick, lot = draw(st.sampled_from([("0.01", "0.001"), ("0.5", "1"), ("0.0001", "0.1"), ("1", "0.001")]))
    ticks = draw(st.integers(2_000, 5_000_000))
    return Traded(
        symbol=f"S{number}USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        notional_min=Decimal(draw(st.sampled_from(["5", "100"]))),
        side=draw(st.sampled_from([1, -1])),
        ticks=ticks,
        away=(draw(st.integers(1, ticks // 3)), draw(st.integers(1, ticks // 3))),
    )


@st.composite
def accounts(draw: st.DrawFn) -> tuple[dict[str, Traded], list[tuple[Decimal, tuple[str, ...], int]], int, str]:
    """The symbols; of each strategy capital, symbols and what it holds on paper; how that moves; the fee."""
    traded = {each.symbol: each for each in (draw(symbols(number)) for number in range(draw(st.integers(1, 3))))}
    capital = st.integers(100, 10**7).map(Decimal)
    some = st.lists(st.sampled_from(sorted(traded)), min_size=1, unique=True).map(tuple)
    members = draw(st.lists(st.tuples(capital, some, st.sampled_from([0, 0, 1, 30])), min_size=1, max_size=3))
    return traded, members, draw(st.integers(-60, 300)), draw(st.sampled_from(["0", "0.0005", "0.003"]))


@settings(max_examples=120, deadline=None)
@given(accounts())
def test_a_stop_costs_two_percent_of_what_was_allocated_and_no_more(account) -> None:
    """Both ways' costs included, on every trade of everybody; where nothing clipped it, one lot more would be too much.

    Proves: QL-13
    """
    traded, given_members, change, fee = account
    rate = Decimal(fee)
    members = [
        Member(strategy_id=f"s{n}", make=trader(traded, on_paper), symbols=(*own, PAPER), capital=capital)
        for n, (capital, own, on_paper) in enumerate(given_members)
    ]
    named = {symbol for each in members for symbol in each.symbols}
    datasets = {each.symbol: each.dataset() for each in traded.values() if each.symbol in named}
    frictions = Frictions(
        fee_rate_maker=rate, fee_rate_taker=rate, slippage=FixedSlippage(Decimal(0)), participation_max=Decimal(1)
    )
    terms = JointTerms(frictions=frictions, waivers=ALL_WAIVERS, policies=None)
    result = run_together(datasets | {PAPER: paper(change)}, members, terms)
    trades = 0
    with exact_arithmetic():
        for member, (_, _, holds) in zip(members, given_members, strict=True):
            for at in DECISIONS:
                held = _allocated(result, member, at)
                on_paper = result.books[member.strategy_id, PAPER].position * (change if at else 0)
                for symbol in member.symbols:
                    lost, quantity = _round_trip(result, member.strategy_id, symbol, at)
                    if symbol == PAPER or not quantity:
                        continue
                    trades += 1
                    assert lost <= TWO_PERCENT * held + ROUNDING
                    assert lost <= TWO_PERCENT * (held + on_paper) + ROUNDING
                    own = traded[symbol]
                    if len(member.symbols) == 2 and not holds and len(members) == 1:
                        _one_lot_more_is_too_much(own, at, quantity, held, rate)
    assume(trades)


def _allocated(result: JointResult, member: Member, at: int) -> Decimal:
    """What the strategy had been given and had realised when bar ``at`` closed."""
    own = (each for postings in result.postings.values() for row, each in postings if row <= at)
    return member.capital + sum(
        (each.realized_pnl - each.fee for each in own if each.strategy_id == member.strategy_id), start=Decimal(0)
    )


def _round_trip(result: JointResult, strategy_id: str, symbol: str, at: int) -> tuple[Decimal, Decimal]:
    """What the trade decided at bar ``at`` lost, fees included, and how large it was."""
    own: list[tuple[int, Posting]] = [
        (row, each)
        for row, each in result.postings[symbol]
        if each.strategy_id == strategy_id and each.quantity and at < row <= at + 3
    ]
    lost = sum((each.fee - each.realized_pnl for _, each in own), start=Decimal(0))
    assert sum(each.quantity for _, each in own) == 0 or symbol == PAPER
    return lost, max((abs(each.quantity) for _, each in own), default=Decimal(0))


def _one_lot_more_is_too_much(own: Traded, at: int, quantity: Decimal, held: Decimal, rate: Decimal) -> None:
    place = DECISIONS.index(at)
    entry, stop = (Decimal(str(own.levels[place + n])).quantize(own.tick) for n in (0, 1))
    more, paid = quantity + own.lot, entry * (1 + rate)
    assert (
        more * (abs(entry - stop) + (entry + stop) * rate) > TWO_PERCENT * held
        or more * paid > 3 * held
        or more * paid * (1 + 3 * rate) > 3 * held
    )
