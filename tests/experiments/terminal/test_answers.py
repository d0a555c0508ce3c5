"""The whole answer on standard output."""

from experiments.terminal.answers import print_answer
from tests.experiments.pairs import made_pair


def test_a_conclusion_that_repeats_findings_is_left_out(rng, capsys):
    comparison = made_pair(rng, ("estimate", "draws"))
    first, second = (finding.text for finding in comparison.verdict[:2])
    print_answer(comparison, f"{first.rstrip('.')}; {second}")
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(" ".join(first.split())) == said.count(" ".join(second.split())) == 1
    print_answer(comparison, "Believe both.")
    assert capsys.readouterr().out.endswith("\nBelieve both.\n")
