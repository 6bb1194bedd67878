"""Matters: pieces of work that are followed until they are closed. The first kind is the tip: a danger a citizen reported.

Nobody in the office learns who reported it. The reporter holds a receipt code, of which only a keyed digest is kept, and
by it sees what becomes of the matter and answers questions. A contact, where one was given, is sealed among the personal
values. Workflows, deadlines and proof of closure for other kinds of matters are not furnished yet.
"""

from anlan.resolution.actions import answer, ask, close, report, take_in_hand
from anlan.resolution.codes import code_digest, new_code, read_code
from anlan.resolution.queries import (
    matter,
    matter_history,
    matter_of_receipt,
    matters,
    notes,
    photo,
    state_counts,
    waiting,
)
from anlan.resolution.types import STATES, Matter, MatterNote, MatterState, Photo

__all__ = [
    "STATES",
    "Matter",
    "MatterNote",
    "MatterState",
    "Photo",
    "answer",
    "ask",
    "close",
    "code_digest",
    "matter",
    "matter_history",
    "matter_of_receipt",
    "matters",
    "new_code",
    "notes",
    "photo",
    "read_code",
    "report",
    "state_counts",
    "take_in_hand",
    "waiting",
]
