"""What a data set is, as 64 hex digits: two sets that differ in any value a run can read differ here."""

import hashlib

from qts.domain.ids import canonical_json
from qts.domain.instrument import Instrument
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.market.brackets import BracketHistory
from qts.market.funding import Funding


def fingerprint(
    instrument: Instrument, bars: Bars, funding: Funding | None, brackets: BracketHistory | None, mark: Bars | None
) -> str:
    """SHA-256 over the instrument's facts and the raw little-endian columns, each preceded by its name and length.

    Missing parts are named as missing, so a set without funding differs from one with an empty funding history.
    """
    sha = hashlib.sha256(canonical_json(instrument.facts()).encode())
    for name, part in (("bars", bars), ("mark", mark)):
        if part is None:
            sha.update(f"{name}:missing".encode())
            continue
        sha.update(f"{name}:{part.interval_ms}:{len(part)}".encode())
        for column in ("opened_at", *PRICE_COLUMNS, "volume"):
            values = getattr(part, column)
            sha.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    if funding is None:
        sha.update(b"funding:missing")
    else:
        sha.update(f"funding:{len(funding)}".encode())
        sha.update(funding.occurred_at.astype("<i8", copy=False).tobytes())
        sha.update(funding.rate.astype("<f8", copy=False).tobytes())
    tables = "missing" if brackets is None else canonical_json([table.facts() for table in brackets.tables])
    sha.update(f"brackets:{tables}".encode())
    return sha.hexdigest()
