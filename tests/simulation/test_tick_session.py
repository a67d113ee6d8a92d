"""Any ticks and any orders, and the recorded session: fills are what the ticks allow, the same each time.

Proves: QL-11
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.stores.tick_files import read_ticks
from qts.domain.order import Side
from qts.market.ticks import ASK, BID, Ticks
from qts.simulation import tick_market
from qts.simulation.latency import Latency
from qts.simulation.queue_position import ProportionalQueue, QueueModel, RiskAdverseQueue
from tests.market.tick_cases import BTC, MS, Depth, Top, Trade, ticks_of
from tests.simulation.tick_desk import START, Desk, order

pytestmark = pytest.mark.unmeasured

BUY, SELL = Side.BUY, Side.SELL
RISK, EVEN = RiskAdverseQueue(), ProportionalQueue()

# -- any ticks, any orders ---------------------------------------------------------------

PRICES = st.integers(96, 104)


@st.composite
def recordings(draw: st.DrawFn) -> Ticks:
    events: list[Trade | Top | Depth] = [START]
    update = 100
    for at in range(1, draw(st.integers(5, 40))):
        update += draw(st.integers(1, 3))
        occurred = max(0, at - draw(st.integers(0, 2)))
        match draw(st.integers(0, 2)):
            case 0:
                events.append(Trade(at, draw(PRICES), draw(st.integers(1, 12)), draw(st.sampled_from([BID, ASK]))))
            case 1:
                bid = draw(st.integers(96, 103))
                quantities = draw(st.tuples(st.integers(1, 15), st.integers(1, 15)))
                events.append(Top(at, update, bid, quantities[0], bid + 1, quantities[1], occurred))
            case _:
                before = max((each.final for each in events if isinstance(each, Depth)), default=0)
                level = (draw(st.sampled_from([BID, ASK])), draw(PRICES), draw(st.integers(0, 15)))
                events.append(Depth(at, before + 1, max(update, before + 1), before, (level,), occurred=occurred))
    return ticks_of(*events)


ORDERS = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from([BUY, SELL]), st.integers(1, 9), st.one_of(st.none(), PRICES), st.booleans()
    ),
    min_size=1,
    max_size=8,
)


def played(ticks: Ticks, orders: list[tuple], queue: QueueModel, latency: Latency) -> Desk:
    desk = Desk(ticks, queue, latency)
    for n, (at, side, size, price, stop) in enumerate(sorted(orders, key=lambda each: each[0])):
        desk.at(at).send(order(f"o{n}", side, size, price, stop=stop and price is not None))
    return desk.at(1000)


@given(recordings(), ORDERS, st.sampled_from([RISK, EVEN]), st.integers(0, 4))
def test_whatever_happens_the_ticks_allow_it(ticks: Ticks, orders: list[tuple], queue: QueueModel, delay: int) -> None:
    latency = Latency(delay * MS, MS, entry_jitter_ns=(0, MS, 0, 3 * MS))
    desk = played(ticks, orders, queue, latency)
    assert played(ticks, orders, queue, latency).heard == desk.heard
    traded = {int(at) // MS: row for row, at in enumerate(ticks.trades.known_at)}
    made: dict[int, int] = {}
    wanted = {each.order.client_id: each for each in desk.venue.orders.history}
    for at, client_id, size, paid, liquidity in desk.fills():
        sent = wanted[client_id].order
        if sent.price is not None and not sent.is_conditional:
            assert (paid * BTC.tick - sent.price) * sent.side.sign <= 0
        if liquidity == "maker":
            row = traded[at]
            assert (ticks.trades.price[row] - paid) * sent.side.sign <= 0
            made[at] = made.get(at, 0) + size
    for at, size in made.items():
        assert size <= ticks.trades.quantity[traded[at]]
    for each in wanted.values():
        assert each.filled == sum(f.quantity for f in desk.venue.fills if f.order_id == each.order.client_id)
        assert each.filled <= each.order.quantity


@given(recordings(), ORDERS, st.sampled_from([RISK, EVEN]))
def test_skipping_quiet_ticks_changes_nothing(ticks: Ticks, orders: list[tuple], queue: QueueModel) -> None:
    skipping = played(ticks, orders, queue, Latency(MS, MS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_market, "_SKIPPED_MIN", 10**9)
        one_by_one = played(ticks, orders, queue, Latency(MS, MS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_market, "_SKIPPED_MIN", 1)
        always = played(ticks, orders, queue, Latency(MS, MS))
    assert skipping.heard == one_by_one.heard == always.heard
    assert skipping.market.quote() == one_by_one.market.quote() == always.market.quote()


@given(recordings(), st.integers(0, 20), st.sampled_from([BUY, SELL]), st.integers(1, 9), PRICES)
def test_the_risk_adverse_order_is_never_filled_further(
    ticks: Ticks, at: int, side: Side, size: int, price: int
) -> None:
    risk, even = (played(ticks, [(at, side, size, price, False)], model, Latency(0, 0)) for model in (RISK, EVEN))
    for ms in range(45):
        filled = [sum(each[2] for each in desk.fills() if each[0] <= ms) for desk in (risk, even)]
        assert filled[0] <= filled[1]


# -- the recorded session ----------------------------------------------------------------


@pytest.fixture(scope="module")
def session(real_data: Path) -> Ticks:
    return read_ticks(real_data / "ticks/binance-um-BTCUSDT-20240808", BTC)


def joined_at_best_bid(ticks: Ticks, queue: QueueModel, delay_ms: int) -> Desk:
    """Every ten seconds a bid of 0.05 at the best bid, cancelled when the next one is sent."""
    desk = Desk(ticks, queue, Latency(delay_ms * MS, delay_ms * MS))
    begin, end = int(ticks.known_at[0]) / MS, int(ticks.known_at[-1]) / MS
    name, at = "", begin + 1000
    while at < end:
        desk.at(at)
        quote = desk.market.quote()
        if name:
            desk.cancel(name)
        if quote is not None:
            name = f"b{round(at - begin)}"
            desk.send(order(name, BUY, 50, int(quote.bid / BTC.tick)))
        at += 10_000
    return desk.at(end)


@pytest.mark.real_data
@pytest.mark.parametrize("queue", [RISK, EVEN])
def test_at_the_real_best_bid_an_order_fills_only_when_the_trades_say_so(session: Ticks, queue: QueueModel) -> None:
    """Each maker fill is one trade's doing, at our price or through it, and takes no more than what traded."""
    desk = joined_at_best_bid(session, queue, delay_ms=5)
    made = [each for each in desk.fills() if each[4] == "maker"]
    assert len(made) >= 10
    assert len(desk.venue.orders.history) >= 30
    trades = session.trades
    at_ms = trades.known_at // MS
    for at, _, size, price, _ in made:
        met = (at_ms == at) & ((trades.price < price) | ((trades.price == price) & (trades.aggressor == ASK)))
        assert met.any()
        assert size <= int(trades.quantity[met].sum())
    untouched = [each for each in desk.venue.orders.history if each.filled == 0]
    assert untouched
    assert desk.heard == joined_at_best_bid(session, queue, delay_ms=5).heard


@pytest.mark.real_data
def test_without_its_trades_the_real_session_fills_no_maker(session: Ticks) -> None:
    silent = Ticks(trades=session.trades.rows(session.trades.trade_id < 0), tops=session.tops, depth=session.depth)
    desk = Desk(silent, RISK).at(int(session.known_at[20_000]) / MS)
    best = desk.market.book.best(BID)
    assert best is not None
    desk.send(order("o", BUY, 5, best), order("above", SELL, 5, best + 30)).at(int(session.known_at[-1]) / MS)
    assert desk.fills() == []
    assert desk.market.is_over


@pytest.mark.real_data
def test_on_the_real_session_a_later_arrival_meets_the_later_book(session: Ticks) -> None:
    prices = set()
    for delay_ms in (0, 60_000, 120_000):
        desk = Desk(session, latency=Latency(delay_ms * MS, 0)).at(int(session.known_at[20_000]) / MS)
        desk.send(order("o", BUY, 20)).at(int(session.known_at[-1]) / MS)
        (fill,) = desk.venue.fills
        row = int((session.tops.known_at <= (int(session.known_at[20_000]) + delay_ms * MS)).sum()) - 1
        assert fill.price == int(session.tops.ask[row]) * BTC.tick
        prices.add(fill.price)
    assert len(prices) == 3
