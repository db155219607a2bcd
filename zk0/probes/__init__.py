"""Contracts that foreign code is run against: a proximal term, an aggregation, an exchange of parameters."""
