"""Whether the venue lets a fill open what it would open: enough free money, and a bracket that grants the leverage."""

from decimal import Decimal

from qts.domain.book import Book
from qts.domain.order import Side
from qts.domain.refusal import RefusalCode
from qts.market.brackets import BracketTable


def margin_objection(
    book: Book, table: BracketTable | None, *, side: Side, quantity: Decimal, price: Decimal, fee: Decimal
) -> tuple[RefusalCode, str] | None:
    """Why the fill may not open, with both numbers; the part that closes an opposite position always may.

    price: quote per base, as paid. fee: quote, of the whole fill.
    """
    opposite = book.opposing(side)
    if quantity <= opposite:
        return None
    needed = book.margin_for((quantity - opposite) * price) + fee
    free = book.available_if_flat(price) if opposite else book.available
    if needed > free:
        return RefusalCode.MARGIN_INSUFFICIENT, f"needs {needed:.2f}, free is {free:.2f}"
    if table is not None:
        notional = abs(book.position + side.sign * quantity) * price
        granted = table.of(notional).leverage_max
        if granted < book.leverage:
            detail = f"{notional:.0f} allows leverage {granted}, the account uses {book.leverage}"
            return RefusalCode.BRACKET_LEVERAGE_EXCEEDED, detail
    return None
