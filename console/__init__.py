"""The console: the Textual app in which admins run the gate and auditors look.

It speaks to the gate's control client alone.
"""
