"""Running the server and the work loop: what ``serve``, ``work`` and ``demo`` share."""

from __future__ import annotations

import logging
import signal
import threading

from anlan.store import Node

__all__ = ["run_server", "run_work"]


def run_server(node: Node, *, with_work: bool) -> None:
    """Serve pages until the process is told to end; with the work loop in a thread of its own."""
    import uvicorn

    from anlan.flows.work import WorkLoop
    from anlan.web.app import create_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    loop = WorkLoop(node, pause_seconds=node.settings.work_pause_seconds)
    if with_work:
        loop.start()
    try:
        uvicorn.run(
            create_app(node.settings, node),
            host=node.settings.host,
            port=node.settings.port,
            log_level="warning",
            server_header=False,
        )
    finally:
        loop.stop()


def run_work(node: Node) -> None:
    """Work until the process is told to end."""
    from anlan.flows.work import WorkLoop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    loop = WorkLoop(node, pause_seconds=node.settings.work_pause_seconds)
    loop.start()
    ended.wait()
    loop.stop()
