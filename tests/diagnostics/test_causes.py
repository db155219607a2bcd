"""The table of causes: every fault has its place, and no fault explains itself."""

import pytest

from zk0.core.faults import Fault
from zk0.diagnostics.causes import EXPLAINS, TIERS, causal_rank, explained_by


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_one_place_in_the_chain_of_causes(fault):
    assert [fault in faults for faults in TIERS].count(True) == 1


@pytest.mark.parametrize("fault", Fault)
def test_no_chain_of_explanations_comes_back_to_where_it_began(fault):
    reached: set[Fault] = set()
    new = set(explained_by(fault))
    while new:
        reached |= new
        new = {further for symptom in new for further in explained_by(symptom)} - reached

    assert fault not in reached


def test_each_line_of_the_table_has_a_reason():
    assert all(reason for symptoms in EXPLAINS.values() for reason in symptoms.values())


def test_a_word_of_a_newer_zk0_explains_nothing_and_comes_last():
    assert not explained_by("flux-capacitor")
    assert not explained_by(None)
    assert causal_rank("flux-capacitor") == causal_rank(None) == len(TIERS)
