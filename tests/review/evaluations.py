"""Makes evaluations by hand, for those that show them."""

from tidewaiter.review.evaluation import Background, Evaluation, Fault, Labels, Variations
from tidewaiter.review.score import Answer, Label, false_alerts, missed, score, vary, wrong

HOSTILE = "<script>alert(1)</script>\"'\x1b[31m\u202egnp.exe {{7*7}} </svg>"


def an_answer(scenario: str, label: Label | None, expected: str, found: str, *reasons: str) -> Answer:
    """What was found of a scenario."""
    return Answer(scenario, None, label, expected, found, reasons)


BY_SCENARIO = (
    an_answer("cryptominer", "attack", "alert", "alert", "untrusted: default"),
    an_answer("moved-tag", "attack", "suspicious", "suspicious", "the name moved"),
    an_answer("worm", "attack", "alert", "quiet", "no behaviour", "trust: untrusted by rule default"),
    an_answer("nightly-build", "benign", "quiet", "quiet", "silenced by ci"),
    an_answer("debugging", "benign", "alert", "alert", "strong: suspicious_binary"),
    an_answer("window-901s", None, "suspicious", "suspicious", "late"),
)
BY_CONTAINER = (
    Answer("cryptominer", "3f0a prod web", "attack", "alert", "alert"),
    Answer("worm", "77aa", "attack", "alert", "absent", ("0 of 2 containers fit",)),
)


def an_evaluation(*more: Answer, folder: str = "scenarios", quick: bool = False) -> Evaluation:
    """An evaluation of six scenarios, and of more."""
    answers = (*BY_SCENARIO, *more)
    without = an_answer("cryptominer", "attack", "alert", "suspicious")
    worse = an_answer("nightly-build", "benign", "quiet", "alert")
    variations = Variations(
        time_window=tuple(
            vary(factor, answers, [without] if factor < 1 else answers) for factor in (0.25, 0.5, 1, 2, 4)
        ),
        lateness=tuple(vary(factor, answers, answers) for factor in (0.25, 0.5, 1, 2, 4)),
        baseline_age=(vary(0, answers, answers[:1]), vary(31, answers, [worse])),
        without_source=(
            vary("falco", answers, [an_answer("cryptominer", "attack", "alert", "quiet")]),
            vary("kubernetes_audit", answers, [worse, without]),
        ),
        without_log_source=(vary("NSM:Flow", answers, []),),
    )
    return Evaluation(
        version="1.2.3",
        folder=folder,
        labels=Labels(total=len(answers), attack=3, benign=2, unlabelled=1, with_baseline=1),
        scenarios=score(answers),
        containers=score(BY_CONTAINER),
        wrong=(*wrong(answers), *wrong(BY_CONTAINER)),
        missed=missed(answers),
        false_alerts=false_alerts(answers),
        variations=None if quick else variations,
        background=None
        if quick
        else Background(("telemetry/",), 1_200_000, 48, 1, 3, 7, 0.5, 1.5, ("default",), ("alert: nginx runs sh",)),
        faults=() if quick else (Fault("worm: audit.log.gz", "ends in the middle of its compressed data"),),
        seconds=1.5,
    )
