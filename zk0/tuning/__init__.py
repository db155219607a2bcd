"""Tune FedProx's mu on paired seeds; a value is changed only where the proof is better than noise."""
