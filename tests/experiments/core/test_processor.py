import pytest

from experiments.core.processor import processor_line


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t\t: fpu sse2 avx2 avx512f avx512dq\n", "with AVX-512."),
        ("flags\t\t: fpu sse2 avx2\n", "without AVX-512."),
        ("", "not known whether it has AVX-512."),
    ],
)
def test_the_processor_is_named(tmp_path, flags, expected):
    path = tmp_path / "cpuinfo"
    one = f"processor\t: 0\nmodel name\t: Some CPU @ 2.60GHz\n{flags}\n"
    path.write_text(one + one.replace("Some", "Other"))
    line = processor_line(path)
    assert line.startswith("Processor: Some CPU @ 2.60GHz")
    assert line.endswith(expected)


def test_there_is_an_answer_on_every_machine(tmp_path):
    assert processor_line(tmp_path / "none").startswith("Processor: ")
    assert processor_line().startswith("Processor: ")
