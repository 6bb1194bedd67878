"""Sending warnings, and knowing who has answered.

``rule`` says what may reach which channel. ``queueing`` makes parcels at release, ``sender`` sends them through the
carriers of ``channels``; ``subscriptions``, ``contacts`` and ``rota`` say to whom; ``answers`` and ``escalation`` see to it
that every unit has the message or is visibly owed it. ``queries`` answer questions.
"""

from anlan.warning.sending.rule import Audience, Channel, Way, allowed
from anlan.warning.sending.types import Answer, Contact, Parcel, Shift, Subscription, UnitDuty

__all__ = [
    "Answer",
    "Audience",
    "Channel",
    "Contact",
    "Parcel",
    "Shift",
    "Subscription",
    "UnitDuty",
    "Way",
    "allowed",
]
