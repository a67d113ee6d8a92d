"""A ``@value`` is to everybody what the frozen dataclass would be; only making it costs less."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from qts.domain.value import maker, value


@value
class Quantity:
    """amount: of the unit."""

    amount: int
    unit: str = "piece"
    seen: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError(f"{self.amount} is below 0")
        with pytest.raises(FrozenInstanceError):
            self.amount = 1  # type: ignore[misc]
        self.seen.append(type(self).__name__)

    @property
    def doubled(self) -> int:
        return 2 * self.amount


@value(kw_only=True)
class Named:
    name: str
    nick: str | None = None


@dataclass(frozen=True, slots=True)
class Plain:
    amount: int
    unit: str = "piece"


def test_it_is_made_by_position_name_and_default_and_checked_as_the_frozen_class():
    made = Quantity(3)
    assert (made.amount, made.unit, made.doubled, made.seen) == (3, "piece", 6, ["Quantity"])
    assert Quantity(unit="box", amount=3) == Quantity(3, "box")
    assert Quantity(1).seen is not Quantity(1).seen
    with pytest.raises(ValueError, match="below 0"):
        Quantity(-1)
    with pytest.raises(TypeError):
        Quantity()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Named("a")  # type: ignore[misc]
    assert Named(name="a").nick is None


@pytest.mark.parametrize("made", [Quantity(3), Named(name="a")], ids=repr)
def test_nobody_changes_it_or_adds_to_it(made):
    name = fields(made)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, 1)
    with pytest.raises(FrozenInstanceError):
        delattr(made, name)
    assert not hasattr(made, "__dict__")


def test_it_equals_hashes_shows_and_travels_as_a_dataclass():
    made = Quantity(3, "box")
    assert made == replace(Quantity(4, "box"), amount=3)
    assert made != Quantity(4, "box")
    assert made != Plain(3, "box")
    assert hash(made) == hash(Plain(3, "box"))
    assert repr(Named(name="a")) == "Named(name='a', nick=None)"
    through = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own
    for again in (through, copy.copy(made), copy.deepcopy(made)):
        assert again == made
        assert type(again) is Quantity
    assert (Quantity.__name__, Quantity.__module__, Quantity.__doc__) == ("Quantity", __name__, "amount: of the unit.")


def test_a_maker_makes_what_the_class_makes_and_checks_it_as_the_class_does():
    make, name = maker(Quantity), maker(Named)
    made = make(3, unit="box")
    assert made == Quantity(3, "box")
    assert type(made) is Quantity
    assert (make(1).unit, make(1).seen) == ("piece", ["Quantity"])
    assert make(1).seen is not make(1).seen
    assert name(name="a") == Named(name="a")
    with pytest.raises(FrozenInstanceError):
        made.amount = 4  # type: ignore[misc]
    with pytest.raises(ValueError, match="below 0"):
        make(-1)
    with pytest.raises(TypeError):
        name("a")  # type: ignore[misc]


def test_only_of_a_value_is_there_a_maker():
    with pytest.raises(AttributeError):
        maker(Plain)
