"""Races, in the manner of Jepsen: processes that do all at once and write down what they saw, and a checker."""
