"""Sits at a terminal for a test: runs a program under a pseudo terminal, and plays steps with it.

Standard input: {"argv": [...], "env": {...}, "steps": [{"wait": text, "type": keys}, ...]}. Each step waits until the
text has come since the step before, then types. Prints what came in each step, and how the program ended, as JSON.
"""

import json
import os
import pty
import select
import signal
import sys
import time

LIMIT_S = 30

play = json.load(sys.stdin)
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(play["env"])
    os.execv(play["argv"][0], play["argv"])


def wait_for(text):
    """What came until the text did; whoever asks where the cursor is gets an answer."""
    seen, ends = b"", time.monotonic() + LIMIT_S
    while text is None or text.encode() not in seen:
        ready = select.select([fd], [], [], max(0, ends - time.monotonic()))[0]
        try:
            came = os.read(fd, 65536) if ready else b""
        except OSError:
            came = b""
        if not came:
            break
        if b"\x1b[6n" in came:
            os.write(fd, b"\x1b[1;1R")
        seen += came
    return seen.decode(errors="replace")


# Whatever hangs is ended, and its exit code tells so.
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(2 * LIMIT_S)

came = []
for step in play["steps"]:
    came.append(wait_for(step["wait"]))
    os.write(fd, step["type"].encode())
came.append(wait_for(None))
json.dump({"came": came, "code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}, sys.stdout)
