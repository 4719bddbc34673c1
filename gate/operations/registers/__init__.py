"""Operations on TPS and CTPS.

- ``importing``  a register file put in force, cancelling that, and the list of imports; bytes that came before get no
                 later day than they had then
- ``in_force``   what is in force, and what was refused since
"""
