"""Requests of a server: which call each thread serves, and where the time of calls goes."""
