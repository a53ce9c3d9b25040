"""Becomes a server process that dies with the process that asked for it.

A script of the standard library only: `python -I -S launch.py PARENT SIGNAL USER PIPE COMMAND…`.
Drops the user (`uid:gid`, or `-`), arranges for SIGNAL when PARENT is gone, then turns into COMMAND
by exec, so that the server is PARENT's direct child. Linux delivers the signal (PR_SET_PDEATHSIG);
elsewhere a watcher waits for the end of PIPE, which only PARENT holds open for writing.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def drop_to(user: str) -> None:
    """Become `uid:gid` for good, with no other groups."""
    uid, gid = (int(part) for part in user.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def follow_parent(parent: int, signal_number: int) -> None:
    """Ask Linux for the signal; end at once when the parent was gone before it could be asked."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(f"process {parent} is gone")


def watch_pipe(pipe: int, signal_number: int) -> None:
    """Leave a watcher behind that signals this process when the pipe's other end is closed."""
    server = os.getpid()
    if os.fork() != 0:
        os.close(pipe)
        return
    while os.read(pipe, 1):
        pass
    if os.getppid() == server:
        os.kill(server, signal_number)
    os._exit(0)


def main(parent: str, signal_number: str, user: str, pipe: str, *command: str) -> None:
    """The order matters: a change of user would clear the signal that was asked for."""
    if user != "-":
        drop_to(user)
    if pipe == "-":
        follow_parent(int(parent), int(signal_number))
    else:
        watch_pipe(int(pipe), int(signal_number))
    os.execv(command[0], command)  # noqa: S606  (a list, no shell)


if __name__ == "__main__":
    main(*sys.argv[1:])
