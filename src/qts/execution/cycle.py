"""One decision cycle: what a strategy answered, turned into the set of orders allowed to go out.

Pure: the same answer, desk and instant give the same plan. An intent becomes
at most two orders: the part that closes what opposes it, which reduces, and
the part that opens, which increases. Sizes are worked out here, prices are put
on the tick grid here (limits never worse than asked, stops and targets rounded
toward the entry), and every order passes the gate here. Nothing is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeAlias

from qts.domain.instant import Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact, plain
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.refusal import RefusalCode
from qts.domain.value import maker, value
from qts.execution.answers import intents_of
from qts.execution.contracts import OrderDecision, SplitAlgorithm, Urgency
from qts.risk.gate import AccountState, Approved, NotSent, Objection, Refused, RiskGate
from qts.risk.limit_desk import StagedLimits, judged
from qts.risk.policy import RiskLimits
from qts.risk.sizing import SizingFacts, quantity_allowed, quantity_for_stop
from qts.strategy.intent import Action, Answer, Intent


@value
class Desk:
    """The account at the instant of decision.

    available: money free of margin, allocated: what the strategy's pool holds, both
    quote; and both once more as they would be, were the position closed at the last
    price at no cost. in_flight: signed quantity that orders sent before are still to
    fill at the next opens, base units.
    """

    state: AccountState
    available: Decimal
    in_flight: Decimal
    last_price: Decimal
    allocated: Decimal
    available_if_flat: Decimal
    allocated_if_flat: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """Prices of the protective pair of the open position, on the tick grid; None: leave as it is."""

    stop_loss: Decimal | None
    take_profit: Decimal | None


@value
class Plan:
    """The allowed set, in the order it is to be sent. decisions: the same orders, each with how it is to be worked."""

    orders: tuple[Approved, ...]
    protection: Protection | None
    not_sent: tuple[NotSent, ...]
    decisions: tuple[OrderDecision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How orders are made in one run.

    interval_ms: the bar interval, which limit orders' lives are counted in.
    leverage: the account's setting. cost_rate: expected fee and slippage of one
    way, fraction of notional. rounding: of a taker's price at most, quote per base.
    """

    instrument: Instrument
    limits: RiskLimits
    interval_ms: Duration
    leverage: int
    cost_rate: Decimal
    rounding: Decimal = ZERO


class DecisionCycle:
    """Turns answers into plans."""

    def __init__(self, ways: Ways, gate: RiskGate) -> None:
        self._ways = ways
        self._gate = gate

    def plan(self, answer: Answer, desk: Desk, now: Instant, limits: StagedLimits | None = None) -> Plan:
        """limits: asked of what the gate allows; None for none. Raises StrategyError for an answer nobody may give."""
        ways, gate, state = self._ways, self._gate, desk.state
        draft = _Draft(ways, gate, desk, now, limits)
        if isinstance(answer, Intent) and answer.symbol is None:
            intents: Sequence[Intent] = (answer,)  # as it mostly is
        else:
            coming = state.position + desk.in_flight
            intents = intents_of(answer, ways.instrument, equity=state.equity, coming=coming, price=desk.last_price)
        for intent in intents:
            objections = gate.before_intent("", intent, state, now)
            if objections:
                draft.object_to(objections)
                continue
            draft.add(intent)
        return _plan(tuple(draft.orders), draft.protection, tuple(draft.not_sent), tuple(draft.decisions))


_Pair: TypeAlias = tuple[Decimal | None, Decimal | None]
"""Stop loss and take profit."""

_NO_PAIR: Final[_Pair] = (None, None)
_SIDES: Final = {Action.BUY: Side.BUY, Action.SELL: Side.SELL}
_BUY, _SELL, _REDUCE, _INCREASE = Side.BUY, Side.SELL, Effect.REDUCE, Effect.INCREASE
_MARKET, _LIMIT, _STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_CLOSE, _URGENT, _NORMAL = Action.CLOSE, Urgency.URGENT, Urgency.NORMAL
_plan, _order, _decided = maker(Plan), maker(Order), maker(OrderDecision)
"""Names of the module: reading an enum's member costs several times as much."""


class _Draft:
    """A plan in the making; each intent sees the position as the ones before it will have left it."""

    __slots__ = (
        "_count",
        "_desk",
        "_gate",
        "_held",
        "_last",
        "_limits",
        "_now",
        "_ways",
        "decisions",
        "not_sent",
        "orders",
        "protection",
    )

    def __init__(self, ways: Ways, gate: RiskGate, desk: Desk, now: Instant, limits: StagedLimits | None) -> None:
        self._ways = ways
        self._gate = gate
        self._limits = limits
        self._desk = desk  # with every order of this draft counted in but the last one
        self._last: Order | None = None
        self._held = desk.state.position
        self._now = now
        self._count = 0
        self.orders: list[Approved] = []
        self.decisions: list[OrderDecision] = []
        self.protection: Protection | None = None
        self.not_sent: list[NotSent] = []

    def add(self, intent: Intent) -> None:
        if self._last is not None:
            self._count_last(self._last)
        side = _SIDES.get(intent.action)
        if side is not None:
            self._trade(intent, side)
        elif intent.action is _CLOSE:
            self._close(intent)
        else:
            self._protect(intent)

    def _count_last(self, last: Order) -> None:
        """Done once somebody looks at the desk again; most drafts end before that."""
        self._desk, self._last = self._as_if_sent(last), None

    def _close(self, intent: Intent) -> None:
        position = self._desk.state.position
        if position:
            side = _SELL if position > ZERO else _BUY
            self._judge(intent, side, position.copy_abs(), _REDUCE, self._working_price(intent, side))

    def _protect(self, intent: Intent) -> None:
        """The pair of the position that is held now: what this answer is about to open brings its own."""
        if self._held == 0:
            self._refuse(RefusalCode.NOTHING_TO_CLOSE, "protect() while flat")
            return
        side = Side.BUY if self._held > 0 else Side.SELL
        pair = self._pair(intent, side)
        if self._pair_fits(side, self._desk.last_price, pair):
            stop, target = pair
            said = self.protection
            if said is not None:  # said twice in one answer: the later price rules, a price left out stays
                stop, target = stop or said.stop_loss, target or said.take_profit
            self.protection = Protection(stop_loss=stop, take_profit=target)

    def _trade(self, intent: Intent, side: Side) -> None:
        ways, desk = self._ways, self._desk
        opposing = desk.state.opposing(side)
        price = self._working_price(intent, side)
        entry = desk.last_price if price is None else price
        pair = self._pair(intent, side)
        if pair is not _NO_PAIR and not self._pair_fits(side, entry, pair):
            return
        if intent.quantity is not None:
            quantity = ways.instrument.quantity_down(intent.quantity)
            closing = min(opposing, quantity) if opposing else ZERO
            opening = quantity - closing
        else:
            closing = opposing
            sized = self._sized(intent, entry, pair[0])
            if sized is None:
                return
            opening = sized
        if closing > ZERO:
            self._judge(intent, side, closing, _REDUCE, price)
        if opening > ZERO:
            if opening * entry < ways.instrument.notional_min:
                self._refuse(
                    RefusalCode.NOTIONAL_BELOW_MINIMUM,
                    f"{plain(opening)} at {plain(entry)} is worth less than {plain(ways.instrument.notional_min)}",
                )
            else:
                self._judge(intent, side, opening, _INCREASE, price, pair=pair)
        elif not closing:
            self._refuse(RefusalCode.QUANTITY_BELOW_LOT, f"less than one lot of {plain(ways.instrument.lot)}")

    def _sized(self, intent: Intent, entry: Decimal, stop: Decimal | None) -> Decimal | None:
        limits = self._ways.limits
        toward = self._desk.state.position * (1 if intent.action is Action.BUY else -1)
        desk = self._desk_when_flat() if toward < 0 else self._desk
        state = desk.state
        asked = state.pending_buy if intent.action is Action.BUY else state.pending_sell
        facts = SizingFacts(
            allocated=desk.allocated,
            equity=state.equity,
            available=desk.available,
            held=max(ZERO, toward) + asked,
            elsewhere=state.elsewhere,
            cost_rate=self._ways.cost_rate,
            leverage=self._ways.leverage,
            leverage_max=limits.leverage_max,
            risk_per_trade=limits.risk_per_trade,
            rounding=self._ways.rounding,
        )
        if intent.weight is not None:
            wanted = exact(float(intent.weight)) * state.equity / entry
            return self._ways.instrument.quantity_down(min(wanted, quantity_allowed(entry, facts)))
        if stop is None:
            self._refuse(RefusalCode.SIZE_NEEDS_STOP, f"{intent.action} without quantity, weight or stop_loss")
            return None
        return quantity_for_stop(entry, stop, self._ways.instrument, facts)

    def _desk_when_flat(self) -> Desk:
        """The desk once the position has been closed at the last price."""
        desk = self._desk
        state = desk.state
        costs = abs(state.position) * desk.last_price * self._ways.cost_rate
        available, allocated = desk.available_if_flat - costs, desk.allocated_if_flat - costs
        return replace(
            desk,
            state=replace(state, position=ZERO),
            available=available,
            allocated=allocated,
            available_if_flat=available,
            allocated_if_flat=allocated,
        )

    def _working_price(self, intent: Intent, side: Side) -> Decimal | None:
        """Limit or trigger on the tick grid, None at market."""
        instrument = self._ways.instrument
        if intent.limit is not None:
            return instrument.price_down(intent.limit) if side is _BUY else instrument.price_up(intent.limit)
        if intent.trigger is not None:
            return instrument.price_up(intent.trigger) if side is _BUY else instrument.price_down(intent.trigger)
        return None

    def _pair(self, intent: Intent, side: Side) -> _Pair:
        """Stop and target on the tick grid, rounded toward the entry of a position on ``side``."""
        if intent.stop_loss is None and intent.take_profit is None:
            return _NO_PAIR
        instrument = self._ways.instrument
        toward_up, toward_down = (instrument.price_up, instrument.price_down)
        if side is Side.SELL:
            toward_up, toward_down = toward_down, toward_up
        stop = None if intent.stop_loss is None else toward_up(intent.stop_loss)
        target = None if intent.take_profit is None else toward_down(intent.take_profit)
        return stop, target

    def _pair_fits(self, side: Side, entry: Decimal, pair: _Pair) -> bool:
        stop, target = pair
        if stop is not None and not (entry - stop) * side.sign > 0:
            code, what = RefusalCode.STOP_ON_WRONG_SIDE, f"stop loss {plain(stop)}"
        elif target is not None and not (target - entry) * side.sign > 0:
            code, what = RefusalCode.TARGET_ON_WRONG_SIDE, f"take profit {plain(target)}"
        else:
            return True
        self._refuse(code, f"{side} at {plain(entry)} with {what}")
        return False

    def _judge(
        self,
        intent: Intent,
        side: Side,
        quantity: Decimal,
        effect: Effect,
        price: Decimal | None,
        *,
        pair: _Pair = _NO_PAIR,
    ) -> None:
        """Make an order of it and ask the gate; what it allows joins the plan, what it refuses is told."""
        if self._last is not None:
            self._count_last(self._last)
        ways, now, kind, good_until = self._ways, self._now, _MARKET, None
        if price is not None:
            kind = _LIMIT if intent.limit is not None else _STOP
            good_until = now + (intent.over_bars + intent.good_for_bars) * ways.interval_ms
        order = _order(
            self._next_id(),
            ways.instrument.symbol,
            side,
            kind,
            quantity,
            effect,
            price,
            pair[0],
            pair[1],
            now,
            good_until,
            intent.reason,
        )
        desk = self._desk
        verdict = judged(self._gate, self._limits, order, desk.state)
        if isinstance(verdict, Refused):
            no, by_limits = verdict, verdict.by_limits
            self.not_sent.append(
                NotSent(order_id=order.order_id, codes=no.codes, detail=no.detail, by_limits=by_limits)
            )
            return
        order = verdict.order
        self.orders.append(verdict)
        algorithm = None if intent.algorithm is None else SplitAlgorithm(intent.algorithm)
        urgency, horizon_ms = _URGENT if intent.urgent else _NORMAL, intent.over_bars * ways.interval_ms
        self.decisions.append(_decided(order, desk.last_price, "", algorithm, urgency, horizon_ms))
        self._last = order

    def _next_id(self) -> str:
        """Symbol, instant and ordinal: the same decision has the same id in every process."""
        self._count += 1
        return f"{self._ways.instrument.symbol}-{self._now}-{self._count}"

    def object_to(self, objections: tuple[Objection, ...]) -> None:
        """The strategy may not want this at all; every reason is kept."""
        codes = tuple(each.code for each in objections)
        detail = "; ".join(each.sentence for each in objections)
        self.not_sent.append(NotSent(order_id=self._next_id(), codes=codes, detail=detail))

    def _refuse(self, code: RefusalCode, detail: str) -> None:
        self.not_sent.append(NotSent(order_id=self._next_id(), codes=(code,), detail=detail))

    def _as_if_sent(self, order: Order) -> Desk:
        """The desk as later intents of the same answer must see it: market orders done, others pending."""
        desk, state = self._desk, self._desk.state
        if order.type is OrderType.MARKET:
            if order.effect is Effect.REDUCE and order.quantity == abs(state.position):
                return self._desk_when_flat()
            after = replace(state, position=state.position + order.side.sign * order.quantity)
            return replace(desk, state=after)
        if order.effect is Effect.REDUCE:
            return desk
        if order.side is Side.BUY:
            return replace(desk, state=replace(state, pending_buy=state.pending_buy + order.quantity))
        return replace(desk, state=replace(state, pending_sell=state.pending_sell + order.quantity))
