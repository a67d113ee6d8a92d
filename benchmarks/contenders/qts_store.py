"""Lays out the catalogue that ``qts_process.py`` opens. Not timed."""

import argparse
from pathlib import Path

from benchmarks.contenders.qts_run import market
from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.manifest import SeriesKind, Source
from qts.market.raw import RawBars


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--bars", type=int, required=True)
    chosen = parser.parse_args()
    dataset = market(chosen.bars)
    catalogue = Catalogue(chosen.folder)
    catalogue.store_instrument(dataset.instrument)
    source = Source(file="seeded", sha256=dataset.fingerprint, rows=chosen.bars)
    catalogue.store_bars(RawBars.of(dataset.bars), source, kind=SeriesKind.BARS, synthetic=True)


if __name__ == "__main__":
    main()
