"""Files, forms and interfaces -> batches: reading, mapping, checking, delivering, receipts.

found = inspect_file(world, scope, source_code="county.weekly", filename="week27.xlsx", content=data)
mapping = found.mapping.set("例数", "value")          # a person looks at it and changes what is wrong
receipt = deliver(world, actor, scope, source_code="county.weekly", filename="week27.xlsx", content=data, mapping=mapping)
with world.read() as connection:
    bad = rejected_rows(connection, scope, world.as_of(), receipt.public_id)
"""

from anlan.intake.actions import deliver, drop, inspect_file, remember_mapping, resume, unfinished
from anlan.intake.check import delivery_check
from anlan.intake.files import DEFAULT_LIMITS, Limits, RawTable, ReadOptions, read_table
from anlan.intake.guess import Vocabulary, guess_mapping
from anlan.intake.mapping import ROLES, ColumnUse, Declared, Mapping
from anlan.intake.queries import content, deliveries, delivery, mapping_of, rejected_file, rejected_rows
from anlan.intake.reading import preview, read_items
from anlan.intake.types import Change, Counts, Delivery, Inspection, OpenDelivery, Receipt, RejectedRow

__all__ = [
    "DEFAULT_LIMITS",
    "ROLES",
    "Change",
    "ColumnUse",
    "Counts",
    "Declared",
    "Delivery",
    "Inspection",
    "Limits",
    "Mapping",
    "OpenDelivery",
    "RawTable",
    "ReadOptions",
    "Receipt",
    "RejectedRow",
    "Vocabulary",
    "content",
    "deliver",
    "deliveries",
    "delivery",
    "delivery_check",
    "drop",
    "guess_mapping",
    "inspect_file",
    "mapping_of",
    "preview",
    "read_items",
    "read_table",
    "rejected_file",
    "rejected_rows",
    "remember_mapping",
    "resume",
    "unfinished",
]
