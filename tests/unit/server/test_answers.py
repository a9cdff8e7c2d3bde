"""Which answers are kept."""

from fade_server.services.answers import Answers


def test_the_answers_that_were_asked_for_last_stay() -> None:
    answers = Answers(most_bytes=10)
    answers.keep("a", b"1234")
    answers.keep("b", b"1234")
    assert answers.get("a") == b"1234"
    answers.keep("c", b"1234")
    assert [answers.get(tag) for tag in "abc"] == [b"1234", None, b"1234"]


def test_an_answer_that_alone_is_too_long_is_not_kept() -> None:
    answers = Answers(most_bytes=10)
    answers.keep("a", b"1234")
    answers.keep("long", bytes(11))
    assert (answers.get("long"), answers.get("a")) == (None, b"1234")
