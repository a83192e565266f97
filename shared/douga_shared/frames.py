"""Which drawing a scan is, in what order drawings come, and which ones a user asks for (pure).

``FrameId`` reads a file name; ``FrameRange`` reads ``--frames``. Neither looks at a store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache, total_ordering
from typing import TYPE_CHECKING

from douga_shared.errors import ConfigurationError
from douga_shared.object_keys import stem_of

if TYPE_CHECKING:
    from fileseq.frameset import FrameSet

FRAME_RANGE_SYNTAX = "numbers, ranges and single lettered drawings, such as 1-100x2,107,12a"

# More digits than a time stamp has are no number; the bound also keeps every number within 64 bits.
_NUMBER = r"[0-9]{1,18}"
_NUMBERED = re.compile(r"(?P<number>\d{1,18})(?P<suffix>[A-Za-z]?)\Z")
_PLAIN_TOKEN = re.compile(rf"(?P<first>{_NUMBER})(?P<rest>-{_NUMBER}(?:x(?P<step>{_NUMBER}))?)?")
_LETTERED_TOKEN = re.compile(rf"(?P<number>{_NUMBER})(?P<suffix>[A-Za-z])")
_SEPARATORS = " ._-"


@total_ordering
@dataclass(frozen=True, slots=True)
class FrameId:
    """One drawing of a level: ``A0003a.png`` is level ``A``, number 3, suffix ``a``.

    Ordered as an animator lays the drawings out: by level (``cut2`` before ``cut10``), then number
    (an unnumbered drawing, such as a title sheet, first), then suffix: A2, A3, A3a, A4, A10.
    """

    level: str
    """What stands before the number, without the separator at its end; may be empty."""
    number: int | None
    """None where the name carries no number; never negative, a hyphen separates."""
    suffix: str = ""
    """Letter of an inserted drawing, or empty."""

    @classmethod
    def parse(cls, scan: str) -> FrameId:
        """Read the object key or the stem of a scan; every name is some frame.

        The number is the digits at the end of the name, with at most one letter after them.
        Digits of any script count, full-width ones too.
        """
        name = stem_of(scan).rpartition("/")[2]
        match = _NUMBERED.search(name)
        if match is None:
            return cls(level=name, number=None)
        level = name[: match.start()].rstrip(_SEPARATORS)
        return cls(level=level, number=int(match["number"]), suffix=match["suffix"])

    def __str__(self) -> str:
        """Return the label for people: ``A3a``, ``cut012 7``, ``cover``."""
        if self.number is None:
            return self.level
        gap = " " if self.level[-1:].isdecimal() else ""
        return f"{self.level}{gap}{self.number}{self.suffix}"

    def __lt__(self, other: FrameId) -> bool:
        return self.order < other.order

    @property
    def order(self) -> tuple[object, ...]:
        """What is compared; as the key of a sort it is made once a frame."""
        number = -1 if self.number is None else self.number
        return _natural(self.level), self.level, number, self.suffix.casefold(), self.suffix


@dataclass(frozen=True)
class FrameRange:
    """The drawings that ``--frames`` selects, of every level.

    A number or a range selects by number, the lettered drawings of that number included; a token
    with a letter selects just that drawing, in either case. No range selects an unnumbered drawing.
    A range is never spelled out in memory, however long it is.
    """

    text: str
    """As the user wrote it; two ranges are equal when their texts are."""
    _numbers: frozenset[int] = field(compare=False, repr=False)
    _ranges: tuple[FrameSet, ...] = field(compare=False, repr=False)
    _lettered: frozenset[tuple[int, str]] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Read ``1-100x2,7,12a``: every second drawing of the first hundred, 7, and 12a alone.

        Raises:
            ConfigurationError: a token is no number, range or lettered drawing; the message names it.
        """
        numbers: set[int] = set()
        ranges: list[FrameSet] = []
        lettered: set[tuple[int, str]] = set()
        for token in (part.strip() for part in text.split(",")):
            if match := _LETTERED_TOKEN.fullmatch(token):
                lettered.add((int(match["number"]), match["suffix"].casefold()))
            elif not (match := _PLAIN_TOKEN.fullmatch(token)):
                raise _unreadable(token, _remedy(token))
            elif match["rest"]:
                ranges.append(_frame_set(token, match["step"]))
            else:
                numbers.add(int(token))
        return cls(text, frozenset(numbers), tuple(ranges), frozenset(lettered))

    def contains(self, frame_id: FrameId) -> bool:
        """Tell whether the drawing is selected."""
        number = frame_id.number
        if number is None:
            return False
        return (
            number in self._numbers
            or (number, frame_id.suffix.casefold()) in self._lettered
            or any(number in frame_set for frame_set in self._ranges)
        )

    def __str__(self) -> str:
        return self.text


def _frame_set(token: str, step: str | None) -> FrameSet:
    """One set a token: fileseq keeps a lone range as its two ends, but spells overlapping ones out."""
    # Takes longer to import than the rest of the light packages together, and most jobs have no range.
    from fileseq.exceptions import MaxSizeException  # noqa: PLC0415
    from fileseq.frameset import FrameSet  # noqa: PLC0415

    if step is not None and int(step) == 0:
        raise _unreadable(token, "a step is at least 1")
    try:
        return FrameSet(token)
    except MaxSizeException as error:
        raise _unreadable(token, "it spans more than 10,000,000 drawings; name a shorter range") from error


def _remedy(token: str) -> str:
    """Guess what was meant by a token outside the syntax."""
    if not token:
        return "there is nothing before or after a comma"
    if ":" in token:
        return f"tools disagree on what ':' means; write a step with x: {token.replace(':', 'x')}"
    if token.startswith("-") or "--" in token:
        return "drawings have no negative numbers"
    if re.fullmatch(rf"{_NUMBER}[A-Za-z]?-{_NUMBER}[A-Za-z]?", token):
        return "a letter names one drawing and begins no range; list such drawings one by one"
    return "it is neither"


def _unreadable(token: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"--frames: cannot read {token!r}: {remedy}. It takes {FRAME_RANGE_SYNTAX}.")


@lru_cache(maxsize=1_000)
def _natural(level: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that compares digits as numbers and letters without their case."""
    pieces = re.findall(rf"({_NUMBER})|([^0-9]+)", level)
    return tuple((0, int(digits), "") if digits else (1, 0, text.casefold()) for digits, text in pieces)
