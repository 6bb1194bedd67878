"""Parse XML that came from outside: no DTD, no entities, no network, and limits on size, depth and elements.

What is refused here is refused for safety, whatever the standard says about the content; the rules of CAP itself
stand in ``check``.
"""

from __future__ import annotations

import contextlib
from typing import NoReturn
from xml.parsers import expat

from lxml import etree

from anlan.warning.cap.findings import refusal

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_ELEMENTS", "parse"]

# A weather alert with the outlines of its zones has 1.6 MB, one with an embedded picture 0.9 MB.
MAX_BYTES = 5_000_000
MAX_DEPTH = 32
MAX_ELEMENTS = 50_000


class _PrologEnds(Exception):  # noqa: N818 - leaves the parser early, is no error
    pass


def parse(data: bytes, *, keep_layout: bool = False) -> etree._Element:
    """Parse ``data`` and return its root element.

    Parameters
    ----------
    data : bytes
        The document as received, with or without a byte order mark.
    keep_layout : bool, default False
        Keep comments and processing instructions, as a signature needs them. Reading leaves them out, so that a
        comment cannot cut a text in two.

    Raises
    ------
    InputError
        Whose ``values["rule"]`` is LIMIT, DTD or XML.
    """
    if len(data) > MAX_BYTES:
        raise refusal("LIMIT", "size", given=len(data), limit=MAX_BYTES)
    if _has_doctype(data):
        raise refusal("DTD")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=not keep_layout,
        remove_pis=not keep_layout,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refusal("XML", line=getattr(error, "lineno", 0) or 0, detail=_detail(error)) from error
    # The first look cannot read every encoding; the parser itself has the last word.
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # the stubs do not know it
        raise refusal("DTD")
    _limit(root)
    return root


def _has_doctype(data: bytes) -> bool:
    """Look at the prolog only, before any declaration in it could take effect."""
    found = False

    def on_doctype(*_args: object) -> NoReturn:
        nonlocal found
        found = True
        raise _PrologEnds

    def on_element(*_args: object) -> NoReturn:
        raise _PrologEnds

    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = on_doctype
    reader.StartElementHandler = on_element
    with contextlib.suppress(_PrologEnds, expat.ExpatError, LookupError, ValueError):
        reader.Parse(data, True)
    return found


def _limit(root: etree._Element) -> None:
    depth = elements = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        elements += 1
        if depth > MAX_DEPTH:
            raise refusal("LIMIT", "depth", given=depth, limit=MAX_DEPTH)
        if elements > MAX_ELEMENTS:
            raise refusal("LIMIT", "elements", given=elements, limit=MAX_ELEMENTS)


def _detail(error: Exception) -> str:
    return str(getattr(error, "msg", None) or error)
