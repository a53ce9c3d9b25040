"""A set of offsets of one partition, one bit each: what was seen of millions of records. Pure."""

from collections.abc import Iterator

BITS = 8


class Offsets:
    """Offsets from 0 on; grows as they are added."""

    def __init__(self) -> None:
        self.bits = bytearray()

    def add(self, offset: int) -> None:
        """Put an offset in."""
        byte, bit = divmod(offset, BITS)
        if byte >= len(self.bits):
            self.bits.extend(bytes(byte + 1 - len(self.bits) + len(self.bits) // 4))
        self.bits[byte] |= 1 << bit

    def update(self, other: "Offsets") -> None:
        """Put all offsets of another set in."""
        size = max(len(self.bits), len(other.bits))
        both = int.from_bytes(self.bits, "little") | int.from_bytes(other.bits, "little")
        self.bits = bytearray(both.to_bytes(size, "little"))

    def __contains__(self, offset: int) -> bool:
        byte, bit = divmod(offset, BITS)
        return byte < len(self.bits) and bool(self.bits[byte] >> bit & 1)

    def missing(self, first: int, end: int) -> Iterator[int]:
        """The offsets from `first` to `end` that are not in it, in order."""
        offset = first
        while offset < end:
            byte, bit = divmod(offset, BITS)
            if bit == 0 and byte < len(self.bits) and self.bits[byte] == (1 << BITS) - 1:
                offset += BITS
                continue
            if offset not in self:
                yield offset
            offset += 1


def runs(offsets: list[int], gap: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges (first, end) that cover sorted offsets, each at most `size` long.

    Offsets less than `gap` apart are read together: what lies between them costs less than asking
    again.
    """
    first = last = None
    for offset in offsets:
        if first is not None and last is not None:
            if offset - last < gap and offset - first < size:
                last = offset
                continue
            yield first, last + 1
        first = last = offset
    if first is not None and last is not None:
        yield first, last + 1
