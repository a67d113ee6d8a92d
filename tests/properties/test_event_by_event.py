"""A strategy runs the same in a backtest and on the simulated exchange driven event by event, to the last journal row.

The same machine, venue and market stand at both ends; between them is, once, the
direct line of the backtest and, once, a queue in which every command, every
answer and every piece of news waits for its turn (event_line.py). Fills, book and
the journal's head are equal, so the machine heard the same in the same order.

Proves: SX-0, SX-2, QL-10
"""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.money import exact_arithmetic
from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.result import RunResult
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, WORDS, Improviser, Knobs, Listener, knobs, market, terms
from tests.properties.event_line import EventLine, Worker

strategies = st.builds(
    lambda kind, seed, talk, words: kind(seed=seed, talk=talk, words=words),
    st.sampled_from([Improviser, Listener, Worker, Worker, Worker]),
    st.integers(0, 10**6),
    st.sampled_from([0.1, 0.3, 0.8]),
    st.sampled_from(WORDS),
)


def assert_same_account(line: EventLine, result: RunResult) -> None:
    venue = line.venue
    assert tuple(line.orders) == result.orders
    assert tuple(venue.fills) == result.fills
    assert tuple(venue.payments) == result.funding_payments
    assert venue.book.wallet == result.wallet
    assert float(venue.book.position) == result.position[-1]
    assert venue.book.fees == result.costs.fees
    if line.limits is not None:
        assert line.limits.words == tuple(word for word in result.gate if word.limits)


@settings(max_examples=250)
@given(knobs(), strategies, terms)
def test_the_queue_and_the_backtest_tell_one_story(given: Knobs, strategy: Strategy, run_terms: Terms) -> None:
    dataset = market(given)
    plain = run_backtest(dataset, strategy, run_terms, Engine.PLAIN)
    line = EventLine(dataset, strategy, run_terms).run()
    assert_same_account(line, plain)
    assert line.machine.journal.head == plain.journal_head
    assert line.machine.account.positions.of(dataset.instrument.symbol).quantity == line.venue.book.position
    skipping = run_backtest(dataset, strategy, run_terms, Engine.SKIPPING)
    assert skipping.digest == plain.digest


@settings(max_examples=60)
@given(knobs(), strategies, terms)
def test_its_journal_alone_makes_the_machine_again(given: Knobs, strategy: Strategy, run_terms: Terms) -> None:
    line = EventLine(market(given), strategy, run_terms).run()
    again = line.replayed()
    assert again.journal.head == line.machine.journal.head
    with exact_arithmetic():
        assert again.digest() == line.machine.digest()


@settings(max_examples=120)
@given(knobs(), strategies, terms)
def test_a_venue_that_also_streams_cancellations_changes_no_fill(
    given: Knobs, strategy: Strategy, run_terms: Terms
) -> None:
    """As the real one does. The journals differ, by the news that came twice; the account does not."""
    dataset = market(given)
    direct = run_backtest(dataset, strategy, run_terms, Engine.PLAIN)
    assert_same_account(EventLine(dataset, strategy, run_terms, cancels_are_streamed=True).run(), direct)


def test_the_property_is_about_something() -> None:
    """What the generated strategies must have done, over a hundred fixed markets, for the equality to mean anything."""
    seen = {"slices": 0, "chunks": 0, "partial": 0, "stop-loss": 0, "take-profit": 0, "limits": 0}
    for seed in range(100):
        given = Knobs(
            seed=seed,
            rows=60,
            tick="0.01",
            wildness=0.01,
            gaps=seed % 2 == 0,
            silent_bars=seed % 3 == 0,
            funding=True,
            mark="none",
            brackets="none",
        )
        run_terms = Terms(capital=Decimal(10_000), waivers=ALL_WAIVERS)
        line = EventLine(market(given), Worker(seed=seed, talk=0.3, words=WORDS[seed % len(WORDS)]), run_terms).run()
        for fill in line.venue.fills:
            record = line.machine.account.orders.find(fill.order_id)
            if record is None:
                continue
            seen["slices"] += ".s" in fill.order_id
            seen["partial"] += fill.quantity < record.order.quantity
            seen["limits"] += record.order.price is not None and not record.order.role.is_protective
            if fill.cause in seen:
                seen[fill.cause] += 1
        seen["chunks"] += sum(each.slices > 1 for each in line.machine.results)
    assert min(seen.values()) >= 20, seen
