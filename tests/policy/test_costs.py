"""What finetunings cost."""

from __future__ import annotations

import pytest

from visionlaw.policy.costs import Costs
from visionlaw.spacefile import Costs as Rates

TOKENS = {"small@224": 256, "base@336": 576, "wide@512": 1024}


def costs(**changes: object) -> Costs:
    return Costs(**{"gpu_hours": 100.0, "price": 2.0, "kilowatts": 0.5, "tokens": TOKENS.get, **changes})  # type: ignore


def test_the_default_rates_are_those_of_the_publication() -> None:
    """COLM, section 1: 3,840 A100 hours and $20,000 for 10 encoders, 100,000 kWh for 1,023 combinations."""
    rates = Rates()
    published = Costs(rates.gpu_hours, rates.price, rates.kilowatts)
    ten = published.of(f"encoder {i}" for i in range(10))
    assert ten.gpu_hours == 3840
    assert ten.money == pytest.approx(20_000, rel=0.005)
    assert published.of(map(str, range(1023))).kwh == pytest.approx(100_000, rel=0.02)


def test_hours_grow_with_the_tokens_that_the_language_model_reads() -> None:
    assert costs().hours_of("base@336") == (100.0, "estimated")
    assert costs().hours_of("small@224") == (pytest.approx(100 * 512 / 832), "estimated")
    assert costs().hours_of("wide@512") == (pytest.approx(100 * 1280 / 832), "estimated")


def test_given_hours_go_before_the_estimate_and_the_default_stands_where_nothing_is_known() -> None:
    given = costs(hours={"wide@512": 170.0})
    assert given.hours_of("wide@512") == (170.0, "given")
    assert given.hours_of("unknown@1") == (100.0, "default")


def test_a_sum_is_in_hours_money_and_energy() -> None:
    both = costs(hours={"wide@512": 170.0}, currency="EUR").of(["base@336", "wide@512"])
    assert (both.finetunings, both.gpu_hours, both.money, both.kwh, both.currency) == (2, 270.0, 540.0, 135.0, "EUR")
    assert costs().of([]).money == 0
