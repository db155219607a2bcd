from zk0.federation.checkpoints import checkpoint_path, last_checkpoint


def test_the_last_checkpoint_is_that_of_the_highest_round(tmp_path):
    for number in (0, 2, 10, 9):
        checkpoint_path(tmp_path, number).mkdir(parents=True)
    (tmp_path / "checkpoints" / ".round-011.partial").mkdir()  # a killed save
    (tmp_path / "checkpoints" / "round-best").mkdir()

    assert last_checkpoint(tmp_path) == (10, tmp_path / "checkpoints" / "round-010")


def test_a_folder_without_checkpoints_has_no_last_one(tmp_path):
    assert last_checkpoint(tmp_path) is None
