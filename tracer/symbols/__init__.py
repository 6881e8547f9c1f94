"""Addresses into functions, variables and source lines."""
