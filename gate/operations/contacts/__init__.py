"""The CRM's contacts, and files screened in bulk.

- ``list_import``     the CRM's list imported and kept; ``list_reading`` reads and screens it, beside a running gate in
                      a process of its own
- ``rescreening``     contacts screened again when a list or a register changes; ``states``: what a screening changes
- ``forecast``        what would be said of them on a day to come
- ``pages``           what is known of the contacts, by ids that are no numbers; some deleted
- ``file_screening``  a CRM file screened
- ``csv_reader``      any CSV file read without losing a byte
- ``bulk_screener``   columns of numbers, many read at once, decided by ``core.screening.decide``
"""
