"""Who can open recordings.

- ``recipients``  the register of recipients, and who decided it
- ``wraps``       wraps given from one key to another, with proof; taken from a key, also when a backup brings them
                  back
"""
