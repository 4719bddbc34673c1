"""Who can open recordings, and what takes two people.

- ``keys``          the register of recipients, and who decided it; ``dropped``: what was taken from a key and came back
                    with a backup
- ``key_rotation``  what one key opens given to another, with proof, or taken from it
- ``proposals``     what takes two people: asked for by one, confirmed by another within a day
"""
