"""A memory for a million addresses in 50 MB, where a dictionary of them takes 150."""

from collections.abc import Iterable, Sequence
from mmap import mmap

_FIRST_SLOTS = 1 << 12  # a power of two, as are all later sizes


class AddressDeduplicator:
    """Remembers on which line each key came first: an open-addressing hash table in two flat arrays.

    It keeps Python's 64-bit keyed hash (SipHash) of a key, not the key: in one file of thirty million with a million
    addresses each, two different ones are taken for the same. Even then the row is reported, with the line of the
    other.
    """

    def __init__(self, expected: int = 0) -> None:
        """Make room for so many keys at once; it grows all the same where there are more."""
        self._count = 0
        self._allocate(max(_FIRST_SLOTS, 1 << (expected * 10 // 7).bit_length()))

    def _allocate(self, slots: int) -> None:
        self._mask = slots - 1
        self._limit = slots * 7 // 10
        # Straight from the system, which has it back at once: the heap keeps what was once so large.
        self._hashes = memoryview(mmap(-1, 8 * slots)).cast("q")
        self._lines = memoryview(mmap(-1, 4 * slots)).cast("I")

    def first_line(self, key: str, line: int) -> int:
        """Return the line (from 1) on which the key was seen before, or 0 and remember this one."""
        wanted = hash(key) or 1  # 0 marks a free slot
        hashes, mask = self._hashes, self._mask
        slot = wanted & mask
        while found := hashes[slot]:
            if found == wanted:
                return self._lines[slot]
            slot = (slot + 1) & mask
        hashes[slot] = wanted
        self._lines[slot] = line
        self._count += 1
        if self._count > self._limit:
            self._grow()
        return 0

    def repeats(self, keys: Sequence[str], lines: Sequence[int]) -> dict[int, int]:
        """Return, by the lines of those that were seen before, the first line of each; and remember the others."""
        while self._count + len(keys) > self._limit:
            self._grow()
        hashes, first_lines, mask = self._hashes, self._lines, self._mask
        found = dict[int, int]()
        for wanted, line in zip(map(hash, keys), lines, strict=True):
            slot = (wanted or 1) & mask
            while there := hashes[slot]:
                if there == (wanted or 1):
                    found[line] = first_lines[slot]
                    break
                slot = (slot + 1) & mask
            else:
                hashes[slot] = wanted or 1
                first_lines[slot] = line
        self._count += len(keys) - len(found)
        return found

    def find(self, key: str) -> int:
        """Return the line that is remembered for a key, or 0; nothing is remembered."""
        return self.find_all([key])[0]

    def find_all(self, keys: Iterable[str]) -> list[int]:
        """The same for many keys, in order."""
        hashes, lines, mask = self._hashes, self._lines, self._mask
        found = list[int]()
        for wanted in map(hash, keys):
            slot = (wanted or 1) & mask
            while (there := hashes[slot]) and there != (wanted or 1):
                slot = (slot + 1) & mask
            found.append(lines[slot] if there else 0)
        return found

    def replace(self, key: str, line: int) -> None:
        """Remember another line for a key that is remembered."""
        wanted = hash(key) or 1
        hashes, mask = self._hashes, self._mask
        slot = wanted & mask
        while hashes[slot] != wanted:
            slot = (slot + 1) & mask
        self._lines[slot] = line

    def _grow(self) -> None:
        known = zip(self._hashes, self._lines, strict=True)
        self._allocate(4 * (self._mask + 1))
        hashes, lines, mask = self._hashes, self._lines, self._mask
        for wanted, line in known:
            if wanted:
                slot = wanted & mask
                while hashes[slot]:
                    slot = (slot + 1) & mask
                hashes[slot] = wanted
                lines[slot] = line


class NoDeduplicator(AddressDeduplicator):
    """Takes every row for the first of its address."""

    def first_line(self, _key: str, _line: int) -> int:
        return 0

    def repeats(self, _keys: Sequence[str], _lines: Sequence[int]) -> dict[int, int]:
        return {}
