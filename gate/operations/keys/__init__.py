"""Who can open recordings.

- ``recipients``  the register of recipients, and who decided it
- ``wraps``       what one key opens given to another, with proof; taken from a key, and again, where it came back with
                  a backup
"""
