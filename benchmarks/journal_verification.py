"""How long it takes to write a journal and to walk its chain: ``python benchmarks/journal_verification.py [ROWS]``."""

import resource
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from qts.adapters.stores.journal_store import JournalReader, SqliteJournal
from qts.execution.events import Quote
from qts.execution.journal import Journal, RowKind

START = 1_704_067_200_000
ROWS_PER_APPEND = 5_000


def write(path: Path, count: int) -> str:
    """A journal of quotes; returns its head."""
    journal = Journal()
    bid, ask, mark = Decimal("64010.10"), Decimal("64010.20"), Decimal("64010.15")
    with SqliteJournal(path) as store:
        for at in range(START, START + count):
            journal.add(RowKind.EVENT, Quote("BTCUSDT", bid, ask, mark, at), at)
            if journal.number % ROWS_PER_APPEND == 0:
                store.append(journal.taken())
        store.append(journal.taken())
    return journal.head


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        begun = time.perf_counter()
        head = write(path, count)
        written = time.perf_counter() - begun
        print(f"write   {count:,} rows in {written:.2f} s, {path.stat().st_size / 1e6:.0f} MB")
        with JournalReader(path) as reader:
            for _ in range(3):
                begun = time.perf_counter()
                check = reader.check(head)
                seconds = time.perf_counter() - begun
                assert (check.rows, check.holds) == (count, True)
                print(f"verify  {count:,} rows in {seconds:.2f} s, {count / seconds:,.0f} rows/s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
