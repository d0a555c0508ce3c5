import pytest

from gmm_bayes.core.jit import digest_of_sources, forget_older_machine_code


def forget(package):
    forget_older_machine_code(package, digest_of_sources(package))


@pytest.fixture
def package(tmp_path):
    (tmp_path / "inner" / "__pycache__").mkdir(parents=True)
    (tmp_path / "inner" / "code.py").write_text("x = 1")
    forget(tmp_path)
    for name in ("f.nbi", "f.1.nbc", "code.pyc"):
        (tmp_path / "inner" / "__pycache__" / name).write_bytes(b"")
    return tmp_path


def caches(package):
    return sorted(path.name for path in (package / "inner" / "__pycache__").iterdir())


def test_machine_code_of_the_same_sources_is_kept(package):
    forget(package)
    assert caches(package) == ["code.pyc", "f.1.nbc", "f.nbi"]


def test_machine_code_goes_when_any_source_changes(package):
    (package / "other.py").write_text("")
    forget(package)
    assert caches(package) == ["code.pyc"]


def test_a_package_that_cannot_be_written_is_left_alone(package, monkeypatch):
    def refuse(path, **options):
        raise PermissionError(path)

    (package / "inner" / "code.py").write_text("x = 2")
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    forget(package)
    assert "f.nbi" in caches(package)
