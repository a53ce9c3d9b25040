"""`tessera contracts`: write the generated contracts, or say what differs."""

from pathlib import Path

from cli.contracts.files import FOLDER, differences, write


def run(folder: Path = FOLDER, *, check: bool = False) -> int:
    """Write the contracts below `folder`; with `check` only compare. The process's exit code."""
    if not check:
        changed = write(folder)
        print(*changed, f"{len(changed)} files of {folder} changed", sep="\n")
        return 0
    found = differences(folder)
    if found:
        print(*found, sep="\n")
        print(f"{len(found)} files of {folder} are not what the code says: run `make contracts`")
    return 1 if found else 0
