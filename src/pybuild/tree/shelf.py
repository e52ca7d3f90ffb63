"""Names of a directory and a few bytes for each, in order, end to end in memory."""

from __future__ import annotations

import struct
from bisect import bisect_right

_PLACE = struct.Struct("<III")  # where on the heap a name begins, its length, its value's length
_SIZE = _PLACE.size
_MOST = 128
"""Names on a shelf: a new one between others moves 1.5 kB at most."""
_MOST_LOST = 4
"""The heap is made anew when this part of it, the fourth, is lost."""


class Shelf:
    """Some hundred names in bytewise order, each with a value.

    A name and its value lie together on a heap, places on the heap stand in the order of names. So
    a name takes 12 bytes more than what is kept, an object of the interpreter for each would take
    a hundred. Reading changes nothing that another thread could see.

    Attributes:
        last: No name comes after it.
    """

    __slots__ = ("_found", "_heap", "_lost_bytes", "_places", "last")

    def __init__(
        self, places: bytes | bytearray = b"", heap: bytes | bytearray = b"", last: bytes = b""
    ) -> None:
        self._places = bytearray(places)
        self._heap = bytearray(heap)
        self._lost_bytes = 0
        self._found = 0  # who asks for a name often asks for the next one then
        self.last = last

    def __len__(self) -> int:
        return len(self._places) // _SIZE

    def get(self, name: bytes) -> bytes | None:
        """The value of a name; None where there is no such name."""
        at, is_there = self._find(name)
        if not is_there:
            return None
        begin, name_bytes, value_bytes = _PLACE.unpack_from(self._places, at)
        begin += name_bytes
        return bytes(self._heap[begin : begin + value_bytes])

    def append(self, name: bytes, value: bytes) -> None:
        """Set a name that comes after all that are there."""
        heap = self._heap
        self._places += _PLACE.pack(len(heap), len(name), len(value))
        heap += name
        heap += value
        self.last = name

    def put(self, name: bytes, value: bytes) -> None:
        """Set any name."""
        at, is_there = self._find(name)
        if is_there:
            self._replace(at, name, value)
        elif at == len(self._places):
            self.append(name, value)
        else:
            self._places[at:at] = self._placed(name, value)

    def remove(self, name: bytes) -> None:
        """Take a name away; nothing where it is not there."""
        at, is_there = self._find(name)
        if not is_there:
            return
        _, name_bytes, value_bytes = _PLACE.unpack_from(self._places, at)
        del self._places[at : at + _SIZE]
        self._lose(name_bytes + value_bytes)

    @property
    def first(self) -> bytes:
        """The first name; there must be one."""
        return self._name(0)

    def names(self) -> list[bytes]:
        """Every name, in order."""
        with memoryview(self._heap) as heap:
            return [
                heap[begin : begin + size].tobytes()
                for begin, size, _ in _PLACE.iter_unpack(self._places)
            ]

    def split(self) -> Shelf:
        """Give away the latter half."""
        other = Shelf(self._places[len(self) // 2 * _SIZE :], self._heap, self.last)
        del self._places[len(self) // 2 * _SIZE :]
        self.last = self._name(len(self._places) - _SIZE)
        other._lose(len(other._heap))
        self._lose(len(self._heap))
        return other

    def close(self) -> None:
        """Give back the room for more names."""
        self._places, self._heap = bytearray(self._places), bytearray(self._heap)

    def copy(self) -> Shelf:
        """An independent shelf with the same names."""
        other = Shelf(self._places, self._heap, self.last)
        other._lost_bytes = self._lost_bytes
        return other

    def _find(self, name: bytes) -> tuple[int, bool]:
        """Where a name stands, or would, and whether it does."""
        places, heap, unpack = self._places, self._heap, _PLACE.unpack_from
        if name > self.last:
            return len(places), False
        for at in (self._found + _SIZE, self._found):
            if 0 <= at < len(places):
                begin, size, _ = unpack(places, at)
                if heap[begin : begin + size] == name:
                    self._found = at
                    return at, True

        low, high = 0, len(places) // _SIZE
        while low < high:
            middle = (low + high) // 2
            begin, size, _ = unpack(places, middle * _SIZE)
            found = heap[begin : begin + size]
            if found < name:
                low = middle + 1
            elif found == name:
                self._found = middle * _SIZE
                return middle * _SIZE, True
            else:
                high = middle
        return low * _SIZE, False

    def _name(self, at: int) -> bytes:
        begin, size, _ = _PLACE.unpack_from(self._places, at)
        return bytes(self._heap[begin : begin + size])

    def _placed(self, name: bytes, value: bytes) -> bytes:
        place = _PLACE.pack(len(self._heap), len(name), len(value))
        self._heap += name
        self._heap += value
        return place

    def _replace(self, at: int, name: bytes, value: bytes) -> None:
        begin, name_bytes, value_bytes = _PLACE.unpack_from(self._places, at)
        if value_bytes == len(value):
            begin += name_bytes
            self._heap[begin : begin + value_bytes] = value
            return
        self._places[at : at + _SIZE] = self._placed(name, value)
        self._lose(name_bytes + value_bytes)

    def _lose(self, count: int) -> None:
        """Note bytes of the heap that belong to no name any more."""
        self._lost_bytes += count
        if self._lost_bytes * _MOST_LOST <= len(self._heap):
            return
        heap, places = bytearray(), bytearray()
        for begin, name_bytes, value_bytes in _PLACE.iter_unpack(self._places):
            places += _PLACE.pack(len(heap), name_bytes, value_bytes)
            heap += self._heap[begin : begin + name_bytes + value_bytes]
        self._places, self._heap, self._lost_bytes = places, heap, 0
        self.close()


class Shelves:
    """Any number of names in bytewise order, each with a value."""

    __slots__ = ("_begins", "_shelves")

    def __init__(self) -> None:
        self._shelves = [Shelf()]
        self._begins: list[bytes] = []  # of all shelves but the first: no name before it is there

    def __len__(self) -> int:
        return sum(map(len, self._shelves))

    def get(self, name: bytes) -> bytes | None:
        """The value of a name; None where there is no such name."""
        return self._shelves[bisect_right(self._begins, name)].get(name)

    def put(self, name: bytes, value: bytes) -> None:
        """Set a name."""
        last = self._shelves[-1]
        if name <= last.last:
            self._put_between(name, value)
            return
        if len(last) >= _MOST:
            last.close()
            last = Shelf()
            self._shelves.append(last)
            self._begins.append(name)
        last.append(name, value)

    def remove(self, name: bytes) -> None:
        """Take a name away; nothing where it is not there."""
        self._shelves[bisect_right(self._begins, name)].remove(name)

    def names(self) -> tuple[bytes, ...]:
        """Every name, in order."""
        return tuple(name for shelf in self._shelves for name in shelf.names())

    def copy(self) -> Shelves:
        """Independent shelves with the same names."""
        other = Shelves()
        other._shelves = [shelf.copy() for shelf in self._shelves]
        other._begins = list(self._begins)
        return other

    def _put_between(self, name: bytes, value: bytes) -> None:
        at = bisect_right(self._begins, name)
        shelf = self._shelves[at]
        shelf.put(name, value)
        if len(shelf) > _MOST:
            other = shelf.split()
            self._shelves.insert(at + 1, other)
            self._begins.insert(at, other.first)
