"""What the columns of the results table are said to be."""

import pytest

from experiments.sweeps.columns import describe_column


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cell", "Address of the cell: hash of its resolved config, data file and code version."),
        ("seed", "Seed of the cell, which determines every random number of it."),
        ("em.errors.weight_kl", "em: weight_kl of the parameters from the truth's."),
        (
            "em.errors.mean_euclidean.mean",
            "em: mean_euclidean of the components from the truth's, mean.",
        ),
        (
            "em.errors.mean_euclidean.max",
            "em: mean_euclidean of the components from the truth's, max.",
        ),
        ("bayes.density.js", "bayes: distance of the density from the truth's, js."),
        ("bayes.density.js.se", "bayes: Monte Carlo standard error of bayes.density.js."),
        (
            "em.clustering.adjusted_rand",
            "em: adjusted Rand index of the labels of the fitted rows and the "
            "truth's optimal ones.",
        ),
        ("em.clustering.agreement", "em: share of rows labelled as the truth would."),
        ("em.clustering.regret", "em: probability of a right label lost per row."),
        ("em.coverage.95", "em: share of true parameters inside its 95 % intervals."),
        ("em.log_likelihood.train", "em: log-likelihood of the fitted rows."),
        ("bayes.log_likelihood.test", "bayes: log-likelihood of the rows held out."),
        (
            "em.matching.ambiguity",
            "em: how unsure the matching of components is, ambiguity: 0 certain, 1 a tie.",
        ),
        ("em.diagnostics.bic", "em: the engine's diagnostic bic."),
        ("em.diagnostics.seconds.fit", "em: wall-clock seconds of its fit alone."),
        ("bayes.seconds", "bayes: wall-clock seconds of the fit."),
        ("agreement.max_abs_z", "Max abs z."),
        (
            "agreement.sd_ratio.bootstrap.median",
            "EM's bootstrap standard error over the posterior's standard "
            "deviation, median over the parameters (mean: geometric).",
        ),
        (
            "agreement.sd_ratio.sandwich.mean",
            "EM's sandwich standard error over the posterior's standard "
            "deviation, mean over the parameters (mean: geometric).",
        ),
        ("agreement.joint.tail", "Share of a normal posterior farther from its mean than EM."),
        ("agreement.joint.squared", "Squared Mahalanobis distance in the posterior covariance."),
        ("certificate.deviance_ratio", "deviance_mean over the number of parameters: tends to 1."),
        (
            "certificate.margin",
            "em - best_draw: negative only when EM is caught in a local optimum.",
        ),
        ("loo.elpd", "Leave-one-out expected log predictive density of the posterior."),
        ("loo.se", "Standard error of loo.elpd."),
        ("verdict.labels.level", "Verdict on labels: ok, warn or fail."),
        ("verdict.labels.value", "The number that the verdict on labels judged."),
        ("verdict.labels.threshold", "What the verdict on labels was judged by."),
        ("log_likelihood.bayes.draws.mean", "Mean."),
        (
            "dataset.sha256",
            "Of the rows to fit: shape, then values as little-endian float64 in C order.",
        ),
        (
            "agreement.method",
            'What EM\'s standard errors come from: "bootstrap", or "information" without one.',
        ),
        ("invented.by_nobody", "Invented, by nobody."),
    ],
)
def test_a_column_is_described_by_its_field_or_its_name(name, text):
    assert describe_column(name) == text


def test_an_axis_is_described_by_the_key_that_varies():
    axes = {"em.n_init": "Number of restarts."}
    assert describe_column("em.n_init", axes) == "Varied: Number of restarts."
