"""What several processes draw ahead of the one that learns from it: one core draws more slowly than a GPU learns."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import TypeVar

T = TypeVar("T")
DRAWN, END, FAILED = range(3)
ROOM = 1 << 20  # bytes that wait in a line: as many crops as one step learns from, so that they are drawn while it learns


def _fill(line: Connection, draw: Callable[[int], Iterator], seed: int) -> None:
    try:
        for one in draw(seed):
            line.send((DRAWN, one))
        line.send((END, None))
    except BrokenPipeError:  # nobody learns any more
        pass
    except Exception:
        line.send((FAILED, traceback.format_exc()))


def ahead(draw: Callable[[int], Iterator[T]], seeds: list[int]) -> Iterator[T]:
    """What ``draw`` yields for each seed, each in a process of its own, in the order in which it is ready; each goes ahead by what its line has room for.

    Processes are forked: what ``draw`` holds on to (thousands of renders) is shared and not copied. They end with this process.

    Raises:
        RuntimeError: one of them failed or was killed; what it said is in the message.
    """
    fork = multiprocessing.get_context("fork")
    workers, lines = [], []
    for seed in seeds:
        line, end = fork.Pipe(duplex=False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
            with contextlib.suppress(OSError):  # a system that allows no such line goes ahead by less
                fcntl.fcntl(end.fileno(), fcntl.F_SETPIPE_SZ, ROOM)
        workers.append(fork.Process(target=_fill, args=(end, draw, seed), daemon=True))
        workers[-1].start()
        end.close()  # so that the line ends when the worker does
        lines.append(line)
    try:
        while lines:
            for line in wait(lines):
                try:
                    what, value = line.recv()
                except (EOFError, OSError):
                    raise RuntimeError("a drawing process was ended from outside: too little memory for so many?") from None
                if what == FAILED:
                    raise RuntimeError(f"a drawing process failed:\n{value}")
                if what == END:
                    lines.remove(line)
                else:
                    yield value
    finally:
        for w in workers:
            w.terminate()
