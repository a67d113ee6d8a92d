"""Two strategies on one symbol, by hand: a long of 5, a short of 3, a net of 2.

docs/worked-example-netting.md tells the same day in words.
Lot 1, taker fee 0.05 %, leverage 5, each strategy with 1000. Every number is
written out here; a test holds the page to the same numbers.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from qts.domain.book import Book
from qts.domain.money import plain
from qts.domain.order import Effect, OrderType, Side
from qts.domain.virtual_books import Posting, PostingKind, VirtualBooks
from qts.strategy.arbitration import Arbitration, Rule, Trading, Want, arbitrate

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "worked-example-netting.md").read_text(encoding="utf-8")
ONE = Decimal(1)

# (position, wallet, basis), after each step.
STANDINGS = {
    "crossed": {
        "trend": ("5", "999.9", "500"),
        "fade": ("-3", "1000", "-300"),
        "venue": ("2", "1999.9", "200"),
    },
    "funded": {
        "trend": ("5", "999.8495", "500"),
        "fade": ("-3", "1000.0303", "-300"),
        "venue": ("2", "1999.8798", "200"),
    },
    "stopped": {
        "trend": ("3", "989.5546", "300"),
        "fade": ("-3", "1000.0303", "-300"),
        "venue": ("0", "1989.5849", "0"),
    },
    "trend left a part": {
        "trend": ("2", "985.5066", "200"),
        "fade": ("-3", "1000.0303", "-300"),
        "venue": ("-1", "1989.5369", "-96"),
    },
    "fade left a part": {
        "trend": ("2", "985.5066", "200"),
        "fade": ("-1", "1005.9333", "-100"),
        "venue": ("1", "1988.4399", "97"),
    },
    "flattened": {
        "trend": ("0", "981.47393333", "0"),
        "fade": ("0", "1007.91696667", "0"),
        "venue": ("0", "1989.3909", "0"),
    },
}


class Account:
    """The venue's book and the two strategies', posted side by side."""

    def __init__(self) -> None:
        self.venue = Book(Decimal(2_000), 5)
        self.books = VirtualBooks(self.venue, {"trend": Decimal(1_000), "fade": Decimal(1_000)}, ONE)

    def wants(self, *said: tuple[str, Side, int, bool], trading: Trading = Trading.OPEN) -> Arbitration:
        wants = [
            Want(name, f"{name}-{side}", side, OrderType.MARKET, Decimal(quantity), None, closes, 0, None, "")
            for name, side, quantity, closes in said
        ]
        return arbitrate(wants, net=self.venue.position, lot=ONE, rule=Rule.NET, trading=trading)

    def fill(self, answer: Arbitration, price: str, fees: list[str]) -> list[tuple[Posting, ...]]:
        """Every order of the answer fills whole at one price, and what is crossed is crossed at it."""
        told = []
        for order, fee in zip(answer.orders, fees, strict=True):
            order_id = f"{order.shares[0].order_id}-{order.effect}"
            self.venue.fill(order.side, order.quantity, Decimal(price), Decimal(fee))
            told.append(
                self.books.fill(order_id, order.side, order.quantity, Decimal(price), Decimal(fee), shares=order.shares)
            )
        told += [self.books.cross(cross, Decimal(price)) for cross in answer.crosses]
        return told

    def standing(self) -> dict[str, tuple[str, str, str]]:
        books = {"trend": self.books.books["trend"], "fade": self.books.books["fade"], "venue": self.venue}
        return {name: (plain(book.position), plain(book.wallet), plain(book.basis)) for name, book in books.items()}


def enter(account: Account) -> None:
    answer = account.wants(("trend", Side.BUY, 5, False), ("fade", Side.SELL, 3, False))
    (order,) = answer.orders
    assert (order.side, order.quantity, order.effect) == (Side.BUY, 2, Effect.INCREASE)
    assert [(each.buyer.strategy_id, each.seller.strategy_id, each.quantity) for each in answer.crosses] == [
        ("trend", "fade", 3)
    ]
    assert [outcome.reason for outcome in answer.outcomes] == ["3 crossed with trend", "2 sent; 3 crossed with fade"]
    account.fill(answer, "100", ["0.1"])


def fund(account: Account) -> None:
    account.venue.pay_funding(Decimal("0.0202"))
    told = account.books.pay_funding(Decimal("0.0202"), Decimal("0.0001"), Decimal(101))
    assert {each.strategy_id: each.funding for each in told} == {
        "trend": Decimal("0.0505"),
        "fade": Decimal("-0.0303"),
    }


def stop(account: Account) -> None:
    price, fee = Decimal("94.9"), Decimal("0.0949")
    account.venue.fill(Side.SELL, Decimal(2), price, fee)
    touched = {"trend": Decimal(95)}
    (told,) = account.books.protect(PostingKind.STOP_LOSS, Side.SELL, Decimal(2), price, fee, touched=touched)
    assert (told.strategy_id, told.quantity, told.realized_pnl, told.fee) == ("trend", -2, Decimal("-10.2"), fee)


def trend_leaves_a_part(account: Account) -> None:
    shut = account.wants(("trend", Side.SELL, 3, True), trading=Trading.CLOSED)
    assert shut.orders == ()
    assert shut.outcomes[0].reason == "3 withheld: trading is closed, and this exit would raise |net|, which is 0"
    (order,) = account.wants(("trend", Side.SELL, 3, True)).orders
    assert (order.side, order.quantity, order.effect) == (Side.SELL, 3, Effect.INCREASE)
    price, fee = Decimal(96), Decimal("0.048")
    account.venue.fill(Side.SELL, ONE, price, fee)
    (told,) = account.books.fill("trend-stop", Side.SELL, ONE, price, fee, shares=order.shares)
    assert (told.quantity, told.realized_pnl) == (-1, -4)


def fade_leaves_a_part(account: Account) -> None:
    answer = account.wants(("fade", Side.BUY, 2, True))
    assert [(order.side, order.quantity, order.effect) for order in answer.orders] == [
        (Side.BUY, 1, Effect.REDUCE),
        (Side.BUY, 1, Effect.INCREASE),
    ]
    told = account.fill(answer, "97", ["0.0485", "0.0485"])
    assert [posting.realized_pnl for (posting,) in told] == [3, 3]


def flatten(account: Account) -> None:
    account.venue.fill(Side.SELL, ONE, Decimal(98), Decimal("0.049"))
    told = account.books.flatten(Side.SELL, ONE, Decimal(98), Decimal("0.049"))
    assert [(each.strategy_id, each.quantity, each.realized_pnl, each.fee) for each in told] == [
        ("trend", -2, -4, Decimal("0.03266667")),
        ("fade", 1, 2, Decimal("0.01633333")),
    ]
    inside = account.books.crosses[-1]
    assert (inside.cross.buyer.strategy_id, inside.cross.seller.strategy_id) == ("fade", "trend")
    assert (inside.cross.quantity, inside.price) == (1, 98)


STEPS: dict[str, Callable[[Account], None]] = {
    "crossed": enter,
    "funded": fund,
    "stopped": stop,
    "trend left a part": trend_leaves_a_part,
    "fade left a part": fade_leaves_a_part,
    "flattened": flatten,
}


def test_the_two_strategies_and_the_venue_go_through_the_day_as_written() -> None:
    """Proves: P6-4, P6-5"""
    account = Account()
    for name, step in STEPS.items():
        step(account)
        assert account.standing() == STANDINGS[name], name
    fees = {name: book.fees for name, book in account.books.books.items()}
    assert fees == {"trend": Decimal("0.27556667"), "fade": Decimal("0.11333333"), "quarantine": 0}
    assert account.venue.fees == Decimal("0.3889")


def test_the_page_tells_the_same_standings() -> None:
    """Proves: P6-5"""
    for table, (name, standing) in zip(PAGE.split("wallet - basis |")[1:], STANDINGS.items(), strict=True):
        rows = re.findall(r"^\| (\w+) \| (-?\d+) \| ([-\d.]+) \| ([-\d.]+) \| ([-\d.]+) \|$", table, re.MULTILINE)[:4]
        told = {who: tuple(map(Decimal, numbers)) for who, *numbers in rows}
        assert list(told) == ["trend", "fade", "together", "venue"], name
        for who, numbers in standing.items():
            assert told[who][:3] == tuple(map(Decimal, numbers)), (name, who)
        assert told["together"] == tuple(map(sum, zip(told["trend"], told["fade"], strict=True))), name
        assert (told["together"][0], told["together"][3]) == (told["venue"][0], told["venue"][3]), name
        assert all(wallet - basis == worth for _, wallet, basis, worth in told.values()), name


def test_every_sum_on_the_page_is_true_as_written() -> None:
    sums = re.findall(r"^    (\S.*?) = ([-\d.() x+/]+) = (-?[\d.]+)$", PAGE, re.MULTILINE)
    assert len(sums) == len(re.findall(r"^    \S.*=", PAGE, re.MULTILINE)) >= 15
    for name, said, result in sums:
        worth = eval(re.sub(r"([\d.]+)", r"Decimal('\1')", said.replace("x", "*")), {"Decimal": Decimal})  # noqa: S307
        assert round(worth, 8) == Decimal(result), (name, said)
