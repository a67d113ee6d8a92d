"""The simulated venue of the product behind the transport: one account per symbol, driven by the plan's quotes."""

from dataclasses import replace
from decimal import Decimal

from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.commands import CancelOrder, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.events import AccountUpdate, CancelAck, ModifyAck, OrderAck, QueryAnswer, Quote, Snapshot
from qts.simulation.costs import Frictions
from qts.simulation.quote_market import QuoteMarket
from qts.simulation.venue import Venue
from qts.simulation.venue_orders import Working
from qts.simulation.venue_rules import VenueRules
from tests.simulation.campaign.swarm import Plan
from tests.simulation.campaign.toy_venue import Tell
from tests.simulation.campaign.virtual_time import stream

CAPITAL = Decimal(500_000)


class SimulatedVenues:
    """Sizes at the touch are drawn from the seed: now and then far less than what is wanted."""

    def __init__(self, plan: Plan, tell: Tell, instruments: dict[str, Instrument]) -> None:
        dice = stream(plan.seed, "venue")
        rules = VenueRules(
            reduce_only_needs_position=dice.random() < 0.8,
            resting_reduce_only_blocks=dice.random() < 0.8,
            cancels_are_streamed=dice.random() < 0.8,
        )
        impact = dice.choice((None, Decimal(1), Decimal(5)))
        self._dice = dice
        self._instruments = instruments
        self._venues = {
            symbol: Venue(instrument, Frictions(), CAPITAL, rules=rules, brackets=None, stream=tell)
            for symbol, instrument in instruments.items()
        }
        self._markets = {symbol: QuoteMarket(venue, impact_bps=impact) for symbol, venue in self._venues.items()}
        self._marks: dict[str, Decimal] = {}

    def quote(self, quote: Quote) -> None:
        self._marks[quote.symbol] = quote.mark
        lots = self._dice.choice((30, 200, 3_000, 3_000, 3_000))
        size = lots * self._venues[quote.symbol].instrument.lot
        self._markets[quote.symbol].on_quote(quote, size, size, quote.occurred_at)

    def account(self) -> AccountUpdate:
        parts = [venue.account(self._marks[symbol]) for symbol, venue in self._venues.items() if symbol in self._marks]
        free = CAPITAL * (len(self._venues) - len(parts))
        equity = sum((each.equity for each in parts), start=free)
        return AccountUpdate(equity, sum((each.available for each in parts), start=free))

    def earned(self, symbol: str) -> Decimal:
        """What fills alone brought to the wallet, quote."""
        book = self._venues[symbol].book
        return book.wallet - CAPITAL + book.funding + book.liquidation_fees - book.insurance

    # -- requests ---------------------------------------------------------------------

    def send(self, command: SendOrder, now: int) -> OrderAck:
        return self._venues[command.order.symbol].send(command.order, now)

    def cancel(self, command: CancelOrder, now: int) -> CancelAck:
        return self._venues[command.symbol].cancel(command.client_id, now)

    def modify(self, command: ModifyOrder, now: int) -> ModifyAck:
        return self._venues[command.symbol].modify(command.client_id, command.price, command.quantity, now)

    def query(self, command: QueryOrder, now: int) -> QueryAnswer:
        return self._venues[command.symbol].query(command.client_id, conditional=command.conditional, now=now)

    def snapshot(self, command: TakeSnapshot, now: int) -> Snapshot:
        return self._venues[command.symbol].snapshot(command.fills_after, now)

    # -- what nobody asked for ----------------------------------------------------------

    def force(  # noqa: PLR0911 - one family, one answer
        self, family: str, symbol: str, sign: int, now: int
    ) -> bool:
        venue, mark = self._venues[symbol], self._marks.get(symbol)
        if mark is None:
            return False
        lot = venue.instrument.lot
        side = Side.BUY if sign > 0 else Side.SELL
        match family:
            case "adl":
                half = venue.instrument.quantity_down(abs(venue.book.position) / 2)
                return half > 0 and venue.force_adl(half if sign > 0 else abs(venue.book.position), mark, now)
            case "liquidation":
                return venue.force_liquidation(mark, now)
            case "foreign_trade":
                return venue.foreign_fill(side, self._dice.choice((1, 50, 700)) * lot, mark, now)
            case "foreign_order":
                away = venue.instrument.price_down(mark * (Decimal("0.9") if sign > 0 else Decimal("1.1")))
                venue.foreign_order(side, OrderType.LIMIT, 100 * lot, away, now)
                return True
            case "funding":
                self._markets[symbol].pay_funding(Decimal("0.0001") * sign, now)
                return venue.book.position != ZERO
            case "expire":
                return self._end([each for each in self._open(symbol) if not each.is_conditional], "expired", now)
            case "algo_reject":
                return self._end([each for each in self._open(symbol) if each.is_conditional], "rejected", now)
        raise AssertionError(family)

    def change_filters(self, symbol: str, *, by_tick: bool) -> None:
        venue = self._venues[symbol]
        known = self._instruments[symbol]
        coarser, larger = replace(known, tick=known.tick * 5), replace(known, notional_min=known.notional_min * 100)
        venue.instrument = coarser if by_tick else larger

    def restore_filters(self, symbol: str) -> None:
        for name in (symbol,) if symbol else tuple(self._venues):
            self._venues[name].instrument = self._instruments[name]

    def _open(self, symbol: str) -> list[Working]:
        return list(self._venues[symbol].orders.open.values())

    def _end(self, found: list[Working], state: str, now: int) -> bool:
        if not found:
            return False
        order = self._dice.choice(found).order
        return self._venues[order.symbol].force_end(order.client_id, OrderState(state), "forced", now)
