"""However many ask, the rows are asked once; an answer that does not come is told as none."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone

import pytest

from tests.waiting import until
from vidpipe.exporter import Shared


class Question:
    """Counts how often it is asked, and answers when it is let."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.error = error
        self.may_answer = threading.Event()

    def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        assert self.may_answer.wait(20)
        if self.error is not None:
            raise self.error
        return number


def test_all_who_ask_at_once_share_one_question_and_its_answer() -> None:
    question = Question()
    shared = Shared(question, fresh=60.0)
    answers = [shared() for _ in range(50)]
    assert not answers[0].done(), "whoever asks isn't held up by asking"
    question.may_answer.set()
    assert {answer.result(20) for answer in answers} == {1}
    assert shared().result(20) == 1, "it is fresh"
    assert question.asked == 1


def test_an_answer_that_is_too_old_is_asked_for_again() -> None:
    question = Question()
    question.may_answer.set()
    shared = Shared(question, fresh=0.0)
    assert until(lambda: shared().result(20) > 2, what="a third answer")


def test_a_question_that_hangs_is_asked_once_and_told_as_no_answer() -> None:
    question = Question()
    shared = Shared(question, fresh=0.0)
    for _ in range(3):
        with pytest.raises(NotDone):
            shared().result(0.01)
    assert question.asked == 1
    question.may_answer.set()
    assert shared().result(20) == 1, "and its answer is taken when it comes after all"


def test_everybody_is_told_the_error_and_it_is_asked_again_soon_however_long_an_answer_is_good_for() -> None:
    question = Question(ValueError("away"))
    shared = Shared(question, fresh=3600.0)
    waiting: list[Future[int]] = [shared(), shared()]
    question.may_answer.set()
    for answer in waiting:
        with pytest.raises(ValueError, match="away"):
            answer.result(20)
    question.error = None
    assert until(lambda: shared().exception(20) is None, what="it to be asked again")
