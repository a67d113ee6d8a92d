"""What an account owns on one symbol, exactly.

A ``Book`` keeps one net position and the money around it. All amounts lie on
the money grid, so the identity that holds after every posting is tested with
``==`` (``check``):

    wallet - basis == capital - bought - fees - funding - liquidation_fees + insurance

``basis`` is the signed entry notional of the open position (positive when
long) and ``bought`` the signed notional of every fill so far (buys minus
sells). In words: nothing is created and nothing is lost, whatever the price.

Margin is isolated: opening sets ``notional / leverage`` aside from the wallet.
The book does not know prices, orders or rules.
"""

from decimal import ROUND_CEILING, Decimal

from qts.domain.money import MONEY_GRID, ZERO, on_money_grid
from qts.domain.order import Side
from qts.domain.value import maker, value


@value
class Holding:
    """What a strategy may know of its own book. position: signed base units. entry_price: quote per base."""

    position: Decimal
    entry_price: float | None
    wallet: float
    size: float
    basis: float

    def marked(self, price: float) -> float:
        """Equity at a price, quote."""
        return self.wallet + (self.size * price - self.basis)


_holding = maker(Holding)


class Book:
    """One symbol's position and wallet. ``capital``: starting money in quote; ``leverage``: whole, 1 or more."""

    __slots__ = (
        "_divisor",
        "basis",
        "bought",
        "capital",
        "fees",
        "funding",
        "insurance",
        "leverage",
        "liquidation_fees",
        "margin",
        "position",
        "wallet",
    )

    def __init__(self, capital: Decimal, leverage: int) -> None:
        self.capital = on_money_grid(capital)
        self.leverage = leverage
        self._divisor = Decimal(leverage)
        self.wallet = self.capital
        self.position = ZERO
        self.basis = ZERO
        self.margin = ZERO
        self.bought = ZERO
        self.fees = ZERO
        self.funding = ZERO
        self.liquidation_fees = ZERO
        self.insurance = ZERO

    @property
    def available(self) -> Decimal:
        """Money that is not set aside as margin."""
        return self.wallet - self.margin

    def available_if_flat(self, price: Decimal) -> Decimal:
        """What would be free, were the position closed at ``price`` at no cost."""
        return self.available + self.margin + self.unrealized(price)

    @property
    def entry_price(self) -> Decimal | None:
        """Volume-weighted entry of what is held, for display and distances; None when flat."""
        return self.basis / self.position if self.position else None

    def opposing(self, side: Side) -> Decimal:
        """How much of the position a fill on ``side`` closes before it opens anything, base units."""
        position = self.position
        return ZERO if not position or (position > ZERO) is (side.sign > 0) else position.copy_abs()

    def unrealized(self, price: Decimal) -> Decimal:
        return self.position * price - self.basis

    def equity(self, price: Decimal) -> Decimal:
        return self.wallet + (self.position * price - self.basis)

    def margin_for(self, notional: Decimal) -> Decimal:
        """Isolated margin that opening so much, quote, sets aside, rounded up to the money grid."""
        return (notional / self._divisor).quantize(MONEY_GRID, ROUND_CEILING)

    def fill(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Post an execution; returns the realised P&L before fees.

        What opposes the position closes it, pro rata of its basis and margin;
        what is left opens the other way. A loss that the free wallet cannot
        cover comes out of the margin of what is still held.
        """
        buys, opening, realized = side.sign > 0, quantity, ZERO
        notional = opened = quantity * price
        opposing = self.opposing(side)
        if opposing:
            closing = quantity if quantity < opposing else opposing
            realized = self._close(closing, price)
            opening = quantity - closing
            opened = opening * price
        if opening:
            self.position += opening if buys else -opening
            self.basis += opened if buys else -opened
            self.margin += self.margin_for(opened)
        self.bought += notional if buys else -notional
        self.wallet -= fee
        self.fees += fee
        if not self.position:
            self.margin = ZERO
        elif self.wallet < self.margin:
            self.margin = self.wallet
        return realized

    def _close(self, quantity: Decimal, price: Decimal) -> Decimal:
        position, basis, margin = self.position, self.basis, self.margin
        held = position.copy_abs()
        if quantity == held:
            released, freed = basis, margin
        else:
            released, freed = on_money_grid(basis * quantity / held), on_money_grid(margin * quantity / held)
        signed = quantity if position > ZERO else -quantity
        realized = signed * price - released
        self.position = position - signed
        self.basis = basis - released
        self.margin = margin - freed
        self.wallet += realized
        return realized

    def pay_funding(self, amount: Decimal) -> None:
        """Positive is paid. What the free wallet cannot cover comes out of the position's margin.

        The margin may fall below 0 while the position's profit carries it; its
        liquidation price then lies on the profit side of the entry.
        """
        self.wallet -= amount
        self.funding += amount
        if self.position:  # a payment may be heard of when what it was for has been closed
            self.margin = min(self.margin, self.wallet)

    def pay_liquidation(self, fee: Decimal, loss_limit: Decimal) -> Decimal:
        """Charge the liquidation fee, and let the insurance fund bear what exceeds ``loss_limit``; returns that credit.

        loss_limit: the wallet below which an isolated position cannot pull the account.
        """
        self.wallet -= fee
        self.liquidation_fees += fee
        credit = max(ZERO, loss_limit - self.wallet)
        self.wallet += credit
        self.insurance += credit
        return credit

    def holding(self) -> Holding:
        position, basis = self.position, self.basis
        if not position:
            return _holding(position, None, float(self.wallet), 0.0, 0.0)
        return _holding(position, float(basis / position), float(self.wallet), float(position), float(basis))

    def check(self) -> None:
        """Raises AssertionError when money was created or lost; no interpreter flag removes an explicit raise."""
        position, basis = self.position, self.basis
        left = self.wallet - basis
        right = self.capital - self.bought - self.fees - self.funding - self.liquidation_fees + self.insurance
        if left != right:
            raise AssertionError(f"the book does not add up: {left} != {right}")
        if (not position) is not (not basis):
            raise AssertionError(f"position {position} with basis {basis}")
        if not position and self.margin:
            raise AssertionError(f"flat, yet {self.margin} is set aside")
