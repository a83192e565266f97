"""How the drawings are."""

from __future__ import annotations

from tools.dashboards import parts
from tools.dashboards.parts import (
    GREEN,
    QUALITY,
    RED,
    TONIGHT,
    WORKERS,
    YELLOW,
    Json,
    quantiles,
    query,
    steps,
)


def quality() -> Json:
    """How the drawings are."""
    return parts.dashboard(
        QUALITY,
        "Douga: Quality",
        """How the drawings are: flags that ask a person to look, the figures behind them, file sizes,
        failures. Which frames they are stands in each job's report (`douga report JOB`).""",
        [
            parts.row("How many drawings need a look"),
            *_flags(),
            parts.row("The figures behind the flags"),
            *_shares(),
            parts.row("Files and failures"),
            *_files(),
        ],
        hours=24,
        links=[parts.link("Tonight", TONIGHT), parts.link("Workers", WORKERS)],
    )


def _rate_of(check: str) -> Json:
    return query(
        f"""sum(increase(douga_qc_flags_total{{check="{check}"}}[$__range]))
        / (sum(increase(douga_frames_total{{outcome="done"}}[$__range])) > 0)""",
        check.replace("_", " "),
        is_latest=True,
    )


def _flags() -> list[Json]:
    done = '(sum(increase(douga_frames_total{outcome="done"}[$__rate_interval])) > 0)'
    return [
        parts.stat(
            "Drawings with a flag",
            "Share of the drawings of the time chosen above that a person should look at.",
            [
                query(
                    """sum(increase(douga_flagged_frames_total[$__range]))
                    / (sum(increase(douga_frames_total{outcome="done"}[$__range])) > 0)""",
                    is_latest=True,
                )
            ],
            size=(4, 8),
            unit="percentunit",
            thresholds=steps((None, GREEN), (0.05, YELLOW), (0.2, RED)),
            none="no drawings",
            decimals=1,
        ),
        parts.stat(
            "Blank and foggy",
            """Shares of the drawings: blank though there was something on the scan; of a scan without a
            drawing; foggy, that is grey where it should be black or white. More than a few: a wrong
            recipe, or scans that are too pale.""",
            [_rate_of("blank"), _rate_of("blank_scan"), _rate_of("fog")],
            size=(6, 8),
            unit="percentunit",
            thresholds=steps((None, GREEN), (0.02, YELLOW), (0.1, RED)),
            none="no drawings",
            decimals=1,
        ),
        parts.bars(
            "Flags, by check",
            "How often each check raised its flag in the time chosen above. A drawing may have several.",
            [
                query(
                    "sort_desc(sum by (check) (increase(douga_qc_flags_total[$__range])) > 0)",
                    "{{check}}",
                    is_latest=True,
                )
            ],
            size=(6, 8),
            thresholds=steps((None, YELLOW)),
            none="no flag",
        ),
        parts.series(
            "Flags for each drawing, by check",
            """A check that jumps with a new show or scanner tells of the scans; one that jumps with a new
            version tells of Douga.""",
            [
                query(
                    f"""sum by (check) (increase(douga_qc_flags_total[$__rate_interval])) / on () group_left
                    () {done}""",
                    "{{check}}",
                )
            ],
            unit="percentunit",
        ),
    ]


def _shares() -> list[Json]:
    def of(measure: str) -> list[Json]:
        return quantiles("douga_quality_share", f'measure="{measure}"')

    return [
        parts.series(
            "Lost ink",
            """Share of the scan's ink that the drawing does not cover. Construction lines are meant to go;
            flagged from 0.7.""",
            of("uncovered"),
            unit="percentunit",
            thresholds=steps((None, GREEN), (0.7, RED)),
            most=1,
        ),
        parts.series(
            "Invented ink",
            "Share of the drawing's ink that has nothing under it on the scan. Flagged from 0.1.",
            of("invented"),
            unit="percentunit",
            thresholds=steps((None, GREEN), (0.1, RED)),
            most=1,
        ),
        parts.series(
            "Fog",
            "Share of the drawing's ink that is grey, neither line nor paper. Flagged from 0.25.",
            of("fog"),
            unit="percentunit",
            thresholds=steps((None, GREEN), (0.25, RED)),
            most=1,
        ),
    ]


def _files() -> list[Json]:
    return [
        parts.series(
            "Size of the drawings",
            """Median and 99 % by kind. Vector drawings grow with the nodes of their paths: hatching and dirt
            are many nodes.""",
            [
                query(
                    f"""histogram_quantile({share}, sum by (le, output)
                    (rate(douga_output_bytes_bucket[$__rate_interval])))""",
                    f"{{{{output}}}} {name}",
                )
                for share, name in ((0.5, "median"), (0.99, "99 %"))
            ],
            unit="bytes",
        ),
        parts.series(
            "Failures, by reason",
            """Frames that failed for good. docs/runbook.md says under DougaDeadLettersGrow what each reason
            means.""",
            [query("sum by (reason) (increase(douga_frame_failures_total[$__rate_interval]))", "{{reason}}")],
            is_bars=True,
            is_stacked=True,
        ),
        parts.series(
            "Share of frames that fail",
            "Of the last ten minutes. DougaFramesFail speaks above the line.",
            [query("farm:frames_failed:ratio10m", "failed")],
            unit="percentunit",
            thresholds=steps((None, GREEN), (0.05, RED)),
            most=1,
        ),
    ]
