"""The collector is let alone for the time of a run, and is as it was afterwards."""

import gc
import weakref

import pytest

from qts.simulation.collector import rarely_collected


class Knot:
    def __init__(self) -> None:
        self.self = self


def test_thresholds_are_raised_inside_and_restored_after_an_error_too() -> None:
    before, inside = gc.get_threshold(), []

    def failing() -> None:
        with rarely_collected():
            inside.append(gc.get_threshold())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert inside[0][0] > before[0]
    assert gc.get_threshold() == before


def test_a_collector_that_was_turned_off_stays_off() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        with rarely_collected():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_what_was_left_in_cycles_is_still_found() -> None:
    with rarely_collected():
        knot = Knot()
        gone = weakref.ref(knot)
        del knot
    gc.collect()
    assert gone() is None


def test_what_somebody_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with rarely_collected():
            pass
        assert gc.get_freeze_count() >= frozen > 0
    finally:
        gc.unfreeze()
