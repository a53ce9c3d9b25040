"""The campaign: real servers and service processes under load and faults, then checked to the end.

`command` says how a run goes.
"""
