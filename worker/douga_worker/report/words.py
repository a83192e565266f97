"""How the report says things: reasons, flags and figures in plain words for a studio."""

from __future__ import annotations

from dataclasses import dataclass

from douga_shared.errors import Reason
from douga_shared.recipe import LineWeight, Recipe


@dataclass(frozen=True, slots=True)
class FlagWords:
    """What a quality flag means to the person who looks at the frame."""

    label: str
    """One or two words, for a badge."""
    explanation: str
    """What was found, and what to do about it."""


@dataclass(frozen=True, slots=True)
class FigureWords:
    """What a quality figure measures."""

    label: str
    explanation: str
    unit: str
    """``share`` (0..1, shown in per cent), ``count`` or ``px``."""


FLAG_WORDS = {
    "blank": FlagWords(
        "blank",
        "The scan carries pencil, but no line came out. Check that the scan is not too pale; "
        "a lower strength keeps more.",
    ),
    "blank_scan": FlagWords(
        "empty sheet",
        "Neither the scan nor the drawing holds anything. Check that the sheet was not scanned from behind.",
    ),
    "nearly_blank": FlagWords(
        "nearly blank",
        "Hardly any of the pencil came through. Check that the scan is not too pale; "
        "a lower strength keeps more.",
    ),
    "lost_ink": FlagWords(
        "lost pencil",
        "A good deal of pencil has no clean line near it. Shading and notes are meant to go; "
        "if a contour is missing, try a lower strength.",
    ),
    "invented_ink": FlagWords(
        "invented line",
        "Some clean lines have no pencil near them. Look at the overlay: paper folds, tape and dirt do this.",
    ),
    "mostly_black": FlagWords(
        "mostly black",
        "More line than paper: the scan is a negative, was scanned with the lid open, or is not a drawing. "
        "Invert it or scan it again.",
    ),
    "specks": FlagWords(
        "specks",
        "Many small pieces that are no strokes: dust, paper grain or the remains of hatching. "
        "They have to be erased before painting.",
    ),
    "fog": FlagWords(
        "fog",
        "Much of the drawing is grey, neither line nor paper. The network was not sure here; "
        "2-value outputs may break up.",
    ),
    "odd_size": FlagWords(
        "odd size",
        "The scan's size differs from the other frames of its level. It may be cropped, turned or "
        "scanned on another machine, and will not register.",
    ),
    "odd_regions": FlagWords(
        "odd areas",
        "Far more or far fewer areas to paint than in the frames before and after. Lines may have broken or "
        "been left out; or another drawing slipped in.",
    ),
    "odd_dpi": FlagWords(
        "odd dpi",
        "The scan states another resolution than the other frames of its level. "
        "Check the scanner's setting before compositing.",
    ),
}

FIGURE_WORDS = {
    "uncovered_share": FigureWords(
        "Pencil without line", "Share of the pencil that no clean line covers: lost, or left out.", "share"
    ),
    "invented_share": FigureWords(
        "Line without pencil", "Share of the clean lines that no pencil explains.", "share"
    ),
    "speck_count": FigureWords("Specks", "Pieces too small to be a stroke.", "count"),
    "grey_share": FigureWords("Fog", "Share of the lines that are neither black nor white.", "share"),
    "region_count": FigureWords(
        "Areas to paint", "Paper that lines close off, the one around the drawing included.", "count"
    ),
    "open_end_count": FigureWords(
        "Open ends", "Ends of lines that meet nothing; paint may leak there, or nowhere.", "count"
    ),
    "closed_gap_count": FigureWords("Gaps closed", "Ends joined over paper.", "count"),
    "scan_ink_share": FigureWords("Pencil on the scan", "Share of the sheet that carries pencil.", "share"),
    "line_ink_share": FigureWords("Line in the drawing", "Share of the drawing that is line.", "share"),
    "pencil_width_px": FigureWords("Pencil width", "Median width of the pencil, in scan pixels.", "px"),
}

REASON_WORDS = {
    Reason.EMPTY: "empty file",
    Reason.NOT_AN_IMAGE: "not an image",
    Reason.DAMAGED: "damaged",
    Reason.TOO_LARGE: "too large",
    Reason.MULTI_PAGE: "several pages",
    Reason.UNREADABLE: "unreadable",
    Reason.VANISHED: "gone",
    Reason.NAME_COLLISION: "name taken twice",
    Reason.CRASHED: "crashed",
    Reason.OUT_OF_MEMORY: "out of memory",
    Reason.WRITE_FAILED: "not written",
    Reason.STORE_UNREACHABLE: "store out of reach",
    Reason.UNKNOWN_NETWORK: "network not there",
    Reason.INTERNAL: "fault of Douga's",
    Reason.KILLED_WORKERS: "killed its workers",
}


def flag_words(flag: str) -> FlagWords:
    """Return the words for a flag; a flag newer than this table still gets a readable label."""
    known = FLAG_WORDS.get(flag)
    return known or FlagWords(flag.replace("_", " "), "A check asks for a person's eye on this frame.")


def recipe_words(recipe: Recipe) -> dict[str, str]:
    """Return the recipe as label and value, in reading order."""
    return {
        "Network": recipe.network,
        "Strength": f"{recipe.strength:g}, {_strength_words(recipe.strength)}",
        "Line weight": _weight_words(recipe.line_weight),
        "Vector": recipe.vector.value,
        "Coloured pencils": ", ".join(ink.name for ink in recipe.palette) or "not told apart",
        "Gaps closed": _limit_words(recipe.close_gaps_px, none="none"),
        "Specks dropped": _limit_words(recipe.drop_specks_px, none="none"),
        "Precision": recipe.precision.value,
    }


def duration_words(seconds: float) -> str:
    """Return a duration at the precision a person cares about: ``0.42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _weight_words(weight: LineWeight | float) -> str:
    words = {
        LineWeight.KEEP: "as drawn",
        LineWeight.VARIABLE: "as drawn, changing along the stroke",
        LineWeight.NORMALISED: "the drawing's usual one everywhere",
    }
    return words[weight] if isinstance(weight, LineWeight) else f"{weight:g} px"


def _limit_words(limit_px: float | None, *, none: str) -> str:
    if limit_px is None:
        return "as far as is safe in any drawing"
    return f"up to {limit_px:g} px" if limit_px else none


def _strength_words(strength: float) -> str:
    if strength < 0.3:
        return "keeps most strokes"
    return "balanced" if strength <= 0.7 else "only the essential"
