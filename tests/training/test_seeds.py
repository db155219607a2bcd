import torch

from zk0.training.seeds import seed_of, seeded


def test_each_purpose_has_its_own_seed():
    seeds = {seed_of(0, "a", 1), seed_of(0, "a", 2), seed_of(0, "a1"), seed_of(1, "a", 1)}

    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_global_generator_is_given_back_as_it_was():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)

    with seeded(0, "noise"):
        inside = torch.rand(2)

    assert torch.equal(torch.rand(2), wanted)
    with seeded(0, "noise"):
        assert torch.equal(torch.rand(2), inside)
