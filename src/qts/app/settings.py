"""Where this installation keeps its state.

Everything lies under one directory: ``QTS_HOME``, by default ``.qts`` in the
working directory. Deleting it deletes every trace; copying it is a backup.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings of this process. environment: defaults to the process's own."""
        given = (os.environ if environment is None else environment).get("QTS_HOME", "")
        return cls(Path(given).expanduser() if given else Path(".qts"))

    @property
    def data(self) -> Path:
        """The market data catalogue."""
        return self.home / "data"

    @property
    def reports(self) -> Path:
        """HTML pages, one a run."""
        return self.home / "reports"

    @property
    def records(self) -> Path:
        """Everything each run did, one file a run."""
        return self.home / "runs"

    @property
    def accounts(self) -> Path:
        """Everything each run of several strategies did, one file a run."""
        return self.home / "accounts"

    @property
    def database(self) -> Path:
        """Worlds, runs, decisions, the trial ledger."""
        return self.home / "worlds.sqlite"
