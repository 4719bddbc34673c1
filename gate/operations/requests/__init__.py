"""Requests of data subjects.

- ``requests``         the steps of a request; ``request_desk`` puts the parts together, on ``request_base`` and
                       ``request_reads``; ``request_facts``: a request as the log has it
- ``request_search``   what is held about a person; ``request_plan``: what an erasure takes and leaves
- ``erasure``          an erasure carried out, by a second person where two are asked for
- ``request_erasing``  an erasure in an order that survives a kill
- ``request_letters``  the letters of a request, ``request_due``: those that it needs; ``letters``: the firm's templates
                       and mail server
- ``request_watch``    what is due
"""
