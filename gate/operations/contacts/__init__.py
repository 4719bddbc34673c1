"""The CRM's contacts, and files screened in bulk.

- ``list_import``     the CRM's list imported and kept; ``list_reading`` reads and screens it, beside a running gate in
                      a process of its own
- ``rescreening``     contacts screened again when a list or a register changes; ``states``: what a screening changes
- ``forecast``        their verdicts on a day to come
- ``pages``           lists and counts of contacts, by ids that are no numbers; contacts deleted
- ``file_screening``  a CRM file screened
- ``csv_reader``      any CSV file read without losing a byte
- ``bulk_screener``   columns of numbers, many read at once, decided by ``core.screening.decide``
"""
