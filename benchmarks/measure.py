"""What a tree of processes costs, read from Linux's /proc."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_MEBIBYTE: Final = bytes(1 << 20)


def tree(root: int) -> list[int]:
    """The process `root` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time spent so far, that of ended and awaited children included; a tick is 10 ms."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in pids) / _TICKS_PER_SECOND


def resident_mib(pids: Iterable[int]) -> float:
    """Memory held now, in MiB; pages shared between processes count in each."""
    return sum(_status(pid, "VmRSS:") for pid in pids) / 1024


def peak_mib(pids: Iterable[int]) -> float:
    """The most memory held since `forget_peak`, in MiB, summed over the processes."""
    return sum(_status(pid, "VmHWM:") for pid in pids) / 1024


def forget_peak(pids: Iterable[int]) -> None:
    """Let the peak start again from what is held now."""
    for pid in pids:
        (_PROC / str(pid) / "clear_refs").write_text("5")


def touch_memory(folder: Path, size: int) -> None:
    """Have the kernel hold `size` bytes of free memory that were in use a moment ago.

    On a virtual machine whose host takes unused memory back, the first touch of a page costs many times a later one;
    whichever target first fills large files or buffers would pay for it. The pages of a file written and deleted are
    the ones handed out next.
    """
    path = folder / "touched"
    with path.open("wb", buffering=0) as file:
        for _ in range(size >> 20):
            file.write(_MEBIBYTE)
    path.unlink()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on, or none if the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()  # the command's name may hold blanks and brackets


def _status(pid: int, key: str) -> int:
    """A line of /proc/PID/status in KiB, or 0 if the process is gone."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
