"""What a page says that its findings mean."""

import pytest
from markupsafe import escape

from experiments.report.explanations import by_cause, topic_of, topics
from experiments.report.verdict import HeadlineBox, Levels, VerdictList
from experiments.values.comparison import Finding
from experiments.values.headline import Headline


def finding(identity, level="ok"):
    return Finding(id=identity, level=level, text=f"Said of {identity} <b>", value=0, threshold=0)


def test_every_topic_has_a_cause_and_a_text_without_marks_of_markdown():
    assert len(topics()) > 30
    for topic in topics().values():
        html = topic.__html__()
        assert topic.cause
        assert len(topic.text) > 40
        assert not any(mark in html for mark in ("`", "](", "**", "$"))
        assert html.count("<code>") == html.count("</code>")
    assert "<code>em.n_init</code>" in topics()["certificate"].__html__()
    assert "is spurious." in topics()["em-optimum"].__html__().replace("\n", " ")


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("certificate", "certificate"),
        ("bayes-doubt", "doubt"),
        ("loo-nearly", "nearly"),
        ("posterior-k-doubt", "posterior-k-doubt"),
        ("moments-window", None),
    ],
)
def test_a_finding_has_its_topic_or_that_of_its_family(identity, name):
    found = topic_of(finding(identity))
    assert (found and found.name) == name


def test_findings_are_grouped_by_cause_and_the_gravest_stay_first():
    findings = [
        finding("posterior-ess", "fail"),
        finding("rows", "warn"),
        finding("moments-window", "warn"),
        finding("posterior-r-hat"),
    ]
    groups = by_cause(findings)
    assert [cause for cause, _ in groups] == ["The posterior", "The rows", "Other findings"]
    assert [f.id for f in groups[0][1]] == ["posterior-ess", "posterior-r-hat"]
    html = VerdictList(findings).__html__()
    assert html.count("What this means") == 3
    for each in findings:
        assert str(escape(each.text)) in html
    assert "1 failed, 2 to mind, 1 fine." in Levels(findings).__html__()


@pytest.mark.parametrize(
    ("text", "believe", "why"),
    [
        (
            "Believe EM: no posterior <b>. Mind: so.",
            "Believe EM",
            "No posterior &lt;b&gt;. Mind: so.",
        ),
        ("Believe both. Mind: few rows.", "Believe both", "Mind: few rows."),
        ("Believe both.", "Believe both", None),
    ],
)
def test_the_headline_says_first_what_to_believe_and_then_why(text, believe, why):
    html = HeadlineBox(Headline(believe="em", reason="both", text=text, command="")).__html__()
    assert f'<p class="believe">{believe}</p>' in html
    assert (f"<p>{why}</p>" in html) if why else html.count("<p") == 1
