"""Agent loops with several outputs: only the last output of a session has an outcome."""

from collections.abc import Sequence


def final_rows(keys: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the rows that end a session, and for each row which of them is its own.

    Args:
        keys: ``{uid}_{session}_{index}`` of each row, as verl names its rows; a key of another
            form is a session of its own.

    Returns:
        Row numbers in the order in which their sessions begin; and a position in these a row.

    >>> final_rows(["a_0_0", "a_0_1", "a_1_0", "b_0_0"])
    ([1, 2, 3], [0, 0, 1, 2])
    """
    newest: dict[str, tuple[int, int]] = {}
    sessions = []
    for row, key in enumerate(keys):
        session, index = _parts(key)
        sessions.append(session)
        if session not in newest or newest[session][0] < index:
            newest[session] = (index, row)
    position = {session: place for place, session in enumerate(newest)}
    return [row for _, row in newest.values()], [position[session] for session in sessions]


def _parts(key: str) -> tuple[str, int]:
    fields = key.rsplit("_", 2)
    if len(fields) == 3 and fields[2].isdigit():
        return f"{fields[0]}_{fields[1]}", int(fields[2])
    return key, 0
