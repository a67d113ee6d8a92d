"""Puts a synthetic market where real ones are kept, marked as what it is: all that follows is the ordinary way."""

from collections.abc import Callable
from dataclasses import replace

from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.manifest import SeriesKind, Source
from qts.domain.ids import digest
from qts.market.dataset import Dataset
from qts.market.raw import RawBars, RawFunding


def store_synthetic(catalogue: Catalogue, dataset: Dataset, *, progress: Callable[[str], None]) -> None:
    """Stores bars, mark price, funding, brackets and instrument; storing the same market again changes nothing."""
    progress("instrument and brackets")
    catalogue.store_instrument(dataset.instrument)
    if dataset.brackets is not None:
        for table in dataset.brackets.tables:
            catalogue.store_brackets(table)
    progress("bars")
    catalogue.store_bars(RawBars.of(dataset.bars), _source(dataset, "bars"), kind=SeriesKind.BARS, synthetic=True)
    if dataset.mark is not None:
        progress("mark price")
        mark = replace(RawBars.of(dataset.mark), volume=None)
        catalogue.store_bars(mark, _source(dataset, "mark"), kind=SeriesKind.MARK, synthetic=True)
    if dataset.funding is not None:
        progress("funding")
        funding = RawFunding(
            symbol=dataset.instrument.symbol,
            published_at=dataset.funding.occurred_at,
            rate=dataset.funding.rate,
        )
        catalogue.store_funding(funding, _source(dataset, "funding"), synthetic=True)


def _source(dataset: Dataset, part: str) -> Source:
    rows = {"bars": dataset.bars, "mark": dataset.mark, "funding": dataset.funding}[part]
    return Source(
        file=dataset.source,
        sha256=digest([dataset.source, dataset.fingerprint, part]),
        rows=0 if rows is None else len(rows),
    )
