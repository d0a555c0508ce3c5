import pytest

from experiments.core.errors import UsageError
from experiments.core.files import refuse_file


def test_a_file_where_a_folder_goes_is_refused_by_name(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("precious")
    for directory in (file, file / "deep" / "down"):
        with pytest.raises(UsageError, match=r"notes\.txt: is a file, allowed is a folder for it"):
            refuse_file(directory, "it")
    refuse_file(tmp_path, "it")
    refuse_file(tmp_path / "new" / "folder", "it")
