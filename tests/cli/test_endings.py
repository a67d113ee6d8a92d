"""However a command ends, by a lock, a signal, a fault or a full disk, what is on record is true."""

import json
import re
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.cli.front_door import qts, refused, runs, strategy_file, submitting, wait_for


def test_a_locked_database_says_so_and_what_to_do(home: Path) -> None:
    """Proves: WS-15"""
    holder = sqlite3.connect(home / "worlds.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        _, errors = (process := submitting("CoinFlip", home)).communicate(timeout=60)
    finally:
        holder.rollback()
        holder.close()
    assert process.returncode == 7, errors
    assert "locked" in errors
    assert "next: " in errors
    assert runs(home) == []


def test_an_interrupted_submission_expires_and_leaves_nothing_half_written(
    home: Path, tmp_path: Path, slow_strategy: str
) -> None:
    """Proves: WS-7, WS-8"""
    process = submitting(slow_strategy, home)
    wait_for(tmp_path / "started")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert runs(home) == [("expired", "cancelled")]
    assert not list((home / "reports").glob("*")) if (home / "reports").exists() else True


def test_a_killed_submission_is_found_as_it_was_and_ended_later(home: Path, tmp_path: Path, slow_strategy: str) -> None:
    """Proves: WS-7"""
    from qts.adapters import clock
    from qts.app import assembly
    from qts.app.settings import Settings

    process = submitting(slow_strategy, home)
    wait_for(tmp_path / "started")
    process.kill()
    process.communicate(timeout=30)
    assert [status for status, _ in runs(home)] == ["backtest_running"]
    service = assembly.world_service(Settings(home))
    service.expire_stale("w", older_than=0, actor="test", now=clock.now() + 1)
    assert runs(home) == [("expired", "stale: left backtest_running")]


def test_a_changed_digit_in_the_record_is_found(home: Path) -> None:
    """Proves: WS-13"""
    told = json.loads(qts("submit", "CoinFlip", "--world", "w", "--output", "json").stdout)
    database = sqlite3.connect(home / "worlds.sqlite")
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f'DROP TRIGGER "{trigger}"')
    database.execute("UPDATE trials SET family = family || 'x' WHERE sequence = 1")
    database.commit()
    database.close()
    message = refused("submit", "CoinFlip", "--world", "w", code=7)
    assert told["run_id"]
    assert "1" in message
    checked = qts("doctor")
    assert checked.exit_code == 3
    assert "restore the last backup" in re.sub(r"\s+", " ", checked.output)


def test_a_request_to_end_ends_like_an_interrupt(home: Path, tmp_path: Path, slow_strategy: str) -> None:
    """Proves: WS-7"""
    process = submitting(slow_strategy, home)
    wait_for(tmp_path / "started")
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert runs(home) == [("expired", "cancelled")]


def test_a_verdict_stands_when_its_page_cannot_be_written(home: Path) -> None:
    """Proves: WS-8"""
    (home / "reports").write_text("a file where a folder should be")
    result = qts("submit", "CoinFlip", "--world", "w", "--output", "json")
    assert result.exit_code == 3, result.output
    told = json.loads(result.stdout)
    assert told["status"] == "rejected"
    assert any("the report could not be written" in note for note in told["precheck"])
    (home / "reports").unlink()
    assert qts("report", told["run_id"]).exit_code == 0


def test_what_a_strategy_prints_stays_out_of_the_answer(home: Path, tmp_path: Path) -> None:
    """Proves: UX-2"""
    spec = strategy_file(tmp_path, "    def on_bar(self, view):\n        print('hello')\n\nprint('loading')\n")
    answer, errors = submitting(spec, home, "--output", "json").communicate(timeout=60)
    assert json.loads(answer)["strategy"] == "Mine"
    assert "hello" in errors
    assert "loading" in errors


def test_identical_submissions_at_once_are_two_runs(home: Path) -> None:
    """Proves: WS-7"""
    for process in [submitting("BuyAndHold", home) for _ in range(2)]:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 3, errors
    assert [status for status, _ in runs(home)] == ["rejected", "rejected"]


def test_a_fault_of_our_own_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("qts.app.doctor.examine", broken)
    result = qts("doctor")
    assert result.exit_code == 1
    assert "this is a defect of QTS" in result.output


def test_doctor_names_damaged_data(home: Path) -> None:
    """Proves: OP-12"""
    partition = next((home / "data" / "raw" / "bars").rglob("*.parquet"))
    partition.write_bytes(b"not parquet")
    result = qts("doctor")
    assert result.exit_code == 3
    assert partition.name in re.sub(r"\s+", "", result.output)


def test_all_missing_inputs_are_told_at_once(home: Path) -> None:
    """Proves: QL-9"""
    shutil.rmtree(home / "data" / "raw" / "funding")
    shutil.rmtree(home / "data" / "brackets")
    message = refused("submit", "CoinFlip", "--world", "w", code=4)
    assert "the funding history is missing" in message
    assert "the leverage brackets are missing" in message
    assert "waivers: [no-funding, no-brackets]" in message
