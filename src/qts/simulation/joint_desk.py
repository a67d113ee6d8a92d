"""From what several strategies said to the few orders of their account.

Each wish becomes a want of its strategy (``joint_wants.py``). Arbitration makes
orders of the account of them, the account's limits and the gate judge those, a
reduction shared pro rata, and what is allowed is what the loop is given. A
strategy's own stop that its bar touched is an exit like any other, and no limit
stops an exit.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from qts.domain.allocation import Share
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order
from qts.execution.contracts import OrderDecision
from qts.risk.gate import AccountState, Approved, RiskGate
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord
from qts.risk.rules import rules_of
from qts.simulation.account_line import AccountLine
from qts.simulation.joint_coming import OrderKey
from qts.simulation.joint_guard import StopGuard
from qts.simulation.joint_limits import JointLimits
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_orders import at_market, order_of, worked
from qts.simulation.joint_result import Withheld
from qts.simulation.joint_standing import Standings
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.joint_wants import JointWants
from qts.simulation.joint_withdrawing import JointWithdrawing
from qts.simulation.stop_recheck import WHY
from qts.strategy.arbitration import Arbitration, NetOrder, Outcome, Trading, Want, arbitrate, cut
from qts.strategy.multiplexer import Said


class JointDesk:
    """limits: of the strategies and the account. withheld: what did not go out, or not fill.

    withdrawing: what of the account's orders is withdrawn, and offered again.
    """

    def __init__(
        self,
        symbols: Mapping[str, JointSymbol],
        members: Mapping[str, Member],
        terms: JointTerms,
        line: AccountLine,
        money: JointMoney,
    ) -> None:
        self._symbols = symbols
        self._members = members
        self._terms = terms
        self._line = line
        self._money = money
        self._standings = Standings(symbols, members, money)
        self._going: dict[OrderKey, Decimal] = {}  # of this round, how much of each want is on its way
        self._gate = RiskGate(rules_of(terms.limits))
        self.limits = JointLimits(symbols, members, money, terms, line.controller)
        self._guard = StopGuard(symbols, self.limits.policies, self.limits.blocked)
        self.withheld: list[Withheld] = []
        self.withdrawing = JointWithdrawing(symbols, money, line, self.withheld)
        self._wants = JointWants(
            symbols,
            members,
            terms,
            gate=self._gate,
            line=line,
            money=money,
            standings=self._standings,
            limits=self.limits,
            withdrawing=self.withdrawing,
            withhold=self._withhold,
        )
        self._ordinal = 0

    def decide(
        self,
        answers: Sequence[Said],
        present: Sequence[JointSymbol],
        now: Instant,
        *,
        leaving: Iterable[tuple[JointSymbol, str, str]] = (),
    ) -> tuple[OrderDecision, ...]:
        """What is to be executed now, reductions first.

        present: the symbols whose bar has just closed. leaving: symbol, book and reason of what the guardian closes.
        """
        fired = [(each, strategy_id, why) for each in present for strategy_id, why in each.fired()]
        with exact_arithmetic():
            fired += [(each, strategy_id, WHY) for each in present for strategy_id in self._guard.leaving(each, now)]
        stopped = {(each.symbol, strategy_id) for each, strategy_id, _ in fired}
        fired += [left for left in leaving if (left[0].symbol, left[1]) not in stopped]
        with exact_arithmetic():
            self.limits.mark(now)
        self.withdrawing.wake(now, {each.symbol for each in present})
        is_quiet = not self.withdrawing.look() and not answers and not fired
        if is_quiet and not self._money.coming.is_any:
            return ()
        with exact_arithmetic():
            self.release_ended()
            if is_quiet:
                return ()
            self._standings.begin()
            wants: dict[str, list[Want]] = {}
            for each, strategy_id, why in fired:
                wants.setdefault(each.symbol, []).extend(self._wants.given_back(each, strategy_id, why, now))
            for said in answers:
                wants.setdefault(said.symbol, []).extend(self._wants.of(said, now))
            return self._decided(wants, now)

    def decide_again(self, now: Instant) -> tuple[OrderDecision, ...]:
        """What is to be executed of what the last decisions took the place of; once that is nothing, the close is over.

        It ends, since nothing is offered again twice at one close.
        """
        if not self.withdrawing.look():
            return ()
        with exact_arithmetic():
            self._standings.begin()
            return self._decided({}, now)

    def _decided(self, wants: dict[str, list[Want]], now: Instant) -> tuple[OrderDecision, ...]:
        """The wants, and what is offered again with them, as orders of the account; what was given up is withdrawn."""
        self.withdrawing.tell()
        decided = [want.key for here in wants.values() for want in here]
        wants = {symbol: [want for want in here if self._is_wanted(want)] for symbol, here in wants.items()}
        for symbol, want in self.withdrawing.offers(now):
            wants.setdefault(symbol, []).append(want)
        self.limits.arbitrated()
        self._going = {}
        decisions: list[OrderDecision] = []
        for symbol in sorted(wants):
            decisions += self._arbitrated(self._symbols[symbol], wants[symbol], now)
        self._money.only(self._going, (*decided, *(want.key for here in wants.values() for want in here)))
        decisions.sort(key=lambda each: each.order.effect is not Effect.REDUCE)
        return tuple(decisions)

    def _is_wanted(self, want: Want) -> bool:
        """Whether later words of the same answer have not given it up."""
        coming = self._money.coming.find(want.key)
        return coming is not None and not coming.is_given_up

    def drop_crosses(self, each: JointSymbol, now: Instant) -> None:
        """What was to be crossed and may not be opened any more, since somebody stopped the account or a strategy.

        Whoever was to meet it and may go on is offered it again.
        """
        is_open = not each.flattening and self._line.controller.account.why_no_increase(each.symbol, "") is None
        each.drop_entries(lambda who: is_open and self._money.may_open(who))
        dropped, each.dropped = each.dropped, []
        for share, may_go_on in dropped:
            coming = self._money.coming.find(share.key)
            if coming is not None and may_go_on:
                self.withdrawing.wait(share.key, coming)
            else:
                reason = "what was to be crossed waited, and may not be opened any more"
                self._withhold(each, share.strategy_id, share.quantity, reason, now)
                self._money.less(share.key, share.quantity)

    def release_ended(self) -> None:
        """What orders reserved that have ended since this was done last is free again."""
        self.withdrawing.see_touched()
        crossing = {
            share.key
            for each in self._symbols.values()
            for cross in each.crossing
            for share in (cross.buyer, cross.seller)
        }
        self._money.end(self._line.controller.decisions_on_the_way(), crossing | self.withdrawing.kept.keys())

    # -- from wants to the machine ----------------------------------------------------------------

    def _arbitrated(self, each: JointSymbol, wants: list[Want], now: Instant) -> list[OrderDecision]:
        if each.flattening:
            for want in wants:  # every book is on its way out, at one price
                lost = want.quantity + self._money.forget_asleep(want.key)
                self._withhold(each, want.strategy_id, lost, f"{each.symbol} is being flattened", now)
            return []
        book = each.venue.book
        is_open = self._line.controller.account.why_no_increase(each.symbol, "") is None
        trading = Trading.OPEN if is_open else Trading.CLOSED
        if is_open and self.withdrawing.rejoin(each, wants, now):
            wants += [want for _, want in self.withdrawing.offers(now, each.symbol)]
        found = self._arbitrate(each, wants, trading)
        while is_open and self._makes_others_offered(each, at_market(found), now):
            wants += [want for _, want in self.withdrawing.offers(now, each.symbol)]
            found = self._arbitrate(each, wants, trading)
        for outcome in found.outcomes:
            if outcome.withheld:
                lost = self._lost_with(outcome, now)
                self._withhold(each, outcome.strategy_id, outcome.withheld + lost, outcome.reason, now)
        each.crossing += found.crosses
        for cross in found.crosses:
            self._goes(cross.buyer, cross.seller)
        price, stands = each.price_decided_on, self._standings.of(ACCOUNT)
        state = AccountState(book.position, ZERO, ZERO, stands.equity, price, now, stands.elsewhere(each.symbol))
        decisions = []
        for net in found.orders:
            approved = self._allowed(each, net, state, now)
            if approved is not None:
                decisions.append(worked(approved.order, price, net))
        return decisions

    def _makes_others_offered(self, each: JointSymbol, traded: Decimal, now: Instant) -> bool:
        """Whether what is about to be traded at market, signed, makes others' orders be offered again with it."""
        fits = self.withdrawing.fit(each, self._left_of_net(each), traded, now)
        return self.withdrawing.meet(each, traded, now) or fits

    def _lost_with(self, outcome: Outcome, now: Instant) -> Decimal:
        """What is not due yet of an order that takes time goes with its first part, where the rule withholds that."""
        key = (outcome.strategy_id, outcome.order_id)
        coming = self._money.coming.find(key)
        if coming is None or coming.begun_at != now or outcome.withheld != outcome.wanted:
            return ZERO
        return self._money.forget_asleep(key)

    def _arbitrate(self, each: JointSymbol, wants: list[Want], trading: Trading) -> Arbitration:
        return arbitrate(
            wants,
            net=self._left_of_net(each),
            lot=each.instrument.lot,
            rule=self._terms.rule,
            trading=trading,
            resting=each.resting_limits(),
        )

    def _left_of_net(self, each: JointSymbol) -> Decimal:
        """What of the account's position is left once orders that take it down next have filled, signed."""
        position, coming = each.venue.book.position, self._line.controller.on_the_way(each.symbol).at_market
        if position * coming >= ZERO:
            return position
        return ZERO if abs(coming) >= abs(position) else position + coming

    def _withhold(self, each: JointSymbol, whose: str, quantity: Decimal, reason: str, now: Instant) -> None:
        self.withheld.append(Withheld(at=now, strategy_id=whose, symbol=each.symbol, quantity=quantity, reason=reason))

    def _allowed(self, each: JointSymbol, net: NetOrder, state: AccountState, now: Instant) -> Approved | None:
        """The account's word on an order of several: its limits cut the entries in it, pro rata, and no exit.

        Where the gate refuses it with its entries, the exits are tried by themselves.
        """
        entries = [share for share in net.shares if not share.closes]
        exits = net.quantity - sum((share.quantity for share in entries), start=ZERO)
        order, stop = self._numbered(each, net, now), each.stop_of(entries, net.side)
        whom = {share.strategy_id for share in entries}
        allowed, why = self.limits.of_account(each, order, stop, exits=exits, whom=whom)
        kept = self._cut(each, net, allowed, why, now)
        while kept is not None:
            order = order if kept is net else self._numbered(each, kept, now)
            judged = self._gate.before_route(order, state, now)
            if isinstance(judged, Approved):
                each.bring(order.order_id, kept.shares)
                self._goes(*kept.shares)
                self.limits.went_out(each, order, each.stop_of(kept.shares, kept.side))
                return judged
            self.limits.blocked(GateWord.no(now, ACCOUNT, each.symbol, judged.codes, judged.detail))
            kept = self._cut(each, kept, exits if exits < kept.quantity else ZERO, judged.detail, now)
        return None

    def _cut(self, each: JointSymbol, net: NetOrder, quantity: Decimal, why: str, now: Instant) -> NetOrder | None:
        """The order reduced to ``quantity``, exits last, and None for nothing; who loses by it is told.

        An exit does not lose by it: it is asked for again at every close until it may go out, or has nothing to close.
        """
        if quantity == net.quantity:
            return net
        kept = cut(net, quantity, each.instrument.lot) if quantity else None
        left = {} if kept is None else {share.key: share.quantity for share in kept.shares}
        for share in net.shares:
            lost = share.quantity - left.get(share.key, ZERO)
            if lost and not (share.closes and self.withdrawing.postpone(share.key, lost, now)):
                self._withhold(each, share.strategy_id, lost, why, now)
        return kept

    def _numbered(self, each: JointSymbol, net: NetOrder, now: Instant) -> Order:
        self._ordinal += 1
        return order_of(net, each.symbol, self._ordinal, now)

    def _goes(self, *shares: Share) -> None:
        for share in shares:
            self._going[share.key] = self._going.get(share.key, ZERO) + share.quantity
