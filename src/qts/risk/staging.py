"""Every limit asked about one order: of the strategy's own book, then of the account's; the worst answer rules.

Calculators measure, this file decides. A limit that is reached blocks, or
reduces the order to what fits where a smaller one would; one that nears warns.
What was reduced is judged again as reduced, before it flows on. An order that
reduces is never stopped: whatever is said of it is a warning, because the way
out stays open. Whether it reduces is its ``effect``, which the gate has judged
from the position.

The same code in backtest, paper and live: nothing here knows how an order will be executed.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect
from qts.risk.calculators.exposure import exposure
from qts.risk.calculators.heat import heat
from qts.risk.calculators.liquidation import liquidation
from qts.risk.calculators.loss import loss
from qts.risk.calculators.market import market
from qts.risk.calculators.rate import rate
from qts.risk.calculators.stop import stop
from qts.risk.limit_facts import BookFacts, Look, OrderFacts
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import LimitState
from qts.risk.limits import Measured
from qts.risk.stages import Block, LimitSays, Pass, Reduce, Stage, Verdict, Warn, only_warned, together, worst

CALCULATORS: Final = (market, exposure, loss, heat, rate, liquidation, stop)
_PASS: Final = Pass()


def staged(
    order: OrderFacts,
    account: BookFacts,
    strategy: BookFacts,
    *,
    state: LimitState,
    policy: LimitPolicies,
    now: Instant,
) -> Verdict:
    """What of the order may flow on, and everything there is to say of it. now: the instant of decision, ms UTC.

    strategy: the account's own book for an order that is the account's; it is asked once then.
    """
    with exact_arithmetic():
        books = (account,) if strategy.is_account else (strategy, account)
        asked = partial(_measured, books, state, policy, now)
        found = asked(order)
        stages = [decided(each, order.quantity) for each in found]
        if order.effect is Effect.REDUCE:
            warned = [stage if isinstance(stage, Pass) else Warn(stage.reason) for stage in stages]
            return replace(only_warned(order.quantity, stages), measured=found, said=_said(found, warned))
        verdict = replace(together(order.quantity, stages, order.instrument, order.worth_at), said=_said(found, stages))
        if verdict.quantity not in (ZERO, order.quantity):
            found = asked(replace(order, quantity=verdict.quantity))
            verdict = _as_reduced(verdict, found)
        return replace(verdict, measured=found)


def distances(
    account: BookFacts, strategies: Iterable[BookFacts], state: LimitState, policy: LimitPolicies, now: Instant
) -> tuple[Measured, ...]:
    """How far every book is from every limit as things stand; the strategies' first, the account's last."""
    with exact_arithmetic():
        return _measured((*strategies, account), state, policy, now, None)


def decided(found: Measured, asked: Decimal) -> Stage:
    """What one limit says of an order for ``asked`` base units."""
    if found.is_reached:
        if found.value is None or found.fits is None or not ZERO < found.fits < asked:
            return Block(found.limit.code, found.sentence)
        return Reduce(found.fits, found.sentence)
    return Warn(found.sentence) if found.warns else _PASS


def _measured(
    books: tuple[BookFacts, ...],
    state: LimitState,
    policy: LimitPolicies,
    now: Instant,
    order: OrderFacts | None,
) -> tuple[Measured, ...]:
    found: list[Measured] = []
    for book in books:
        bounds = policy.account if book.is_account else policy.of(book.whose)
        look = Look(order=order, book=book, policy=bounds, memory=state.of(book.whose), now=now)
        for calculator in CALCULATORS:
            found.extend(calculator(look))
    return tuple(found)


def _as_reduced(verdict: Verdict, found: Iterable[Measured]) -> Verdict:
    """A reduced order that a limit still stops is blocked by that limit; what was said before stays said."""
    stopping = [each for each in found if each.is_reached]
    if not stopping:
        return verdict
    blocks = [Block(each.limit.code, each.sentence) for each in stopping]
    said = (*verdict.said, *_said(stopping, blocks))
    return Verdict(asked=verdict.asked, quantity=ZERO, stages=worst((*verdict.stages, *blocks)), said=said)


def _said(found: Iterable[Measured], stages: Iterable[Stage]) -> tuple[LimitSays, ...]:
    return tuple(
        LimitSays(each, stage) for each, stage in zip(found, stages, strict=True) if not isinstance(stage, Pass)
    )
