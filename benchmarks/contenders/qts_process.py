"""QTS as a user meets it: a process that opens a catalogue of Parquet files and runs the cross on it.

Timed from outside, interpreter and imports included.
"""

import argparse
from pathlib import Path

from benchmarks.bars import INTERVAL_MS
from benchmarks.contenders.qts_run import SYMBOL, Cross, terms
from qts.adapters.stores.catalogue import Catalogue
from qts.simulation.backtest import run_backtest


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args()
    dataset = Catalogue(chosen.folder).load_dataset(SYMBOL, INTERVAL_MS)
    print(run_backtest(dataset, Cross(), terms()).final_equity)


if __name__ == "__main__":
    main()
