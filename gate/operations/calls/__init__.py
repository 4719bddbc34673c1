"""Calls and recordings.

- ``screening``   may this number be dialled: checks, and decisions for phone systems that dial by themselves
- ``calls``       attempts found and shown, a number in full; a recording paused and resumed
- ``warnings``    calls that were made although they had been refused; talks in which nothing came from one side
- ``campaigns``   abandoned calls by campaign, stops and who ends them; outcomes that phone systems report
- ``recordings``  recordings listed, handed out, verified
"""
