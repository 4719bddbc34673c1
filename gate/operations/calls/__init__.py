"""Calls and recordings.

- ``screening``   may this number be dialled: checks, and decisions for phone systems that dial by themselves
- ``calls``       attempts found and shown, a number in full; a recording paused and resumed
- ``warnings``    calls that were made although they had been refused; talks in which nothing came from one side
- ``recordings``  recordings listed, handed out, verified
"""
