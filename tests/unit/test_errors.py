"""What services say can be shown: on a terminal, in a log, in a row."""

from __future__ import annotations

import pytest

from vidpipe.errors import Broken, Refused, ServiceError, Transient, Uncertain, shown


@pytest.mark.parametrize("error", [ServiceError, Transient, Refused, Broken, Uncertain])
def test_what_a_service_said_has_no_control_characters_and_an_end(error: type[ServiceError]) -> None:
    said = error("red \x1b[31m, \x00, a \u202eback, \ud800, a\nline " + "x" * 5000).message
    assert said.startswith("red  [31m,  , a  back,  , a line x") and len(said) == 1000


def test_what_people_write_stays_as_it_is() -> None:
    assert shown("Straße, 街, ¡olé!, 😀") == "Straße, 街, ¡olé!, 😀"


def test_an_error_without_a_message_says_what_it_is() -> None:
    assert Uncertain().message == "Nobody knows whether the service accepted the call."
