"""Registers as people ask for them.

- ``registering``  putting a register in force, and what is in force
- ``importing``    the history of imports, and stopping one that is under way
"""
