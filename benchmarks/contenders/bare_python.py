"""The limit of any engine that calls Python on each bar: a bound method, one price read, nothing around it."""

import argparse

from benchmarks.bars import seeded_bars
from benchmarks.measuring import measured, report


class Glance:
    def on_bar(self, price: float) -> None:
        price  # noqa: B018 - reading it is the work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, required=True)
    chosen = parser.parse_args()
    closes = memoryview(seeded_bars(chosen.bars).close)

    def work() -> None:
        on_bar = Glance().on_bar
        for price in closes:
            on_bar(price)

    _, figures = measured(work)
    report(**figures, bars=chosen.bars)


if __name__ == "__main__":
    main()
