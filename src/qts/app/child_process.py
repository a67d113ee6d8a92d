"""A child process that is asked and answers in frames over pipes, within a time, or is lost.

It runs a module of ours with the same interpreter, in a session of its own, with
no environment but the one given and no descriptors but its pipes. No exchange
blocks longer than it may, whatever the child does: not when it does not read,
not when it floods its error stream, and not when it dies while something it
started holds its pipes open. ``kill`` ends its whole process group.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from qts.app.strategy_wire import HEADER
from qts.strategy.multiplexer import HaltCause

_CHUNK: Final = 1 << 16
_DYING_S: Final = 0.5
_MURMUR_MAX: Final = 4_096
"""What is kept of the end of its error stream, bytes."""


class ChildLost(Exception):  # noqa: N818 - what happened to it
    """No answer will come. cause: SLOW, DIED or NONSENSE."""

    def __init__(self, cause: HaltCause, words: str) -> None:
        super().__init__(words)
        self.cause = cause


class ChildProcess:
    """answer_bytes_max: the longest frame it may send."""

    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], answer_bytes_max: int
    ) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._murmur = b""
        self._process = subprocess.Popen(  # noqa: S603 - our interpreter and our module
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
        )
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = (pipe.fileno() for pipe in pipes if pipe is not None)
        self._end = os.pidfd_open(self._process.pid)
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exchange(self, frame: bytes, wait_ms: int) -> bytearray:
        """Send a frame; the body of the frame that comes back. Raises ChildLost, and never blocks for longer."""
        deadline = time.monotonic() + wait_ms / 1_000
        unsent, inbox = memoryview(frame), bytearray()
        with selectors.DefaultSelector() as pipes:
            pipes.register(self._in, selectors.EVENT_WRITE)
            for descriptor in (self._out, self._err, self._end):
                pipes.register(descriptor, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in pipes.select(max(0.0, deadline - time.monotonic()))}
                unsent = self._tended(pipes, ready, unsent)
                body = self._received(inbox) if self._out in ready else None
                if body is not None and unsent:
                    raise ChildLost(HaltCause.NONSENSE, "its process answered before it was asked")
                if body is not None:
                    return body
                if self._end in ready and self._out not in ready:
                    raise ChildLost(HaltCause.DIED, self._obituary())
                if time.monotonic() >= deadline:
                    raise ChildLost(HaltCause.SLOW, f"gave no answer within {wait_ms} ms")

    def kill(self) -> None:
        """End it and its process group, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # it is not reaped yet, so the number is still its own
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        os.close(self._end)

    def _tended(self, pipes: selectors.DefaultSelector, ready: set[int], unsent: memoryview) -> memoryview:
        """What goes on beside the answer: its error stream is emptied, and more of the frame sent."""
        if self._err in ready and not self._hear_murmur():
            pipes.unregister(self._err)
        if self._in in ready:
            unsent = self._sent(unsent)
            if not unsent:
                pipes.unregister(self._in)
        return unsent

    def _sent(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[os.write(self._in, unsent[:_CHUNK]) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:  # it will be seen to be dead, or to say nothing
            return unsent[:0]

    def _received(self, inbox: bytearray) -> bytearray | None:
        """The body, once it is whole."""
        chunk = os.read(self._out, _CHUNK)
        if not chunk:
            raise ChildLost(HaltCause.DIED, self._obituary())
        inbox += chunk
        if len(inbox) < HEADER.size:
            return None
        size = HEADER.unpack_from(inbox)[0]
        if size > self._answer_bytes_max or len(inbox) > HEADER.size + size:
            said = bytes(inbox[:40])
            raise ChildLost(HaltCause.NONSENSE, f"its process talks nonsense, or too much: {said!r}")
        return inbox[HEADER.size :] if len(inbox) == HEADER.size + size else None

    def _hear_murmur(self) -> bool:
        """Whether there may be more."""
        chunk = os.read(self._err, _CHUNK)
        self._murmur = (self._murmur + chunk)[-_MURMUR_MAX:]
        return bool(chunk)

    def _obituary(self) -> str:
        """How it ended, and its last words. Its output closes a moment before it is gone."""
        with selectors.DefaultSelector() as end:
            end.register(self._end, selectors.EVENT_READ)
            end.select(_DYING_S)
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is None:
            how = "its process closed its output"
        elif found.si_code == os.CLD_EXITED:
            how = f"its process exited with {found.si_status}"
        else:
            how = f"its process was ended by {signal.Signals(found.si_status).name}"
        with contextlib.suppress(BlockingIOError):
            self._hear_murmur()
        words = self._murmur.decode(errors="replace").strip().rpartition("\n")[2]
        return f"{how}; its last words: {words[:200]}" if words else how
