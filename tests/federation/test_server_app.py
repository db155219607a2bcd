from datetime import UTC, datetime

from zk0.federation.configuration import resolve
from zk0.federation.server_app import output_directory


def test_a_run_writes_where_it_is_told_to(tmp_path):
    assert output_directory(resolve({"output": str(tmp_path / "out")}), run=7) == tmp_path / "out"


def test_a_run_that_is_told_nothing_writes_into_a_new_folder_of_the_cache(cache):
    found = output_directory(resolve({}), run=0xABC)

    assert found.parent == cache / "federated"
    assert found.name.startswith(f"{datetime.now(UTC):%Y%m%d}-")
    assert found.name.endswith("-00000abc")
