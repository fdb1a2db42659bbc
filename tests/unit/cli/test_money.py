"""`money adjust` takes a difference; what is missing or too much is said before anything is done."""

from __future__ import annotations

from decimal import Decimal

import pytest

from vidpipe.cli import codes
from vidpipe.cli.main import main
from vidpipe.cli.money import difference
from vidpipe.errors import UserError
from vidpipe.pipeline.adjust import dollars, signed


@pytest.mark.parametrize(
    ("text", "amount"), [("+0.10", "0.10"), ("-0.10", "-0.10"), ("+$12", "12"), (" -1.000001 ", "-1.000001")]
)
def test_a_difference_has_its_sign(text: str, amount: str) -> None:
    assert difference(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["0.50", "$0.50", "+", "-", "+1e3", "+0.0000001", "--1", "+-1", "+ 1", "NaN", "much", ""]
)
def test_what_could_be_meant_as_the_whole_cost_or_as_nothing_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no difference") as raised:
        difference(text)
    assert "+0.10 or -0.10" in raised.value.remedy


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("adjust",), "needs an order"),
        (("adjust", "abcd1234"), "needs an amount"),
        (("adjust", "abcd1234", "+0.10"), "needs --why"),
        (("adjust", "--why", "so"), "needs an order"),
        (("adjust", "abcd1234", "0.10", "--why", "so"), "is no difference"),
        (("The Quay", "abcd1234"), "only `money adjust` takes an order"),
        (("The Quay", "--why", "so"), "only `money adjust` takes an order"),
    ],
)
def test_what_is_missing_or_too_much_is_said(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["money", *words]) == codes.BAD_INPUT
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("amount", "plain", "with_sign"),
    [
        ("0.1", "$0.10", "+$0.10"),
        ("2", "$2.00", "+$2.00"),
        ("0.004", "$0.004", "+$0.004"),
        ("100.000000", "$100.00", "+$100.00"),
    ],
)
def test_an_amount_is_told_to_its_last_digit(amount: str, plain: str, with_sign: str) -> None:
    assert dollars(Decimal(amount)) == plain and signed(Decimal(amount)) == with_sign
    assert signed(-Decimal(amount)) == f"-{plain}"
