"""The CRM's contacts, and files screened in bulk.

- ``contacts``         contacts kept, and screened again when a list changes; ``contact_desk``: how people ask
- ``list_import``      a list read (``crm_file``), screened and kept; ``states``: what a screening changes
- ``ids``              ids of contacts, without their number; ``contact_room``: the parts, put together by ``assembly``
- ``file_screening``   a CRM file screened; ``screening_log``: what the log keeps of it
- ``csv_reader``       any CSV file read without losing a byte
- ``bulk_screener``    columns of numbers decided by ``core.screening.decide``; ``number_reader``: many numbers read at
                       once; ``screening``: what that needs of a data folder, beside a gate that runs or not
"""
